// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import LinuxSystem

/// Where frames enter and leave the process.
///
/// # Theory of operation
///
/// An endpoint is one descriptor and the way frames are read from and written to it. It has no queue, no buffer and no
/// counter of its own: it fills frames of the pool it is given and says how many there were; what it could not send stays
/// with the caller. Nothing waits: "would block" is a count like any other.
///
///     datagram   one plain frame a datagram (VDE, `ctl`)
///     tap        virtio-net header and frame by read and write (a tap device)
///     channel    virtio-net header and frame a message (our `attach` socket's SOCK_SEQPACKET pair)
///
/// Kinds are cases of one non-copyable enumeration: dispatch is a jump, not a witness table, and nothing is retained.
public enum Endpoint: ~Copyable, Sendable {
    case datagram(DatagramEndpoint)
    case tap(TapEndpoint)
    case channel(ChannelEndpoint)

    /// What became of a burst's reading.
    @frozen
    public enum ReceiveResult: Sendable, Equatable {
        /// Nothing more waits at the moment.
        case drained
        /// The burst is full; more may wait.
        case more
        /// The other end is gone for good.
        case ended
    }

    /// Why sending stopped before the end of a burst.
    @frozen
    public enum SendResult: Sendable, Equatable {
        /// All frames went or were dropped for a cause that was counted.
        case done
        /// The rest, from this index on, has to wait until the descriptor is writable.
        case blocked(from: Int)
    }

    public var rawDescriptor: Int32 {
        switch self {
        case .datagram(let endpoint): endpoint.descriptor.rawValue
        case .tap(let endpoint): endpoint.descriptor.rawValue
        case .channel(let endpoint): endpoint.descriptor.rawValue
        }
    }

    /// Number of the kind, as the state memory keeps it.
    public var kind: EndpointKind {
        switch self {
        case .datagram: .datagram
        case .tap: .tap
        case .channel: .channel
        }
    }

    /// What frames this endpoint takes as they are.
    public var capabilities: PortCapabilities {
        switch self {
        case .datagram: []
        case .tap(let endpoint): endpoint.capabilities
        case .channel: .all
        }
    }

    /// Fills `burst` with frames that wait, at most `Tunables.burstFrameCount` and about `Tunables.burstByteCount` bytes.
    /// Each frame has one holder, the caller. What arrived damaged is dropped and counted.
    public func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> ReceiveResult {
        switch self {
        case .datagram(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .tap(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .channel(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        }
    }

    /// Sends the frames of `burst` from index `first` on. The frames' holds stay with the caller.
    public func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> SendResult {
        switch self {
        case .datagram(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .tap(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .channel(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        }
    }
}

/// Kinds of endpoints, as numbered in the state memory.
@frozen
public enum EndpointKind: UInt32, Sendable {
    case datagram = 1
    case tap = 2
    case channel = 3
    /// The gateway inside the process: no descriptor.
    case gateway = 4
}
