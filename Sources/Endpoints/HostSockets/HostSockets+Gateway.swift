// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
import Glibc
import LinuxSystem
import Wire

extension HostSockets: GatewayHost {
    // MARK: Opening

    public mutating func connectTCP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection {
        let fd = InternetSocket.makeTCP()
        guard fd >= 0 else { return .failed(HostError(fd)) }
        let result = InternetSocket.connect(fd, address: endpoint.address.rawValue, port: endpoint.port)
        guard result >= 0 || result == InternetSocket.inProgress else {
            InternetSocket.close(fd)
            return .failed(HostError(result))
        }
        // Watched only now: an unconnected socket would report a hang-up.
        guard let socket = add(fd, .tcp, token: token) else { return .failed(.exhausted) }
        return result >= 0 ? .connected(socket) : .inProgress(socket)
    }

    public mutating func connectionResult(_ socket: HostSocket) -> HostConnection {
        let result = InternetSocket.connectionResult(descriptor(socket))
        if result >= 0 { return .connected(socket) }
        return result == InternetSocket.inProgress ? .inProgress(socket) : .failed(HostError(result))
    }

    public mutating func accept(listener: Int, token: GatewayToken) -> HostAcceptance {
        let listening = descriptor(listeners[listener])
        var address: UInt32 = 0
        var port: UInt16 = 0
        // A client that gave up while it waited is nobody's fault; neither are the network errors that accept(2) passes on.
        for _ in 0..<16 {
            let fd = InternetSocket.accept(listening, from: &address, &port)
            if fd >= 0 {
                guard let socket = add(fd, .tcp, token: token) else { return .failed(.exhausted) }
                return .accepted(socket, peer: HostEndpoint(address: IPv4Address(rawValue: address), port: port))
            }
            switch -fd {
            case EAGAIN: return .none
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .failed(.exhausted)
            default: continue
            }
        }
        return .failed(.other)
    }

    public mutating func openUDP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection {
        let fd = InternetSocket.makeUDP()
        guard fd >= 0 else { return .failed(HostError(fd)) }
        let result = InternetSocket.connect(fd, address: endpoint.address.rawValue, port: endpoint.port)
        guard result >= 0 else {
            InternetSocket.close(fd)
            return .failed(HostError(result))
        }
        guard let socket = add(fd, .udp, token: token) else { return .failed(.exhausted) }
        return .connected(socket)
    }

    // MARK: Streams

    public mutating func send(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer {
        transfer(InternetSocket.send(descriptor(socket), bytes))
    }

    public mutating func sendMore(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer {
        transfer(InternetSocket.sendMore(descriptor(socket), bytes))
    }

    public mutating func push(_ socket: HostSocket) { InternetSocket.push(descriptor(socket)) }

    public mutating func peek(
        _ socket: HostSocket,
        offset: Int,
        into buffer: inout MutableSpan<UInt8>
    ) -> HostTransfer {
        let fd = descriptor(socket)
        let kernelOffset = peekOffset(socket)
        if usesPeekOffset {
            // Short answers to short questions never set the option: their peeks all begin at the oldest byte.
            if kernelOffset != offset, kernelOffset >= 0 || offset > 0 {
                let result = InternetSocket.setPeekOffset(fd, Int32(truncatingIfNeeded: offset))
                guard result >= 0 else { return .failed(HostError(result)) }
                setPeekOffset(socket, Int32(truncatingIfNeeded: offset))
            }
            let count = InternetSocket.receive(fd, into: &buffer, peek: true)
            if count > 0, peekOffset(socket) >= 0 {
                setPeekOffset(socket, Int32(truncatingIfNeeded: offset + count))
            }
            return count == 0 ? .endOfStream : transfer(count)
        }
        if offset == 0 {
            let count = InternetSocket.receive(fd, into: &buffer, peek: true)
            return count == 0 ? .endOfStream : transfer(count)
        }
        var waste = scratch.mutableSpan
        let count = InternetSocket.peek(fd, skip: offset, scratch: &waste, into: &buffer)
        if count > offset { return .bytes(count - offset) }
        guard count >= 0 else { return transfer(count) }
        // Nothing lies behind what was skipped: the stream's end, if the peer's FIN is here, or nothing yet.
        return InternetSocket.hasReadHangUp(fd) ? .endOfStream : .wouldBlock
    }

    public mutating func discard(_ socket: HostSocket, byteCount: Int) {
        let fd = descriptor(socket)
        var left = byteCount
        while left > 0 {
            let count = InternetSocket.discard(fd, byteCount: left)
            guard count > 0 else { break }
            left -= count
        }
        let offset = peekOffset(socket)
        if offset >= 0 { setPeekOffset(socket, max(offset - Int32(truncatingIfNeeded: byteCount - left), 0)) }
    }

    public mutating func shutdownWrite(_ socket: HostSocket) { InternetSocket.shutdownWrite(descriptor(socket)) }

    public mutating func close(_ socket: HostSocket) {
        if let fd = release(socket) { InternetSocket.close(fd) }
    }

    public mutating func reset(_ socket: HostSocket) {
        if let fd = release(socket) { InternetSocket.reset(fd) }
    }

    // MARK: Datagrams

    public mutating func sendDatagram(
        _ socket: HostSocket,
        _ bytes: Span<UInt8>,
        segmentByteCount: Int
    ) -> HostTransfer {
        let fd = descriptor(socket)
        guard segmentByteCount > 0 else { return datagram(InternetSocket.send(fd, bytes)) }
        let count = InternetSocket.send(fd, bytes, segment: UInt16(truncatingIfNeeded: segmentByteCount))
        // Some ways cannot cut (IPsec, an MTU below the segment's size): one by one then.
        guard count == -Int(EINVAL) || count == -Int(EIO) || count == -Int(EMSGSIZE) else { return datagram(count) }
        var start = 0
        while start < bytes.count {
            let end = min(start + segmentByteCount, bytes.count)
            let result = InternetSocket.send(fd, bytes.extracting(start..<end))
            guard result >= 0 else { return datagram(result) }
            start = end
        }
        return .bytes(bytes.count)
    }

    public mutating func receiveDatagram(_ socket: HostSocket, into buffer: inout MutableSpan<UInt8>) -> HostTransfer {
        datagram(InternetSocket.receive(descriptor(socket), into: &buffer, peek: false))
    }

    public mutating func receiveDatagram(listener: Int, into buffer: inout MutableSpan<UInt8>) -> HostDatagram {
        var address: UInt32 = 0
        var port: UInt16 = 0
        let count = InternetSocket.receive(descriptor(listeners[listener]), into: &buffer, from: &address, &port)
        if count >= 0 {
            return .received(count, from: HostEndpoint(address: IPv4Address(rawValue: address), port: port))
        }
        return count == InternetSocket.wouldBlock ? .wouldBlock : .failed(HostError(Int32(truncatingIfNeeded: count)))
    }

    public mutating func sendDatagram(
        listener: Int,
        _ bytes: Span<UInt8>,
        to endpoint: HostEndpoint
    ) -> HostTransfer {
        datagram(
            InternetSocket.send(
                descriptor(listeners[listener]),
                bytes,
                to: endpoint.address.rawValue,
                port: endpoint.port
            )
        )
    }

    // MARK: Results

    private func transfer(_ count: Int) -> HostTransfer {
        if count >= 0 { return .bytes(count) }
        return count == InternetSocket.wouldBlock ? .wouldBlock : .failed(HostError(Int32(truncatingIfNeeded: count)))
    }

    /// As `transfer`; a full device queue (ENOBUFS) loses the datagram as any network may.
    private func datagram(_ count: Int) -> HostTransfer { count == -Int(ENOBUFS) ? .wouldBlock : transfer(count) }
}

extension HostError {
    /// From `-errno`.
    init(_ result: Int32) {
        switch -result {
        case ECONNREFUSED: self = .refused
        case ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN: self = .reset
        case ENETUNREACH, ENETDOWN: self = .networkUnreachable
        case EHOSTUNREACH, EHOSTDOWN: self = .hostUnreachable
        case ETIMEDOUT: self = .timedOut
        case EACCES, EPERM: self = .prohibited
        case EMSGSIZE: self = .tooLong
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN: self = .exhausted
        default: self = .other
        }
    }
}
