// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// Notices when one address is tossed between two ports: what a loop of cables looks like without a spanning tree.
///
/// A station that moves does so once; a loop brings the same source address back on another port with every broadcast. So
/// an address that would move `threshold` times within one second is a sign, said once a minute at most. One address is
/// watched at a time: whichever moves most keeps the place (the majority vote of Boyer and Moore).
public struct LoopWatch: Sendable {
    /// A pair of ports that one address was seen on alternately.
    public struct Suspicion: Sendable, Equatable {
        public let address: MACAddress
        public let vlan: UInt16
        public let oldPort: Int
        public let port: Int
    }

    /// Moves in a second from which on it is said.
    public static var threshold: Int { 64 }
    static var silenceSeconds: UInt16 { 60 }

    private var watched: (address: MACAddress, vlan: UInt16) = (.zero, 0)
    private var count = 0
    private var second: UInt16 = 0
    private var lastSaid: UInt16?
    private var pending: Suspicion?
    /// Seconds in which a loop was seen.
    public private(set) var seenCount: UInt64 = 0
    private var hasSeen = false

    public init() {}

    /// An address that was on one port came from another.
    mutating func note(_ address: MACAddress, vlan: UInt16, from old: Int, to port: Int, now: UInt16) {
        if now != second {
            second = now
            count = 0
            hasSeen = false
        }
        if watched.address == address, watched.vlan == vlan {
            count += 1
        } else if count == 0 {
            watched = (address, vlan)
            count = 1
        } else {
            count -= 1
        }
        guard count >= Self.threshold, !hasSeen else { return }
        hasSeen = true
        seenCount &+= 1
        if let lastSaid, now &- lastSaid < Self.silenceSeconds { return }
        lastSaid = now
        pending = Suspicion(address: address, vlan: vlan, oldPort: old, port: port)
    }

    /// There is something to say.
    public var hasSuspicion: Bool { pending != nil }

    public mutating func takeSuspicion() -> Suspicion? { pending.take() }
}
