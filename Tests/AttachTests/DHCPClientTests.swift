// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Attach

private let second: UInt64 = 1_000_000_000
private let server = MACAddress(rawValue: 0x0200_0000_0002)

/// A client and what it has said, with a clock by hand.
private struct Bench {
    var client: DHCPClient
    var now: UInt64 = 100 * second

    init(seed: UInt64 = 7) {
        client = DHCPClient(hardwareAddress: MACAddress(rawValue: 0x0200_0000_0001), hostName: "guest", seed: seed)
    }

    /// The one message that the actions send.
    func sent(_ actions: [DHCPClient.Action], sourceLocation: SourceLocation = #_sourceLocation) throws -> DHCPMessage {
        let messages: [DHCPMessageBuilder] = actions.compactMap {
            switch $0 {
            case .broadcast(let message), .unicast(let message, _, _, _): message
            case .configure, .deconfigure: nil
            }
        }
        try #require(messages.count == 1, sourceLocation: sourceLocation)
        return try messages[0].parsed
    }

    /// Goes to the client's deadline and does what is due there.
    mutating func advance() throws -> [DHCPClient.Action] {
        now = try #require(client.nextDeadline)
        return client.advance(now: now)
    }

    /// Up to the lease. Returns the request that was granted.
    mutating func bind(_ change: (inout Reply) -> Void = { _ in }) throws -> DHCPMessage {
        let discover = try sent(client.start(now: now))
        let request = try sent(
            client.receive(try Reply(to: discover, type: .offer).message, from: server, now: now)
        )
        var reply = Reply(to: request, type: .acknowledge)
        change(&reply)
        let actions = client.receive(try reply.message, from: server, now: now)
        guard case .configure? = actions.first, actions.count == 1 else {
            Issue.record("not configured: \(actions)")
            return request
        }
        return request
    }
}

@Suite("The client's side of DHCP")
struct DHCPClientTests {
    @Test("a first message asks everyone, saying who asks and what is wanted")
    func discovers() throws {
        var bench = Bench()
        let actions = bench.client.start(now: bench.now)
        guard case .broadcast? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        let message = try bench.sent(actions)
        #expect(message.operation == .request)
        #expect(message.messageType == .discover)
        #expect(message.clientAddress.isUnspecified)
        #expect(message.serverIdentifier == nil)
        #expect(message.clientIdentifier == [1, 2, 0, 0, 0, 0, 1])
        #expect(message.hostName == "guest")
        #expect(message.maximumMessageSize == 1500)
        // RFC 3442: option 121 is asked for before option 3.
        let wishes = message.parameterRequestList
        let classless = try #require(wishes.firstIndex(of: .classlessStaticRoute))
        #expect(classless < (wishes.firstIndex(of: .routers) ?? 0))
    }

    @Test("an offer is requested from its server, an acknowledgement configures")
    func binds() throws {
        var bench = Bench()
        let request = try bench.bind()
        #expect(request.messageType == .request)
        #expect(request.requestedAddress == IPv4Address(192, 168, 77, 100))
        #expect(request.serverIdentifier == IPv4Address(192, 168, 77, 2))
        #expect(request.clientAddress.isUnspecified)
        #expect(bench.client.state == .bound)
        #expect(bench.client.lease?.address.description == "192.168.77.100/24")
        #expect(bench.client.nextDeadline == bench.now + 1800 * second)
    }

    @Test("silence is answered by asking again, ever more rarely, with the same number")
    func retransmits() throws {
        var bench = Bench()
        let first = try bench.sent(bench.client.start(now: bench.now))
        for attempt in 0..<9 {
            let before = bench.now
            let message = try bench.sent(bench.advance())
            #expect(message.messageType == .discover)
            #expect(message.transactionIdentifier == first.transactionIdentifier)
            let step = Double(bench.now - before) / Double(second)
            let base = Double(1 << min(attempt, 6))
            #expect(step >= base * 0.75 && step <= base * 1.25, "attempt \(attempt): \(step) s")
            #expect(UInt64(message.seconds) == (bench.now - 100 * second) / second)
        }
    }

    @Test("nothing is due before the deadline")
    func waits() throws {
        var bench = Bench()
        _ = bench.client.start(now: bench.now)
        let deadline = try #require(bench.client.nextDeadline)
        #expect(bench.client.advance(now: deadline - 1).isEmpty)
        #expect(!bench.client.advance(now: deadline).isEmpty)
    }

    @Test("a server that offers and then falls silent is left for another")
    func leavesSilentServer() throws {
        var bench = Bench()
        let discover = try bench.sent(bench.client.start(now: bench.now))
        _ = bench.client.receive(try Reply(to: discover, type: .offer).message, from: server, now: bench.now)
        var types: [DHCPMessageType?] = []
        var last = discover
        for _ in 0..<4 {
            let actions = try bench.advance()
            if actions.isEmpty { continue }
            last = try bench.sent(actions)
            types.append(last.messageType)
        }
        #expect(types == [.request, .request, .discover])
        #expect(last.transactionIdentifier != discover.transactionIdentifier)
    }

    @Test("a refusal starts anew, each time after a longer pause")
    func restartsAfterRefusal() throws {
        var bench = Bench()
        var message = try bench.sent(bench.client.start(now: bench.now))
        var pauses: [UInt64] = []
        for _ in 0..<4 {
            let request = try bench.sent(
                bench.client.receive(try Reply(to: message, type: .offer).message, from: server, now: bench.now)
            )
            let refused = try Reply(to: request, type: .negativeAcknowledge).message
            #expect(bench.client.receive(refused, from: server, now: bench.now).isEmpty)
            #expect(bench.client.state == .waiting)
            let before = bench.now
            message = try bench.sent(bench.advance())
            #expect(message.messageType == .discover)
            pauses.append(bench.now - before)
        }
        for (shorter, longer) in zip(pauses, pauses.dropFirst()) { #expect(longer > shorter) }
    }

    @Test("a lease is renewed with its server at T1, with anyone at T2, and given up at its end")
    func renews() throws {
        var bench = Bench()
        _ = try bench.bind()
        let start = bench.now
        var seen: [String] = []
        while bench.client.lease != nil {
            let actions = try bench.advance()
            let age = (bench.now - start) / second
            for action in actions {
                switch action {
                case .unicast(let message, let source, let to, let station):
                    #expect(source == IPv4Address(192, 168, 77, 100))
                    #expect(to == IPv4Address(192, 168, 77, 2))
                    #expect(station == server)
                    let parsed = try message.parsed
                    // RFC 2131 section 4.3.2: in RENEWING, `ciaddr` and neither option.
                    #expect(parsed.clientAddress == IPv4Address(192, 168, 77, 100))
                    #expect(parsed.requestedAddress == nil && parsed.serverIdentifier == nil)
                    seen.append("renew at \(age)")
                case .broadcast(let message):
                    seen.append("\(try #require(message.parsed.messageType)) at \(age)")
                case .deconfigure: seen.append("deconfigure at \(age)")
                case .configure: seen.append("configure")
                }
            }
        }
        #expect(seen.first == "renew at 1800")
        // T1 is 1800, T2 is 3150: half of the rest each time, not below a minute.
        #expect(
            seen.filter { $0.hasPrefix("renew") }
                == [
                    "renew at 1800", "renew at 2475", "renew at 2812", "renew at 2981", "renew at 3065",
                    "renew at 3125",
                ]
        )
        #expect(seen.contains("request at 3150"))
        #expect(seen.suffix(2) == ["deconfigure at 3600", "discover at 3600"])
    }

    @Test("an acknowledged renewal counts from its request")
    func prolongs() throws {
        var bench = Bench()
        _ = try bench.bind()
        let request = try bench.sent(bench.advance())
        let asked = bench.now
        bench.now += second / 2
        let actions = bench.client.receive(
            try Reply(to: request, type: .acknowledge).message,
            from: server,
            now: bench.now
        )
        guard case .configure? = actions.first, actions.count == 1 else {
            Issue.record("\(actions)")
            return
        }
        #expect(bench.client.state == .bound)
        #expect(bench.client.nextDeadline == asked + 1800 * second)
    }

    @Test("a renewal that gives another address takes the old one away first")
    func moves() throws {
        var bench = Bench()
        _ = try bench.bind()
        let request = try bench.sent(bench.advance())
        var reply = Reply(to: request, type: .acknowledge)
        reply.address = IPv4Address(192, 168, 77, 101)
        let actions = bench.client.receive(try reply.message, from: server, now: bench.now)
        guard actions.count == 2, case .deconfigure(let old) = actions[0], case .configure(let new) = actions[1] else {
            Issue.record("\(actions)")
            return
        }
        #expect(old.address.address == IPv4Address(192, 168, 77, 100))
        #expect(new.address.address == IPv4Address(192, 168, 77, 101))
    }

    @Test("a refused renewal takes the address away and starts anew")
    func losesLease() throws {
        var bench = Bench()
        _ = try bench.bind()
        let request = try bench.sent(bench.advance())
        let actions = bench.client.receive(
            try Reply(to: request, type: .negativeAcknowledge).message,
            from: server,
            now: bench.now
        )
        guard case .deconfigure? = actions.first, actions.count == 1 else {
            Issue.record("\(actions)")
            return
        }
        #expect(bench.client.lease == nil)
        #expect(try bench.sent(bench.advance()).messageType == .discover)
    }

    @Test("while rebinding any server may grant, while renewing only the lease's own")
    func rebinds() throws {
        var bench = Bench()
        _ = try bench.bind()
        var request = try bench.sent(bench.advance())
        var reply = Reply(to: request, type: .acknowledge)
        reply.server = IPv4Address(192, 168, 77, 66)
        #expect(bench.client.receive(try reply.message, from: server, now: bench.now).isEmpty)
        while bench.client.state == .renewing { request = try bench.sent(bench.advance()) }
        reply.transaction = request.transactionIdentifier
        #expect(bench.client.receive(try reply.message, from: server, now: bench.now).count == 1)
        #expect(bench.client.lease?.server == IPv4Address(192, 168, 77, 66))
    }

    @Test("a lease for ever needs nothing any more")
    func keepsForEver() throws {
        var bench = Bench()
        _ = try bench.bind { $0.seconds = .max }
        #expect(bench.client.nextDeadline == nil)
    }

    @Test("a lease is given back once, to its server")
    func releases() throws {
        var bench = Bench()
        _ = try bench.bind()
        let actions = bench.client.release()
        guard case .unicast(_, let source, let to, let station)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        let message = try bench.sent(actions)
        #expect(message.messageType == .release)
        #expect(message.clientAddress == IPv4Address(192, 168, 77, 100))
        #expect(message.serverIdentifier == IPv4Address(192, 168, 77, 2))
        #expect((source, to, station) == (IPv4Address(192, 168, 77, 100), IPv4Address(192, 168, 77, 2), server))
        #expect(bench.client.release().isEmpty)
        #expect(bench.client.nextDeadline == nil)
    }

    @Test("what does not answer our question changes nothing")
    func ignoresStrangers() throws {
        for change: (inout Reply) -> Void in [
            { $0.transaction ^= 1 }, { $0.hardwareAddress = MACAddress(rawValue: 0x0200_0000_0009) },
            { $0.operation = .request }, { $0.type = .acknowledge }, { $0.type = .negativeAcknowledge },
            { $0.type = .discover }, { $0.server = nil }, { $0.address = .broadcast }, { $0.seconds = nil },
        ] {
            var bench = Bench()
            var reply = Reply(to: try bench.sent(bench.client.start(now: bench.now)), type: .offer)
            change(&reply)
            let deadline = bench.client.nextDeadline
            #expect(bench.client.receive(try reply.message, from: server, now: bench.now).isEmpty)
            #expect(bench.client.state == .selecting)
            #expect(bench.client.nextDeadline == deadline)
        }
    }

    @Test("another server cannot grant, or refuse, what was asked of the chosen one")
    func ignoresOtherServers() throws {
        for type in [DHCPMessageType.acknowledge, .negativeAcknowledge, .offer] {
            var bench = Bench()
            let discover = try bench.sent(bench.client.start(now: bench.now))
            let request = try bench.sent(
                bench.client.receive(try Reply(to: discover, type: .offer).message, from: server, now: bench.now)
            )
            var reply = Reply(to: request, type: type)
            reply.server = IPv4Address(192, 168, 77, 66)
            #expect(bench.client.receive(try reply.message, from: server, now: bench.now).isEmpty)
            #expect(bench.client.state == .requesting)
        }
    }

    @Test("any order of any messages neither traps nor leaves the client without a deadline")
    func survivesNoise() throws {
        var noise = SplitMix(state: 42)
        for seed in 0..<50 as Range<UInt64> {
            var bench = Bench(seed: seed)
            var last = try bench.sent(bench.client.start(now: bench.now))
            for _ in 0..<200 {
                let word = noise.next()
                var actions: [DHCPClient.Action]
                if word % 4 == 0 {
                    actions = try bench.advance()
                } else {
                    var reply = Reply(to: last, type: DHCPMessageType(rawValue: UInt8(word >> 8 % 8) % 8 + 1) ?? .offer)
                    reply.seconds = UInt32(truncatingIfNeeded: noise.next() >> (noise.next() % 40))
                    if word & 0x100 != 0 {
                        reply.address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: noise.next()))
                    }
                    if word & 0x200 != 0 {
                        reply.server = IPv4Address(rawValue: UInt32(truncatingIfNeeded: noise.next()))
                    }
                    actions = bench.client.receive(try reply.message, from: server, now: bench.now)
                }
                for case .broadcast(let message) in actions { last = try message.parsed }
                for case .unicast(let message, _, _, _) in actions { last = try message.parsed }
                let isForEver = bench.client.lease.map { $0.duration == nil } ?? false
                #expect((bench.client.nextDeadline == nil) == isForEver)
                if isForEver { break }
            }
        }
    }

    @Test("a packet goes through the wire's form and back, and damage is seen")
    func packets() throws {
        var client = DHCPClient(hardwareAddress: MACAddress(rawValue: 0x0200_0000_0001), seed: 1)
        guard case .broadcast(let discover)? = client.start(now: 0).first else { return }
        let sent = try #require(DHCPPacket.make(discover, from: .unspecified, to: .broadcast))
        // The client's own message is for servers.
        #expect(DHCPPacket.parse(sent, isChecksumMissing: false) == nil)
        // The server's has the ports exchanged; swapping two words leaves the checksum right.
        var reply = sent
        reply.swapAt(20, 22)
        reply.swapAt(21, 23)
        let parsed = try #require(DHCPPacket.parse(reply, isChecksumMissing: false))
        #expect(parsed.messageType == .discover)
        reply[100] ^= 0xff
        #expect(DHCPPacket.parse(reply, isChecksumMissing: false) == nil)
        #expect(DHCPPacket.parse(reply, isChecksumMissing: true) != nil)
        for count in 0..<reply.count {
            #expect(DHCPPacket.parse(Array(reply.prefix(count)), isChecksumMissing: true) == nil)
        }
    }
}
