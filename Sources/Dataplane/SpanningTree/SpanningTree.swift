// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// One VLAN's spanning tree, as one bridge sees it: rapid spanning tree (IEEE 802.1D-2004 clause 17) in the dialect of
/// vde_switch.
///
/// # Theory of operation
///
/// Bridges tell each other the best way to the root that they know, as vectors that compare word by word: root, cost,
/// sending bridge, its port. From what the ports have heard each port gets its **role**:
///
///     root         our way to the root                       forwards
///     designated   the way to the root for those beyond      forwards when they have agreed
///     alternate    another way, to another bridge            discards; takes over when the root port goes
///     backup       another port of ours to the same cable    discards
///     edge         set by the user: no bridge is beyond      forwards; BPDUs that come in there are refused
///
/// A designated port begins discarding and proposes. Who takes its proposal as the way to the root first makes its own
/// designated ports discard (they propose in turn), then agrees: so the tree is built from the root outwards without ever
/// closing a loop, as fast as frames travel. A port on which no BPDU has come for a moment has no bridge beyond: it
/// forwards without being asked. Timers are for those that do not answer.
///
/// The dialect: hello every 4 s on all ports, not only designated ones; an alternate port's BPDUs carry its bridge's way to
/// the root, and are believed; a root port's do not, they only agree. vde_switch forwards first and proposes nothing, so
/// that an agreement is sent for every new root vector.
///
/// Times come in, actions come out: this does nothing by itself. BPDUs are few (each port sends and takes a bounded number
/// a second), so that plain arrays are good enough.
public struct SpanningTree: Sendable {
    /// What a port is for.
    public enum Role: String, Sendable {
        case root = "Root"
        case designated = "Designated"
        case alternate = "Alternate"
        case backup = "Backup"
        case edge = "Edge"
    }

    /// What the owner of the ports is to do.
    public enum Action: Sendable, Equatable {
        case send(port: Int, BPDU)
        case portAdded(Int)
        /// From now on nothing keeps frames from the port.
        case portRemoved(Int)
        case setState(port: Int, PortStates.State)
        case setRole(port: Int, Role)
        /// The addresses learned on the port may be elsewhere now.
        case flush(port: Int)
        /// Another bridge is the root, or this one is.
        case newRoot(UInt64, port: Int?)
    }

    /// What became of a BPDU.
    public enum Reception: Sendable, Equatable {
        case taken
        /// More than a port may say in a second.
        case tooMany
        /// From beyond an edge port, where no bridge should be.
        case refused
    }

    /// A way to the root: less is better (clause 17.5).
    struct Vector: Sendable, Equatable, Comparable {
        var root: UInt64
        var cost: UInt32
        var bridge: UInt64
        var port: UInt16

        static func < (left: Vector, right: Vector) -> Bool {
            (left.root, left.cost, left.bridge, left.port) < (right.root, right.cost, right.bridge, right.port)
        }
    }

    static var second: UInt64 { 1_000_000_000 }
    /// Seconds between BPDUs when nothing happens, as vde_switch.
    public static var helloTime: UInt64 { 4 * second }
    /// What was heard holds for three hellos (clause 17.21.23).
    static var informationLife: UInt64 { 3 * helloTime }
    /// Discarding, and again learning, for this long when nobody agrees.
    static var forwardDelay: UInt64 { 4 * second }
    /// A port that has heard no bridge for this long is taken for an edge: ten times the round trip of a long cable.
    public static var edgeDelay: UInt64 { second / 4 }
    /// BPDUs that a port sends and takes in a second.
    static var sendLimit: Int { 10 }
    static var receiveLimit: Int { 64 }
    /// What a way over a port costs: the value of a link of 1 Mbit/s (table 17-3), as vde_switch.
    public static var portCost: UInt32 { 20_000_000 }

    public let vlan: UInt16
    /// Priority in the upper 16 bits, the bridge's address below.
    public let identifier: UInt64
    public internal(set) var settings: Settings
    var ports: [Port] = []
    /// The way to the root, as this bridge tells it.
    var way: Vector
    /// Index of the port that it leads over.
    var rootPort: Int?
    /// Age of the root's information in 1/256 s.
    var messageAge: UInt16 = 0
    /// When the root, or its latest word, came.
    var rootHeard: UInt64
    var nextHello: UInt64
    /// Until then no received topology change flushes again: a storm of them would make the bridge a hub.
    var flushAllowed: UInt64 = 0
    var flushDue: UInt64 = .max
    var actions: [Action] = []

    /// What a user may set.
    public struct Settings: Sendable, Equatable {
        public var edgePorts: Set<Int> = []
        /// A port whose cost is lowered, to prefer it.
        public var bonusPort: Int?
        public var bonusCost: UInt32 = 0
        public init() {}
    }

    public init(vlan: UInt16, identifier: UInt64, settings: Settings = Settings(), now: UInt64) {
        self.vlan = vlan
        self.identifier = identifier
        self.settings = settings
        way = Vector(root: identifier, cost: 0, bridge: identifier, port: 0)
        rootHeard = now
        nextHello = now + Self.helloTime
    }

    /// What is to be done; empty afterwards.
    public mutating func takeActions() -> [Action] {
        let taken = actions
        actions = []
        return taken
    }

    public var isRoot: Bool { way.root == identifier }

    func index(of number: Int) -> Int? { ports.firstIndex { $0.number == number } }

    public func hasPort(_ number: Int) -> Bool { index(of: number) != nil }

    // MARK: Ports come and go

    /// Something was plugged in: the port discards until it is known what is beyond.
    public mutating func addPort(_ number: Int, now: UInt64) {
        guard index(of: number) == nil else { return }
        let index = ports.firstIndex { $0.number > number } ?? ports.count
        ports.insert(Port(number: number, now: now), at: index)
        if let rootPort, rootPort >= index { self.rootPort = rootPort + 1 }
        actions.append(.portAdded(number))
        actions.append(.setState(port: number, .discarding))
        if settings.edgePorts.contains(number) {
            become(.edge, index, now: now)
        } else {
            actions.append(.setRole(port: number, .designated))
            send(index, now: now)
        }
    }

    /// The port is empty, or no member of the VLAN any more.
    public mutating func removePort(_ number: Int, now: UInt64) {
        guard let index = index(of: number) else { return }
        ports.remove(at: index)
        actions.append(.portRemoved(number))
        if let rootPort {
            if rootPort == index {
                self.rootPort = nil
                selectRoles(now: now, isForced: true)
            } else if rootPort > index {
                self.rootPort = rootPort - 1
            }
        }
    }

    /// Says whether a port is an edge: no bridge is beyond it, and none is believed to be.
    public mutating func setEdge(_ number: Int, _ isEdge: Bool, now: UInt64) {
        if isEdge { settings.edgePorts.insert(number) } else { settings.edgePorts.remove(number) }
        guard let index = index(of: number), (ports[index].role == .edge) != isEdge else { return }
        ports[index].information = nil
        if isEdge {
            become(.edge, index, now: now)
        } else {
            ports[index].isQuiet = false
            ports[index].edgeTimer = now + Self.edgeDelay
            become(.designated, index, now: now)
            send(index, now: now)
        }
        selectRoles(now: now)
    }

    /// Lowers the cost of one port, and no other.
    public mutating func setBonus(port: Int?, cost: UInt32, now: UInt64) {
        settings.bonusPort = port
        settings.bonusCost = cost
        selectRoles(now: now)
    }

    func cost(_ index: Int) -> UInt32 {
        guard ports[index].number == settings.bonusPort else { return Self.portCost }
        return Self.portCost > settings.bonusCost ? Self.portCost - settings.bonusCost : 1
    }
}
