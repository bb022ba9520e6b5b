// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Why a frame was not delivered.
@frozen
public enum DropCause: Int, Sendable, CaseIterable {
    /// The output's queue was full: its reader is too slow.
    case queueFull
    /// The peer is gone or refuses.
    case peerGone
    /// Larger than the output takes, and not segmentable.
    case tooLarge
    /// The kernel had no memory for it (ENOBUFS).
    case noBuffers
    /// No free slot in the frame pool.
    case noFrameMemory
    /// Shorter than an Ethernet header.
    case runt
    /// Cut by the kernel: longer than any frame may be.
    case truncated
    /// A virtio-net header that contradicts its frame, or asks for more segments than any honest sender does.
    case badHeader
    /// The destination is on the port that the frame came from.
    case sameSegment
    /// Any other error of the output's system call.
    case sendFailed
    /// The port is no member of the frame's VLAN.
    case wrongVLAN
    /// The spanning tree keeps the port from forwarding.
    case portBlocked
    /// A filter said no.
    case filtered
    /// More than the port's rate limit lets through.
    case rateExceeded
    /// Lost on purpose, by an impaired wire.
    case impaired
    /// What carried the frame (a tunnel packet, a length, a ring) is malformed.
    case malformed
    /// A tunnel packet that its key does not open.
    case notAuthentic
    /// A tunnel packet that was here before.
    case replayed
    /// From somebody who is not the configured peer.
    case wrongPeer
    /// Nobody is at the other end (yet).
    case noCarrier
}

/// What went through a port.
public struct PortCounters: Sendable, Equatable {
    public var inFrames: UInt64 = 0
    public var inBytes: UInt64 = 0
    public var outFrames: UInt64 = 0
    public var outBytes: UInt64 = 0
    /// Frames that waited at endpoints of the port when those went: counted there, too, as long as their places are free.
    public var leftFrames: UInt64 = 0

    public init() {}
}
