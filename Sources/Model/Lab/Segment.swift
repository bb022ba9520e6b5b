// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What joins interfaces.
public enum SegmentKind: String, Sendable, Codable, CaseIterable {
    /// Learns where addresses are.
    case `switch`
    /// Sends everything to everybody.
    case hub
    /// Virtual interfaces with an owner each.
    case multiplexer
    /// The kernel's bridge: each interface has its host side as a real device.
    case bridge
}

/// A network that several interfaces are on.
public struct Segment: Sendable, Equatable {
    public var name: String
    public var kind = SegmentKind.switch
    public var mtu: Int?
    /// Of a bridge: its name in the host's own network namespace; nil: it is in the lab's.
    public var host: String?
    public var spanningTree = false
    /// Networks beyond the lab that it is joined to, as URLs.
    public var uplinks: [String] = []
    /// What every member may send and see.
    public var filter = FilterRules()

    public init(name: String) { self.name = name }
}

/// One end of a link.
public enum LinkEnd: Sendable, Hashable, CustomStringConvertible {
    case interface(guest: String, name: String)
    case segment(String)

    public var description: String {
        switch self {
        case .interface(let guest, let name): "\(guest):\(name)"
        case .segment(let name): name
        }
    }
}

/// A cable between two interfaces, an interface and a segment, or two segments.
public struct Link: Sendable, Equatable {
    public var first: LinkEnd
    public var second: LinkEnd
    /// What happens to frames from the first end to the second, and back.
    public var forth = Impairment()
    public var back = Impairment()
    public var isUp = true

    public init(_ first: LinkEnd, _ second: LinkEnd) {
        self.first = first
        self.second = second
    }
}

/// What a cable does to frames: quantities by name, as `wire` takes them.
public struct Impairment: Sendable, Equatable {
    /// In the order of the file; numbers in the units of `wire`: milliseconds, percent, bytes a second.
    public var values: [Value] = []
    /// A set of values to begin with.
    public var preset: String?

    public struct Value: Sendable, Equatable {
        public var key: String
        public var text: String
        public init(key: String, text: String) {
            self.key = key
            self.text = text
        }
    }

    public init() {}
    public var isEmpty: Bool { values.isEmpty && preset == nil }
}

/// What a member of a network may send, and what it gets.
public struct FilterRules: Sendable, Equatable {
    /// Addresses and networks that are its own: nothing else is let out or in.
    public var allow: [String] = []
    /// Expressions of libpcap's syntax that frames must match.
    public var send: String?
    public var receive: String?

    public init() {}
    public var isEmpty: Bool { allow.isEmpty && send == nil && receive == nil }
}
