// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
import Wire

/// Host sockets in memory. The test is the kernel: it decides what connects, how much is taken, and what arrives.
public struct FakeHost: ~Copyable, GatewayHost {
    public struct Socket {
        public var token: GatewayToken
        public var endpoint: HostEndpoint
        public var isUDP = false
        public var isConnected = false
        /// What the gateway sent, in order.
        public var sent: [UInt8] = []
        /// Datagrams that the gateway sent.
        public var datagrams: [[UInt8]] = []
        /// Bytes that the socket takes before it would block.
        public var room = Int.max
        /// Received data that the gateway has not discarded; datagrams for UDP.
        public var received: [UInt8] = []
        public var receivedDatagrams: [[UInt8]] = []
        public var discarded = 0
        public var isEnded = false
        public var error: HostError?
        public var isShutDown = false
        public var isClosed = false
        public var isReset = false
        public var peeks = 0
    }

    /// What becomes of a TCP connection attempt.
    public enum Answer {
        case connect
        case wait
        case fail(HostError)
    }

    public init() {}

    public var sockets: [Socket] = []
    public var answers: [HostEndpoint: Answer] = [:]
    public var defaultAnswer = Answer.connect
    public var udpErrors: [HostEndpoint: HostError] = [:]
    /// Connections that wait at forwards.
    public var waiting: [Int: [HostEndpoint]] = [:]
    public var acceptError: HostError?
    /// Datagrams that wait at forwards, and those sent back.
    public var forwardDatagrams: [Int: [([UInt8], HostEndpoint)]] = [:]
    public var forwardSent: [([UInt8], HostEndpoint)] = []

    public var openCount: Int { sockets.count { !$0.isClosed && !$0.isReset } }

    private mutating func make(_ socket: Socket) -> HostSocket {
        sockets.append(socket)
        return HostSocket(rawValue: UInt64(sockets.count - 1))
    }

    private func index(_ socket: HostSocket) -> Int { Int(socket.rawValue) }

    public mutating func connectTCP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection {
        switch answers[endpoint] ?? defaultAnswer {
        case .connect: return .connected(make(Socket(token: token, endpoint: endpoint, isConnected: true)))
        case .wait: return .inProgress(make(Socket(token: token, endpoint: endpoint)))
        case .fail(let error): return .failed(error)
        }
    }

    public mutating func connectionResult(_ socket: HostSocket) -> HostConnection {
        let index = index(socket)
        if let error = sockets[index].error { return .failed(error) }
        return sockets[index].isConnected ? .connected(socket) : .inProgress(socket)
    }

    public mutating func accept(listener: Int, token: GatewayToken) -> HostAcceptance {
        if let acceptError { return .failed(acceptError) }
        guard var queue = waiting[listener], !queue.isEmpty else { return .none }
        let peer = queue.removeFirst()
        waiting[listener] = queue
        return .accepted(make(Socket(token: token, endpoint: peer, isConnected: true)), peer: peer)
    }

    public mutating func send(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer {
        let index = index(socket)
        precondition(!sockets[index].isClosed && !sockets[index].isReset && !sockets[index].isShutDown)
        if let error = sockets[index].error { return .failed(error) }
        let count = min(bytes.count, sockets[index].room)
        guard count > 0 else { return .wouldBlock }
        sockets[index].room -= sockets[index].room == .max ? 0 : count
        for position in 0..<count { sockets[index].sent.append(bytes[position]) }
        return .bytes(count)
    }

    public mutating func peek(_ socket: HostSocket, offset: Int, into buffer: inout MutableSpan<UInt8>) -> HostTransfer
    {
        let index = index(socket)
        precondition(!sockets[index].isClosed && !sockets[index].isReset)
        sockets[index].peeks += 1
        let available = sockets[index].received.count - offset
        precondition(available >= 0, "peeked behind the end")
        guard available > 0 else {
            if let error = sockets[index].error { return .failed(error) }
            return sockets[index].isEnded ? .endOfStream : .wouldBlock
        }
        let count = min(available, buffer.count)
        for position in 0..<count { buffer[position] = sockets[index].received[offset + position] }
        return .bytes(count)
    }

    public mutating func discard(_ socket: HostSocket, byteCount: Int) {
        let index = index(socket)
        precondition(byteCount <= sockets[index].received.count, "discarded more than there was")
        sockets[index].received.removeFirst(byteCount)
        sockets[index].discarded += byteCount
    }

    public mutating func shutdownWrite(_ socket: HostSocket) {
        precondition(!sockets[index(socket)].isShutDown)
        sockets[index(socket)].isShutDown = true
    }

    public mutating func close(_ socket: HostSocket) {
        precondition(!sockets[index(socket)].isClosed && !sockets[index(socket)].isReset)
        sockets[index(socket)].isClosed = true
    }

    public mutating func reset(_ socket: HostSocket) {
        precondition(!sockets[index(socket)].isClosed && !sockets[index(socket)].isReset)
        sockets[index(socket)].isReset = true
    }

    public mutating func openUDP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection {
        if let error = udpErrors[endpoint] { return .failed(error) }
        return .connected(make(Socket(token: token, endpoint: endpoint, isUDP: true, isConnected: true)))
    }

    public mutating func sendDatagram(_ socket: HostSocket, _ bytes: Span<UInt8>, segmentByteCount: Int) -> HostTransfer
    {
        let index = index(socket)
        precondition(!sockets[index].isClosed)
        if let error = sockets[index].error {
            sockets[index].error = nil
            return .failed(error)
        }
        guard sockets[index].room > 0 else { return .wouldBlock }
        var start = 0
        repeat {
            let end = segmentByteCount == 0 ? bytes.count : min(start + segmentByteCount, bytes.count)
            sockets[index].datagrams.append((start..<end).map { bytes[$0] })
            start = end
        } while start < bytes.count
        return .bytes(bytes.count)
    }

    public mutating func receiveDatagram(_ socket: HostSocket, into buffer: inout MutableSpan<UInt8>) -> HostTransfer {
        let index = index(socket)
        precondition(!sockets[index].isClosed)
        if let error = sockets[index].error {
            sockets[index].error = nil
            return .failed(error)
        }
        guard !sockets[index].receivedDatagrams.isEmpty else { return .wouldBlock }
        let datagram = sockets[index].receivedDatagrams.removeFirst()
        for position in 0..<min(datagram.count, buffer.count) { buffer[position] = datagram[position] }
        return .bytes(min(datagram.count, buffer.count))
    }

    public mutating func receiveDatagram(listener: Int, into buffer: inout MutableSpan<UInt8>) -> HostDatagram {
        guard var queue = forwardDatagrams[listener], !queue.isEmpty else { return .wouldBlock }
        let (datagram, peer) = queue.removeFirst()
        forwardDatagrams[listener] = queue
        for position in 0..<min(datagram.count, buffer.count) { buffer[position] = datagram[position] }
        return .received(min(datagram.count, buffer.count), from: peer)
    }

    public mutating func sendDatagram(listener: Int, _ bytes: Span<UInt8>, to endpoint: HostEndpoint) -> HostTransfer {
        forwardSent.append((bytes.indices.map { bytes[$0] }, endpoint))
        return .bytes(bytes.count)
    }
}
