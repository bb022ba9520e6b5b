// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
import Wire

/// What consoles have set of the spanning tree: one tree for each VLAN.
public struct SpanningTreeSettings: Sendable, Equatable {
    /// A port that costs less in one VLAN.
    public struct Bonus: Sendable, Equatable {
        public var port = 0
        public var cost = 0
    }

    public internal(set) var isOn: Bool
    /// Upper two bytes of the bridge's identifier.
    public let priority: UInt16
    /// Ports where no bridge is, by VLAN.
    public internal(set) var edges: [UInt16: Set<Int>] = [:]
    public internal(set) var bonuses: [UInt16: Bonus] = [:]

    init(isOn: Bool, priority: UInt16) {
        self.isOn = isOn
        self.priority = priority
    }
}

extension Switch {
    /// Whether it is on now; in hub mode there is none. One that is on already goes on undisturbed.
    @discardableResult
    public func setSpanningTree(_ isOn: Bool) -> Bool {
        guard !isHub else { return false }
        guard spanningTree.isOn != isOn else { return true }
        spanningTree.isOn = isOn
        applySpanningTree()
        if !isOn { reportOwnRoot(vlans.sorted()) }
        return true
    }

    /// In these VLANs this switch is its own root: they are new, or their trees have ended.
    func reportOwnRoot(_ vlans: [UInt16]) {
        let root = UInt64(spanningTree.priority) << 48 | address.rawValue
        for vlan in vlans { report(.treeRoot(vlan: vlan, port: 0, root)) }
    }

    func applySpanningTree() {
        dataPlane.setSpanningTree(
            spanningTree.isOn ? SpanningTreeConfiguration(address: address, priority: spanningTree.priority) : nil
        )
    }

    /// Tells the data plane what was set for one VLAN.
    private func applyTreeSettings(_ vlan: UInt16) {
        var settings = SpanningTree.Settings()
        settings.edgePorts = spanningTree.edges[vlan] ?? []
        if let bonus = spanningTree.bonuses[vlan], bonus.port > 0 {
            settings.bonusPort = bonus.port
            settings.bonusCost = UInt32(clamping: bonus.cost)
        }
        dataPlane.setSpanningTree(vlan: vlan, settings)
    }

    /// Passes on what the spanning tree has decided.
    func take(_ event: SpanningTreeEvent) {
        switch event {
        case .state(let vlan, let port, let state):
            // Every port begins by discarding: its addition has said so. vde_autolink falls over two events in one read.
            let isNew = newTreePorts.remove(TreePlace(vlan: vlan, port: port)) != nil
            if isNew, state == .discarding { return }
            report(.treeState(vlan: vlan, port: port, TreePortState(state)))
        case .root(let vlan, let root, let port): report(.treeRoot(vlan: vlan, port: port ?? 0, root))
        case .added(let vlan, let port):
            newTreePorts.insert(TreePlace(vlan: vlan, port: port))
            report(.treePortAdded(vlan: vlan, port: port))
        case .removed(let vlan, let port):
            newTreePorts.remove(TreePlace(vlan: vlan, port: port))
            report(.treePortRemoved(vlan: vlan, port: port))
        case .role: break
        }
    }

    /// Declares that no bridge is behind a port in this VLAN.
    public func setEdge(vlan: Int, port: Int, _ isEdge: Bool) throws(Errno) {
        let vlan = try checkTree(vlan, port)
        if isEdge {
            spanningTree.edges[vlan, default: []].insert(port)
        } else {
            spanningTree.edges[vlan]?.remove(port)
        }
        applyTreeSettings(vlan)
    }

    /// Lowers the cost of one port in this VLAN.
    public func setBonus(vlan: Int, port: Int, cost: Int) throws(Errno) {
        let vlan = try checkTree(vlan, port)
        spanningTree.bonuses[vlan] = SpanningTreeSettings.Bonus(port: port, cost: cost)
        applyTreeSettings(vlan)
    }

    /// Both may be set before the port is there.
    private func checkTree(_ vlan: Int, _ port: Int) throws(Errno) -> UInt16 {
        let vlan = try self.vlan(vlan, limit: 4094)
        try checkRange(port)
        return vlan
    }
}

// MARK: What consoles show

/// What a port does with frames of one VLAN (IEEE 802.1D-2004 clause 17).
public enum TreePortState: Sendable, Equatable { case discarding, learning, forwarding }

/// What a port is in the tree of one VLAN.
public enum TreePortRole: Sendable, Equatable { case root, designated, alternate, backup, edge, unknown }

/// The tree of one VLAN as this switch sees it.
public struct SpanningTreeReport: Sendable, Equatable {
    public struct Port: Sendable, Equatable {
        public var number: Int
        public var isTagged: Bool
        public var cost: Int
        public var role: TreePortRole
    }

    /// Identifiers of bridges: priority in the upper two bytes, then the address.
    public var root: UInt64
    public var designated: UInt64 = .max
    /// 0 when this switch is the root.
    public var rootPort = 0
    public var rootCost = 0
    /// Seconds since the root was last heard of.
    public var age = 0
    public var bonus = SpanningTreeSettings.Bonus()
    public var ports: [Port] = []
}

extension Switch {
    /// The cost of a link of 1 Mbit/s (IEEE 802.1D-2004 table 17-3), which vde_switch gives to every port.
    public static var defaultTreeCost: Int { 20_000_000 }

    /// What a port does with frames of a VLAN.
    public func treeState(of port: SwitchPort, vlan: UInt16) -> TreePortState {
        guard port.isActive else { return .learning }
        guard spanningTree.isOn, let tree = dataPlaneTree(vlan),
            let state = tree.ports.first(where: { $0.number == port.number })?.state
        else { return .forwarding }
        return TreePortState(state)
    }

    private func dataPlaneTree(_ vlan: UInt16) -> SpanningTree.Report? {
        dataPlane.spanningTreeReports().first { $0.vlan == vlan }
    }

    /// The tree of a VLAN; while there is none, what it would begin as.
    public func tree(of vlan: UInt16) -> SpanningTreeReport {
        var report = SpanningTreeReport(root: UInt64(spanningTree.priority) << 48 | address.rawValue)
        report.bonus = spanningTree.bonuses[vlan] ?? SpanningTreeSettings.Bonus()
        if spanningTree.isOn, let tree = dataPlaneTree(vlan) {
            report.root = tree.root
            report.designated = tree.designatedBridge ?? .max
            report.rootPort = tree.rootPort ?? 0
            report.rootCost = Int(tree.rootCost)
            report.age = tree.age
            report.ports = tree.ports.map {
                SpanningTreeReport.Port(
                    number: $0.number,
                    isTagged: $0.isTagged,
                    cost: Int($0.cost),
                    role: TreePortRole($0.role)
                )
            }
            return report
        }
        report.ports = sortedPorts.filter { $0.isActive && $0.isMember(of: vlan) }.map { port in
            let isEdge = spanningTree.edges[vlan]?.contains(port.number) == true
            return SpanningTreeReport.Port(
                number: port.number,
                isTagged: port.untaggedVLAN != vlan,
                cost: Self.defaultTreeCost,
                role: isEdge ? .edge : .designated
            )
        }
        return report
    }
}

extension TreePortState {
    init(_ state: PortStates.State) {
        switch state {
        case .discarding: self = .discarding
        case .learning: self = .learning
        case .forwarding: self = .forwarding
        }
    }
}

extension TreePortRole {
    init(_ role: SpanningTree.Role) {
        switch role {
        case .root: self = .root
        case .designated: self = .designated
        case .alternate: self = .alternate
        case .backup: self = .backup
        case .edge: self = .edge
        }
    }
}

/// A port in the tree of a VLAN.
struct TreePlace: Hashable {
    let vlan: UInt16
    let port: Int
}
