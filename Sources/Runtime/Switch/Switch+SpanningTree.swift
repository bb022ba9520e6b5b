// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

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
    /// Whether it is on now; in hub mode there is none.
    @discardableResult
    public func setSpanningTree(_ isOn: Bool) -> Bool {
        guard !isHub else { return false }
        spanningTree.isOn = isOn
        return true
    }

    /// Declares that no bridge is behind a port in this VLAN.
    public func setEdge(vlan: Int, port: Int, _ isEdge: Bool) throws(Errno) {
        let vlan = try checkTree(vlan, port)
        if isEdge {
            spanningTree.edges[vlan, default: []].insert(port)
        } else {
            spanningTree.edges[vlan]?.remove(port)
        }
    }

    /// Lowers the cost of one port in this VLAN.
    public func setBonus(vlan: Int, port: Int, cost: Int) throws(Errno) {
        let vlan = try checkTree(vlan, port)
        spanningTree.bonuses[vlan] = SpanningTreeSettings.Bonus(port: port, cost: cost)
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

    public func treeState(of port: SwitchPort, vlan: UInt16) -> TreePortState {
        port.isActive ? .forwarding : .learning
    }

    public func tree(of vlan: UInt16) -> SpanningTreeReport {
        var report = SpanningTreeReport(root: UInt64(spanningTree.priority) << 48 | address.rawValue)
        report.bonus = spanningTree.bonuses[vlan] ?? SpanningTreeSettings.Bonus()
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
