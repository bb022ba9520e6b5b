// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What the control thread asks of an endpoint that is plugged in.
public enum EndpointChange: ~Copyable, Sendable {
    /// The cable is there (true) or pulled (false), shown to the other side where the transport can.
    case carrier(Bool)
    /// What the monitor of a virtual machine says about its device.
    case vhost(VhostChange)
    /// The link speed that the other side is to see, in Mbit/s; 0 for unknown. Shown where the transport can.
    case speed(megabits: UInt32)
    /// A tunnel may use this TCP connection: one of ours to the peer, or one that somebody has made to us.
    case tunnelStream(OwnedDescriptor)
}

/// What an endpoint has to say to the control thread.
@frozen
public struct EndpointNotice: Sendable, Equatable {
    /// What happened.
    public var kind: Kind
    /// More about it; its meaning depends on the kind.
    public var value: UInt64

    public init(_ kind: Kind, value: UInt64 = 0) {
        self.kind = kind
        self.value = value
    }

    @frozen
    public enum Kind: UInt32, Sendable {
        /// The other side can be reached (again).
        case peerUp = 1
        /// The other side is silent or refuses; the endpoint stays and waits for it. The value is for how long nothing has come,
        /// in nanoseconds, 0 when that is not known.
        case peerDown = 2
        /// The other side speaks from another address now.
        case peerMoved = 3
        /// A ring of a guest makes no sense and was stopped: the ring's number in bits 8 to 15, the reason below.
        case ringBroken = 16
        /// The cable was plugged in (1) or pulled (0), for the guest to hear.
        case carrierSet = 17
        /// The link's speed was set, in megabits a second.
        case speedSet = 18
        /// The link's speed cannot be shown: the error's number.
        case speedRefused = 19
        /// A stream carries a length that no frame has, the notice's value: nothing behind it can be understood.
        case streamBroken = 20
        /// A tunnel's TCP connection has ended; the value is 0 when packets go another way.
        case tunnelStreamEnded = 40
        /// A tunnel gets no answer by UDP and would try TCP.
        case tunnelWantsStream = 41
    }
}
