// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

extension SpanningTree {
    /// A port of the bridge in this VLAN.
    struct Port: Sendable {
        let number: Int
        var role = Role.designated
        var state = PortStates.State.discarding
        /// What the best bridge beyond has said; nil when this bridge is the best, or nothing was heard.
        var information: Information?
        /// No BPDU came for a while after the port came up: no bridge is beyond.
        var isQuiet = false
        /// Whether a BPDU ever came.
        var hasHeard = false
        /// Those beyond have agreed to this port being designated.
        var isAgreed = false
        /// When the port is taken for a quiet one, `.max` for never.
        var edgeTimer: UInt64
        /// When the port goes on to the next state though nobody agreed.
        var forwardTimer: UInt64
        /// Until when it tells of a change of the topology.
        var changeTold: UInt64 = 0
        /// Sent in the second that began at `sendWindow`.
        var sentCount = 0
        var sendWindow: UInt64 = 0
        var mustSend = false
        var receivedCount = 0
        var receiveWindow: UInt64 = 0

        init(number: Int, now: UInt64) {
            self.number = number
            edgeTimer = now + SpanningTree.edgeDelay
            forwardTimer = now + SpanningTree.forwardDelay
        }

        /// Priority 0x80 and the number, as vde_switch.
        var identifier: UInt16 { 0x8000 | UInt16(truncatingIfNeeded: number) & 0x0fff }

        /// Whoever is beyond takes no part in the tree.
        var isEdge: Bool { role == .edge || isQuiet }
    }

    struct Information: Sendable, Equatable {
        var vector: Vector
        var messageAge: UInt16
        var expiry: UInt64
    }

    /// What the console shows of a tree.
    public struct Report: Sendable, Equatable {
        public struct PortReport: Sendable, Equatable {
            public let number: Int
            public let isTagged: Bool
            public let cost: UInt32
            public let role: Role
            public let state: PortStates.State
        }

        public let vlan: UInt16
        public let isRoot: Bool
        /// Identifier of the root: priority in the upper 16 bits.
        public let root: UInt64
        /// Identifier of the next bridge on the way to the root, nil at the root.
        public let designatedBridge: UInt64?
        public let rootPort: Int?
        public let rootCost: UInt32
        /// Seconds since the root's latest word, or since this bridge is the root.
        public let age: Int
        public let settings: Settings
        public let ports: [PortReport]
    }

    /// - Parameter isTagged: whether a port is a tagged member of the VLAN.
    public func report(now: UInt64, isTagged: (_ port: Int) -> Bool) -> Report {
        Report(
            vlan: vlan,
            isRoot: isRoot,
            root: way.root,
            designatedBridge: rootPort.flatMap { ports[$0].information?.vector.bridge },
            rootPort: rootPort.map { ports[$0].number },
            rootCost: way.cost,
            age: Int((now - min(now, rootHeard)) / Self.second),
            settings: settings,
            ports: ports.indices.map { index in
                Report.PortReport(
                    number: ports[index].number,
                    isTagged: isTagged(ports[index].number),
                    cost: cost(index),
                    role: ports[index].role,
                    state: ports[index].state
                )
            }
        )
    }
}
