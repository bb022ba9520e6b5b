// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// An address and a port on the host's side of the gateway.
@frozen
public struct HostEndpoint: Hashable, Sendable {
    public var address: IPv4Address
    public var port: UInt16

    @inlinable
    public init(address: IPv4Address, port: UInt16) {
        self.address = address
        self.port = port
    }
}

/// A host socket as the gateway knows it: a place in the host's table and the generation of that place, so that a handle
/// kept too long reaches nothing instead of somebody else's socket.
@frozen
public struct HostSocket: Hashable, Sendable {
    public var rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// No socket.
    @inlinable public static var none: HostSocket { HostSocket(rawValue: .max) }
}

/// The gateway's own name for what a socket belongs to. It is given to the host with each socket and comes back with the
/// socket's readiness; the host does not look into it.
@frozen
public struct GatewayToken: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What a host socket became ready for, since it was last reported (edge-triggered).
@frozen
public struct HostEvents: OptionSet, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// There is something to read, a connection to accept, or the peer's end.
    @inlinable public static var readable: HostEvents { HostEvents(rawValue: 1) }
    /// There is room to write again, or a connection attempt ended.
    @inlinable public static var writable: HostEvents { HostEvents(rawValue: 2) }
    /// The peer will send nothing more; everything it sent is in the receive queue.
    @inlinable public static var readHangUp: HostEvents { HostEvents(rawValue: 4) }
    /// An error is pending; the next call on the socket tells it.
    @inlinable public static var error: HostEvents { HostEvents(rawValue: 8) }
    /// Urgent data is on its way: reads may stop short before it.
    @inlinable public static var urgent: HostEvents { HostEvents(rawValue: 16) }
}

/// Why an operation on a host socket failed, as far as a guest can be told.
@frozen
public enum HostError: UInt8, Sendable {
    /// Nobody listens there (ECONNREFUSED).
    case refused
    /// The peer broke the connection (ECONNRESET, EPIPE).
    case reset
    /// No route to the network (ENETUNREACH).
    case networkUnreachable
    /// The host does not answer (EHOSTUNREACH).
    case hostUnreachable
    /// The peer did not answer in time (ETIMEDOUT).
    case timedOut
    /// The host's policy forbids it (EACCES, EPERM).
    case prohibited
    /// The datagram is too long for the way (EMSGSIZE).
    case tooLong
    /// No descriptor, port or memory is left (EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM, or the table is full).
    case exhausted
    /// Anything else.
    case other
}

/// What came of moving bytes.
@frozen
public enum HostTransfer: Sendable {
    /// So many bytes moved: more than none, but for an empty datagram.
    case bytes(Int)
    /// Nothing can be moved now; readiness will be reported.
    case wouldBlock
    /// The peer's stream ends here.
    case endOfStream
    /// The socket is of no use any more.
    case failed(HostError)
}

/// What came of opening a socket or of a connection attempt.
@frozen
public enum HostConnection: Sendable {
    case connected(HostSocket)
    /// The attempt goes on; `writable` or `error` will be reported.
    case inProgress(HostSocket)
    case failed(HostError)
}

/// What came of accepting a connection.
@frozen
public enum HostAcceptance: Sendable {
    /// A connection from the peer.
    case accepted(HostSocket, peer: HostEndpoint)
    /// No connection waits; `readable` will be reported.
    case none
    /// One could not be accepted and waits on.
    case failed(HostError)
}

/// A datagram that was received on a socket without a fixed peer.
@frozen
public enum HostDatagram: Sendable {
    case received(Int, from: HostEndpoint)
    case wouldBlock
    case failed(HostError)
}

/// The sockets of the host, as the gateway uses them: nothing ever waits, "would block" is a value, and readiness is
/// reported on changes only. One thread calls everything.
///
/// A socket is closed by `close` or `reset` only; an operation that failed leaves it open.
public protocol GatewayHost: ~Copyable {
    /// Starts a TCP connection.
    mutating func connectTCP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection

    /// How a connection attempt that was in progress stands.
    mutating func connectionResult(_ socket: HostSocket) -> HostConnection

    /// Takes the next waiting connection of forward number `listener`.
    mutating func accept(listener: Int, token: GatewayToken) -> HostAcceptance

    /// Sends stream data: how much of it the kernel took. When that is less than all, room is reported as `writable`.
    mutating func send(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer

    /// Sends stream data that will soon be followed by more, or by `push`: the kernel may wait for it to make larger segments.
    mutating func sendMore(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer

    /// Sends what `sendMore` left waiting.
    mutating func push(_ socket: HostSocket)

    /// Copies received data into `buffer` and leaves it received: from `offset` bytes behind the oldest byte that was not
    /// discarded. Fewer bytes than fit mean that there are no more now; more are reported as `readable`.
    mutating func peek(_ socket: HostSocket, offset: Int, into buffer: inout MutableSpan<UInt8>) -> HostTransfer

    /// Throws the oldest `byteCount` received bytes away, which were peeked before.
    mutating func discard(_ socket: HostSocket, byteCount: Int)

    /// Ends the sending half (FIN).
    mutating func shutdownWrite(_ socket: HostSocket)

    /// Closes in good order.
    mutating func close(_ socket: HostSocket)

    /// Breaks the connection (RST) and closes.
    mutating func reset(_ socket: HostSocket)

    /// A UDP socket with a fixed peer.
    mutating func openUDP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection

    /// Sends one datagram or, when `segmentByteCount` is not 0, several of that size, the last being the rest.
    mutating func sendDatagram(_ socket: HostSocket, _ bytes: Span<UInt8>, segmentByteCount: Int) -> HostTransfer

    /// Receives one datagram; what exceeds `buffer` is lost.
    mutating func receiveDatagram(_ socket: HostSocket, into buffer: inout MutableSpan<UInt8>) -> HostTransfer

    /// Receives one datagram of UDP forward number `listener`.
    mutating func receiveDatagram(listener: Int, into buffer: inout MutableSpan<UInt8>) -> HostDatagram

    /// Answers from the address of UDP forward number `listener`.
    mutating func sendDatagram(listener: Int, _ bytes: Span<UInt8>, to endpoint: HostEndpoint) -> HostTransfer
}

/// For hosts that do not tell the two ways of sending apart.
extension GatewayHost where Self: ~Copyable {
    public mutating func sendMore(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer { send(socket, bytes) }
    public mutating func push(_ socket: HostSocket) {}
}
