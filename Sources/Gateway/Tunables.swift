// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// How much of everything one gateway may use. The state memory is sized by it; memory is taken only when touched.
public struct GatewayLimits: Sendable, Equatable {
    /// TCP connections at a time.
    public var tcpFlowCount = 16_384
    /// UDP conversations at a time; one that was silent for long makes room.
    public var udpFlowCount = 4096
    /// TCP connections at a time that are not yet established, outbound and inbound together: a guest that sends SYNs
    /// only uses up these.
    public var halfOpenCount = 2048
    /// Pieces of 32 KiB for data that host sockets did not take yet: 64 MiB.
    public var spillChunkCount = 2048
    /// Bytes that one connection may hold back, which is also the window offered to guests: well above bandwidth times
    /// delay of a local link (10 Gb/s times 200 µs is 250 KB); longer ways are for the kernel's sockets to fill.
    public var spillByteCountPerFlow = 1 << 20
    /// Guests whose Ethernet addresses are known.
    public var neighbourCount = 4096
    /// Addresses given by DHCP at most.
    public var leaseCount = 4096

    public init() {}
}

/// Fixed numbers of the gateway, each with its unit and its reason. Times are in nanoseconds.
public enum GatewayTunables {
    /// Largest segment that is gathered with the following ones before it goes to the host: those of jumbo frames.
    static let gatheredSegmentByteCount = 9000
    /// Forwards of one gateway.
    public static let maximumForwardCount = 1024
    /// Name servers that are tried; resolv.conf(5) knows three.
    public static let maximumResolverCount = 4

    static let second: UInt64 = 1_000_000_000

    // MARK: TCP

    /// Bits by which our windows are shifted: 8 MiB can be said, in steps of 128 bytes.
    static let windowShift: UInt8 = 7
    /// The smallest segment size believed (Linux `TCP_MIN_MSS`): a smaller one is an attack on the packet rate.
    static let minimumSegment: UInt16 = 88
    /// Without the option (RFC 9293 section 3.7.1).
    static let defaultSegment: UInt16 = 536
    /// First congestion window, in bytes: two super-frames. The link is local; a stock datagram socket behind it queues
    /// about as much.
    static let initialCongestionWindow: UInt32 = 128 * 1024
    /// The congestion window grows no further: more than any guest's window.
    static let maximumCongestionWindow: UInt32 = 16 << 20
    /// Microseconds. RFC 6298 says 1 s at first; its lower bound of 1 s is for wide networks, Linux uses 200 ms.
    static let initialTimeout: UInt32 = 1_000_000
    static let minimumTimeout: UInt32 = 200_000
    static let maximumTimeout: UInt32 = 60_000_000
    /// SYN and SYN-ACK are sent so often again: 1, 2, 4, … s, a minute in all.
    static let synRetries: UInt8 = 5
    /// Data is sent so often again before the guest counts as gone: eight minutes, so that a machine may be suspended.
    static let dataRetries: UInt8 = 15
    /// Bytes that one connection may send in one turn of the loop, before others get theirs: four super-frames.
    static let turnByteCount = 256 * 1024
    /// A tuple rests so long after a connection that the host's side ended: twice what a segment can wait in the queues
    /// of a local link, generously.
    static let restTime: UInt64 = 10 * second
    /// The host's kernel gives a connection attempt up after about 130 s; so do we, should it not tell.
    static let connectTime: UInt64 = 150 * second
    /// A connection that was silent for so long may be broken when there is no room for a new one.
    static let idleTime: UInt64 = 300 * second
    /// Connections accepted from one forward in one turn.
    static let acceptsPerTurn = 16
    /// Accepting goes on after this time when descriptors had run out.
    static let acceptRetryTime: UInt64 = second / 10
    /// Ports that are tried when a client's port is taken (RFC 6056 uses the same range).
    static let portAttempts = 32

    // MARK: UDP

    /// Silence after which a conversation ends: above the 120 s that RFC 4787 REQ-5 asks for, below common host NATs'.
    static let udpIdleTime: UInt64 = 180 * second
    /// A name question is one datagram each way; resolvers give up after 5 s, most clients too.
    static let dnsIdleTime: UInt64 = 10 * second
    /// A name server that is silent for so long is passed over.
    static let dnsRetryTime: UInt64 = second * 3 / 2
    /// Questions up to this size are kept, to be put to another server: any without large EDNS options.
    static let maximumQueryByteCount = 512
    /// Datagrams that one socket may deliver in one turn.
    static let datagramsPerTurn = 32
    /// Places looked at to find the conversation that was silent longest.
    static let evictionSampleCount = 64

    // MARK: Link

    /// Neighbours whose addresses are asked for at a time.
    static let resolutionCount = 64
    /// An address question is repeated after this time, so often.
    static let arpRetryTime: UInt64 = second / 2
    static let arpAttempts: UInt8 = 6

    // MARK: DHCP

    /// An offer is kept for its client so long.
    static let offerTime: UInt64 = 60 * second
    /// An address that somebody else was found to use is not given for so long.
    static let declineTime: UInt64 = 600 * second
    /// A station seen within this time still uses its address, lease or not.
    static let neighbourFreshTime: UInt64 = 300 * second
}
