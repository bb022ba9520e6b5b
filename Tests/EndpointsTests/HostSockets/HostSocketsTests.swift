// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Gateway
import LinuxSystem
import Testing
import Wire

/// The table of host sockets with a real epoll instance, and peers on the loopback interface.
private final class Bench {
    let epoll: Epoll
    var sockets: HostSockets
    private var ready = Epoll.ReadyList()
    static let prefix: UInt64 = 0x7a00 << 48

    init(
        forwards: [PortForward] = [],
        capacity: Int = 64,
        peekMode: HostSockets.PeekMode = .automatic
    ) throws {
        epoll = try Epoll()
        sockets = try HostSockets(
            epoll: epoll.rawDescriptor,
            wordPrefix: Self.prefix,
            forwards: forwards,
            capacity: capacity,
            peekMode: peekMode
        )
    }

    var boundPort: UInt16? { sockets.boundPort(forward: 0) }
    var count: Int { sockets.count }

    /// Waits until a socket is reported ready for one of `events`; everything else on the way is ignored.
    func wait(_ token: GatewayToken, _ events: HostEvents) throws {
        for _ in 0..<100 {
            try epoll.wait(&ready, timeout: 2000)
            try #require(ready.count > 0, "no readiness in two seconds")
            for index in 0..<ready.count {
                #expect(ready.word(index) >> 48 == 0x7a00)
                guard let told = sockets.readiness(word: ready.word(index), events: ready.events(index)) else {
                    continue
                }
                if told.token == token, !told.events.isDisjoint(with: events) { return }
            }
        }
        Issue.record("readiness never came")
    }

    /// A connection to a listener of the test: the gateway's handle and the peer's descriptor.
    func connect(token: GatewayToken = GatewayToken(rawValue: 7)) throws -> (HostSocket, Peer) {
        let listener = try Listener()
        let socket: HostSocket
        switch sockets.connectTCP(to: HostEndpoint(address: .loopback, port: listener.port), token: token) {
        case .connected(let handle): socket = handle
        case .inProgress(let handle):
            socket = handle
            try wait(token, .writable)
        case .failed(let error): throw Failure("connect: \(error)")
        }
        guard case .connected = sockets.connectionResult(socket) else { throw Failure("not connected") }
        return (socket, try listener.accept())
    }

    /// The same with a peer that resets the connection at once.
    func connectAndBreak() throws -> HostSocket {
        let (socket, peer) = try connect()
        // The option is the socket's, so that closing the last descriptor sends the reset.
        InternetSocket.reset(try peer.descriptor.duplicate().release())
        return socket
    }

    func peek(_ socket: HostSocket, offset: Int, count: Int) -> (bytes: [UInt8], isEnd: Bool, isBlocked: Bool) {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let result = sockets.peek(socket, offset: offset, into: &span)
        switch result {
        case .bytes(let found): return (Array(bytes[0..<found]), false, false)
        case .endOfStream: return ([], true, false)
        case .wouldBlock: return ([], false, true)
        case .failed(let error):
            Issue.record("peek: \(error)")
            return ([], false, false)
        }
    }

    func send(_ socket: HostSocket, _ bytes: [UInt8]) -> HostTransfer { sockets.send(socket, bytes.span) }
}

private struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A descriptor of the test's own side, waited for with poll(2).
private final class Peer {
    let descriptor: OwnedDescriptor

    init(_ raw: Int32) throws {
        guard raw >= 0 else { throw Failure("errno \(-raw)") }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = Array(rest)
            let count = InternetSocket.send(descriptor.rawValue, part.span)
            if count > 0 { rest = rest.dropFirst(count) } else { try wait(4) }
        }
    }

    func wait(_ events: Int16) throws {
        let isReady = try Readiness.wait(descriptor, for: events, milliseconds: 2000)
        try #require(isReady, "the peer waited for two seconds")
    }

    /// Received bytes, at most `count`; empty at the end of the stream; negative errno as a failure.
    func receive(_ count: Int) throws -> [UInt8] {
        try wait(1)
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let found = InternetSocket.receive(descriptor.rawValue, into: &span, peek: false)
        guard found >= 0 else { throw Failure("errno \(-found)") }
        return Array(bytes[0..<found])
    }

    func receiveExactly(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try receive(count - bytes.count)
            try #require(!part.isEmpty, "the stream ended early")
            bytes += part
        }
        return bytes
    }
}

private final class Listener {
    let socket: Peer
    let port: UInt16

    init() throws {
        socket = try Peer(InternetSocket.makeTCP())
        try #require(InternetSocket.bind(socket.descriptor.rawValue, address: 0x7f00_0001, port: 0, reuse: true) >= 0)
        try #require(InternetSocket.listen(socket.descriptor.rawValue, backlog: 16) >= 0)
        port = try #require(InternetSocket.localPort(socket.descriptor.rawValue))
    }

    func accept() throws -> Peer {
        try socket.wait(1)
        var address: UInt32 = 0
        var port: UInt16 = 0
        return try Peer(InternetSocket.accept(socket.descriptor.rawValue, from: &address, &port))
    }
}

private func ramp(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

/// Whether this kernel knows SO_PEEK_OFF on TCP sockets.
private let kernelHasPeekOffset: Bool = {
    let fd = InternetSocket.makeTCP()
    defer { InternetSocket.close(fd) }
    return InternetSocket.setPeekOffset(fd, 0) >= 0
}()

@Suite struct HostSocketsTests {
    @Test func aRefusedConnectionSaysSo() throws {
        let bench = try Bench()
        let port = try Listener().port  // Closed again at once: nobody listens there.
        let token = GatewayToken(rawValue: 1)
        switch bench.sockets.connectTCP(to: HostEndpoint(address: .loopback, port: port), token: token) {
        case .failed(let error): #expect(error == .refused)
        case .connected: Issue.record("connected to nobody")
        case .inProgress(let socket):
            try bench.wait(token, .error)
            guard case .failed(.refused) = bench.sockets.connectionResult(socket) else {
                Issue.record("not refused")
                return
            }
            bench.sockets.close(socket)
        }
        #expect(bench.count == 0)
    }

    @Test(arguments: [HostSockets.PeekMode.offset, .skipping])
    func peeksReachAnyOffset(mode: HostSockets.PeekMode) throws {
        try #require(mode != .offset || kernelHasPeekOffset, "this kernel has no SO_PEEK_OFF on TCP")
        let bench = try Bench(peekMode: mode)
        let (socket, peer) = try bench.connect()
        try peer.send(ramp(0..<100_000))
        // All of it has arrived when the last byte can be peeked.
        for _ in 0..<200 where bench.peek(socket, offset: 99_999, count: 1).bytes.isEmpty {
            try bench.wait(GatewayToken(rawValue: 7), .readable)
        }
        #expect(bench.peek(socket, offset: 0, count: 1000).bytes == ramp(0..<1000))
        #expect(bench.peek(socket, offset: 1000, count: 64_000).bytes == ramp(1000..<65_000))
        // Again from the beginning, as after a loss, and then on.
        #expect(bench.peek(socket, offset: 0, count: 10).bytes == ramp(0..<10))
        #expect(bench.peek(socket, offset: 65_000, count: 64_000).bytes == ramp(65_000..<100_000))
        #expect(bench.peek(socket, offset: 100_000, count: 10).isBlocked)
        bench.sockets.discard(socket, byteCount: 70_000)
        #expect(bench.peek(socket, offset: 0, count: 10).bytes == ramp(70_000..<70_010))
        #expect(bench.peek(socket, offset: 20_000, count: 64_000).bytes == ramp(90_000..<100_000))
        bench.sockets.discard(socket, byteCount: 30_000)
        #expect(bench.peek(socket, offset: 0, count: 10).isBlocked)
        try peer.send(ramp(100_000..<100_100))
        try bench.wait(GatewayToken(rawValue: 7), .readable)
        #expect(bench.peek(socket, offset: 40, count: 64_000).bytes == ramp(100_040..<100_100))
        bench.sockets.close(socket)
    }

    @Test(arguments: [HostSockets.PeekMode.offset, .skipping], [0, 500])
    func theEndOfAStreamIsSeenBehindItsData(mode: HostSockets.PeekMode, unread: Int) throws {
        try #require(mode != .offset || kernelHasPeekOffset, "this kernel has no SO_PEEK_OFF on TCP")
        let bench = try Bench(peekMode: mode)
        let (socket, peer) = try bench.connect()
        try peer.send(ramp(0..<500))
        InternetSocket.shutdownWrite(peer.descriptor.rawValue)
        try bench.wait(GatewayToken(rawValue: 7), .readHangUp)
        #expect(bench.peek(socket, offset: 0, count: 1000).bytes == ramp(0..<500))
        if unread == 0 { bench.sockets.discard(socket, byteCount: 500) }
        #expect(bench.peek(socket, offset: unread, count: 10).isEnd)
        bench.sockets.close(socket)
    }

    @Test func aFullSocketTakesPartAndReportsRoom() throws {
        let bench = try Bench()
        let (socket, peer) = try bench.connect()
        let chunk = ramp(0..<60_000)
        var sent = 0
        filling: while sent < 1 << 30 {
            switch bench.send(socket, chunk) {
            case .bytes(let count):
                sent += count
                if count < chunk.count { break filling }
            case .wouldBlock: break filling
            default:
                Issue.record("send failed")
                return
            }
        }
        var received = 0
        while received < sent { received += try peer.receive(1 << 20).count }
        try bench.wait(GatewayToken(rawValue: 7), .writable)
        guard case .bytes = bench.send(socket, [1]) else {
            Issue.record("no room after the queue was drained")
            return
        }
        bench.sockets.close(socket)
    }

    @Test func halfCloseAndClose() throws {
        let bench = try Bench()
        let (socket, peer) = try bench.connect()
        _ = bench.send(socket, [1, 2, 3])
        bench.sockets.shutdownWrite(socket)
        #expect(try peer.receiveExactly(3) == [1, 2, 3])
        #expect(try peer.receive(1).isEmpty)
        try peer.send([9])
        try bench.wait(GatewayToken(rawValue: 7), .readable)
        #expect(bench.peek(socket, offset: 0, count: 8).bytes == [9])
        bench.sockets.discard(socket, byteCount: 1)
        bench.sockets.close(socket)
        #expect(bench.count == 0)
    }

    @Test func resetReachesThePeer() throws {
        let bench = try Bench()
        let (socket, peer) = try bench.connect()
        bench.sockets.reset(socket)
        #expect(throws: Failure.self) { _ = try peer.receive(1) }
    }

    @Test func aBrokenPeerIsAFailureAndNoSignal() throws {
        let bench = try Bench()
        let socket = try bench.connectAndBreak()
        try bench.wait(GatewayToken(rawValue: 7), .error)
        for _ in 0..<2 {
            guard case .failed(.reset) = bench.send(socket, [1]) else {
                Issue.record("sending into a broken connection did not fail")
                return
            }
        }
        bench.sockets.close(socket)
    }

    @Test func handlesOfClosedSocketsReachNothing() throws {
        let bench = try Bench(capacity: 2)
        let (old, _) = try bench.connect()
        bench.sockets.close(old)
        let (new, peer) = try bench.connect(token: GatewayToken(rawValue: 8))
        #expect(old != new)
        guard case .failed = bench.send(old, [1, 2, 3]) else {
            Issue.record("an old handle still works")
            return
        }
        bench.sockets.reset(old)
        bench.sockets.shutdownWrite(old)
        _ = bench.send(new, [4])
        #expect(try peer.receive(10) == [4])
        bench.sockets.close(new)
    }

    @Test func aFullTableRefuses() throws {
        let bench = try Bench(capacity: 1)
        let listener = try Listener()
        let endpoint = HostEndpoint(address: .loopback, port: listener.port)
        let first = bench.sockets.connectTCP(to: endpoint, token: GatewayToken(rawValue: 1))
        guard case .failed(.exhausted) = bench.sockets.connectTCP(to: endpoint, token: GatewayToken(rawValue: 2)) else {
            Issue.record("a second socket in a table of one")
            return
        }
        if case .inProgress(let socket) = first { bench.sockets.close(socket) }
        if case .connected(let socket) = first { bench.sockets.close(socket) }
        #expect(bench.count == 0)
    }

    private func forward(_ transport: PortForward.Transport, port: UInt16 = 0) -> PortForward {
        PortForward(
            transport: transport,
            hostAddress: .loopback,
            hostPort: port,
            guestAddress: IPv4Address(10, 0, 2, 9),
            guestPort: 9
        )
    }

    @Test func forwardsAcceptWithThePeersAddress() throws {
        let bench = try Bench(forwards: [forward(.tcp)])
        let port = try #require(bench.boundPort)
        if case .none = bench.sockets.accept(listener: 0, token: GatewayToken(rawValue: 5)) {
        } else {
            Issue.record("accepted nobody")
        }
        let client = try Peer(InternetSocket.makeTCP())
        _ = InternetSocket.connect(client.descriptor.rawValue, address: 0x7f00_0001, port: port)
        try bench.wait(.forward(0), .readable)
        guard case .accepted(let socket, let peer) = bench.sockets.accept(listener: 0, token: GatewayToken(rawValue: 5))
        else {
            Issue.record("not accepted")
            return
        }
        #expect(peer.address == .loopback && peer.port == InternetSocket.localPort(client.descriptor.rawValue))
        try client.send([1, 2])
        try bench.wait(GatewayToken(rawValue: 5), .readable)
        #expect(bench.peek(socket, offset: 0, count: 8).bytes == [1, 2])
        bench.sockets.reset(socket)
    }

    @Test func whatWaitedBeforeTheLoopListenedIsReportedAgain() throws {
        let bench = try Bench(forwards: [forward(.tcp)])
        let client = try Peer(InternetSocket.makeTCP())
        let port = try #require(bench.boundPort)
        _ = InternetSocket.connect(client.descriptor.rawValue, address: 0x7f00_0001, port: port)
        try bench.wait(.forward(0), .readable)
        bench.sockets.rearm()
        try bench.wait(.forward(0), .readable)
    }

    @Test(arguments: [PortForward.Transport.tcp, .udp])
    func aTakenPortIsNamed(transport: PortForward.Transport) throws {
        let bench = try Bench(forwards: [forward(transport)])
        let port = try #require(bench.boundPort)
        let error = #expect(throws: HostSocketsError.self) {
            _ = try Bench(forwards: [forward(transport, port: port)])
        }
        let text = try #require(error).description
        #expect(text.contains("port \(port) is in use"))
    }

    @Test func datagramsGoToAConnectedPeerAndBack() throws {
        let bench = try Bench()
        let peer = try Peer(InternetSocket.makeUDP())
        _ = InternetSocket.bind(peer.descriptor.rawValue, address: 0x7f00_0001, port: 0, reuse: false)
        let port = try #require(InternetSocket.localPort(peer.descriptor.rawValue))
        let token = GatewayToken(rawValue: 3)
        let opened = bench.sockets.openUDP(to: HostEndpoint(address: .loopback, port: port), token: token)
        guard case .connected(let socket) = opened else {
            Issue.record("no UDP socket")
            return
        }
        let bytes = ramp(0..<3500)
        guard case .bytes(3500) = bench.sockets.sendDatagram(socket, bytes.span, segmentByteCount: 1000) else {
            Issue.record("segments were not sent")
            return
        }
        var sizes: [Int] = []
        var whole: [UInt8] = []
        for _ in 0..<4 {
            let part = try peer.receive(4000)
            sizes.append(part.count)
            whole += part
        }
        #expect(sizes == [1000, 1000, 1000, 500] && whole == bytes)
        var buffer = [UInt8](repeating: 0, count: 100)
        var span = buffer.mutableSpan
        guard case .wouldBlock = bench.sockets.receiveDatagram(socket, into: &span) else {
            Issue.record("received nothing as something")
            return
        }
        bench.sockets.close(socket)
    }

    @Test func aRefusedDatagramIsReported() throws {
        let bench = try Bench()
        let port = try Listener().port
        let token = GatewayToken(rawValue: 3)
        guard
            case .connected(let socket) = bench.sockets.openUDP(
                to: HostEndpoint(address: .loopback, port: port),
                token: token
            )
        else {
            Issue.record("no UDP socket")
            return
        }
        let byte: [UInt8] = [1]
        _ = bench.sockets.sendDatagram(socket, byte.span, segmentByteCount: 0)
        try bench.wait(token, .error)
        var buffer = [UInt8](repeating: 0, count: 10)
        var span = buffer.mutableSpan
        guard case .failed(.refused) = bench.sockets.receiveDatagram(socket, into: &span) else {
            Issue.record("not refused")
            return
        }
        bench.sockets.close(socket)
    }

    @Test func forwardedDatagramsAreAnsweredFromTheForwardsPort() throws {
        let bench = try Bench(forwards: [forward(.udp)])
        let port = try #require(bench.boundPort)
        let client = try Peer(InternetSocket.makeUDP())
        _ = InternetSocket.connect(client.descriptor.rawValue, address: 0x7f00_0001, port: port)
        try client.send([5, 6])
        try bench.wait(.forward(0), .readable)
        var buffer = [UInt8](repeating: 0, count: 10)
        var span = buffer.mutableSpan
        guard case .received(2, let peer) = bench.sockets.receiveDatagram(listener: 0, into: &span) else {
            Issue.record("nothing received")
            return
        }
        #expect(peer.port == InternetSocket.localPort(client.descriptor.rawValue))
        let answer: [UInt8] = [7]
        _ = bench.sockets.sendDatagram(listener: 0, answer.span, to: peer)
        // The client's socket is connected: it takes answers from that port only.
        #expect(try client.receive(10) == [7])
    }
}
