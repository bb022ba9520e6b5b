// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Testing
import TunnelCrypto

/// An endpoint that is shared by reference.
final class TunnelEnd {
    let endpoint: Endpoint
    init(_ endpoint: consuming Endpoint) { self.endpoint = endpoint }
}

/// Two ends of a tunnel over loopback, served by the test.
struct TunnelBench: ~Copyable {
    let one: TunnelEnd
    let other: TunnelEnd
    let onePort: UInt16
    let otherPort: UInt16
    /// The public key of `other`.
    let otherKey: [UInt8]
    var bench: EndpointBench

    init(change: (inout TunnelOptions) -> Void = { _ in }) throws {
        let (keyOne, keyOther) = (TunnelKey(), TunnelKey())
        let socketOne = try Self.socket()
        let socketOther = try Self.socket()
        let portOne = try UDPSocket.localAddress(socketOne).port
        let portOther = try UDPSocket.localAddress(socketOther).port
        onePort = portOne
        otherPort = portOther
        otherKey = keyOther.publicBytes
        var options = TunnelOptions(TunnelConfiguration(key: keyOne, peer: keyOther.publicBytes))
        options.remote = InternetAddress(ipv4: 0x7f00_0001, port: portOther)
        change(&options)
        let first = TunnelEnd(.tunnel(TunnelEndpoint(socketOne, options: options)))
        options = TunnelOptions(TunnelConfiguration(key: keyOther, peer: keyOne.publicBytes))
        change(&options)
        options.remote = nil
        options.initiatesOnStreams = false
        one = first
        other = TunnelEnd(.tunnel(TunnelEndpoint(socketOther, options: options)))
        bench = EndpointBench()
    }

    static func socket() throws -> OwnedDescriptor {
        try UDPSocket.unfragmented(at: InternetAddress(ipv4: 0x7f00_0001, port: 0), coalesces: true)
    }

    /// What waits at an end, handshakes included.
    mutating func receive(_ end: TunnelEnd) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var quiet = 0
        var turn = 0
        // Until no channel has anything any more.
        while quiet < end.endpoint.channelCount {
            let result = end.endpoint.receive(
                channel: turn % end.endpoint.channelCount,
                now: MonotonicClock.nanoseconds,
                into: &bench.burst,
                pool: &bench.pool,
                drops: &bench.drops
            )
            let taken = bench.takeFrames(withHeader: true)
            frames += taken
            quiet = result == .drained && !end.endpoint.holdsFrames && taken.isEmpty ? quiet + 1 : 0
            turn += 1
        }
        return frames
    }

    /// Handshake, and the search for the path's MTU. Loopback delivers at once: a few turns suffice.
    mutating func connect() -> Bool {
        one.endpoint.expire(now: MonotonicClock.nanoseconds, drops: &bench.drops)
        for _ in 0..<8 {
            _ = receive(other)
            _ = receive(one)
            one.endpoint.expire(now: MonotonicClock.nanoseconds, drops: &bench.drops)
            other.endpoint.expire(now: MonotonicClock.nanoseconds, drops: &bench.drops)
        }
        return one.endpoint.takeNotice()?.kind == .peerUp && other.endpoint.takeNotice()?.kind == .peerUp
    }

    /// A pair of connected stream sockets as a TCP connection between the two. The number of the first end's socket.
    @discardableResult
    func join() throws -> Int32 {
        let pair = try UnixSocket.pair(.stream)
        let number = pair.first.rawValue
        one.endpoint.apply(.tunnelStream(pair.first))
        other.endpoint.apply(.tunnelStream(pair.second))
        return number
    }

    /// Demands that the two find each other.
    mutating func expectConnection(sourceLocation: SourceLocation = #_sourceLocation) {
        let isConnected = connect()
        #expect(isConnected == true, sourceLocation: sourceLocation)
    }

    /// Demands that these messages, sent at one end, come out at the other whole, in order and alone.
    mutating func expectPassage(
        _ messages: [[UInt8]],
        from end: TunnelEnd,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let sent = try send(messages, from: end)
        #expect(sent == .done, sourceLocation: sourceLocation)
        let received = receive(end === one ? other : one)
        #expect(received == messages, sourceLocation: sourceLocation)
    }

    /// Demands that a frame gets through, from `one` unless another end is named.
    mutating func expectFramePasses(
        _ number: Int = 1,
        from end: TunnelEnd? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let frame = [UInt8](repeating: 0, count: 12) + testFrame(number)
        try expectPassage([frame], from: end ?? one, sourceLocation: sourceLocation)
    }

    mutating func send(_ messages: [[UInt8]], from end: TunnelEnd) throws -> Endpoint.SendResult {
        for message in messages { try bench.stage(message, hasHeader: true) }
        let result = end.endpoint.send(
            bench.burst,
            from: 0,
            now: MonotonicClock.nanoseconds,
            pool: bench.pool,
            drops: &bench.drops
        )
        _ = bench.takeFrames()
        return result
    }
}
