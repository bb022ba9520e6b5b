// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One thing that a running lab has, with the requests to its keeper that make it and that take it away.
public struct Resource: Sendable, Equatable {
    /// In the order in which things are made; they are removed in the opposite order.
    public enum Kind: String, Sendable, CaseIterable, Comparable {
        /// A kernel bridge in the lab's network namespace.
        case bridge
        /// What joins a bridge with the fabric, for gateways and whatever else no bridge has.
        case companion
        /// A switch, hub or multiplexer of the fabric.
        case segment
        /// What all members of a segment may send and see.
        case rules
        /// A port to somewhere else: an uplink, a tunnel.
        case port
        /// A cable between two segments.
        case patch
        case gateway
        /// A helper program.
        case element
        case forward
        case guest
        /// What the owner of an interface may send and see.
        case filter
        case impairment
        /// Whether an interface's cable is connected.
        case carrier
        /// What an interface is plugged into.
        case plug

        public static func < (left: Kind, right: Kind) -> Bool { left.order < right.order }
        private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    public var kind: Kind
    public var name: String
    public var make: [[String]]
    public var remove: [[String]]
    /// Keys of what it is built on: when that is made anew, so is this.
    public var needs: [String]
    /// A few words for people, behind kind and name.
    public var note: String

    public init(
        _ kind: Kind,
        _ name: String,
        make: [[String]],
        remove: [[String]],
        needs: [String] = [],
        note: String = ""
    ) {
        self.kind = kind
        self.name = name
        self.make = make
        self.remove = remove
        self.needs = needs
        self.note = note
    }

    public var key: String { Self.key(kind, name) }
    public static func key(_ kind: Kind, _ name: String) -> String { "\(kind.rawValue) \(name)" }
}
