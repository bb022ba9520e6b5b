// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import PacketFilter
import TestSupport
import Testing
import Wire

@testable import Runtime

/// Policies of ports through a whole engine.
@Suite("Policies of ports")
struct EnginePolicyTests {
    /// Ports 1 to 4, one endpoint each, at places 0 to 3.
    private func withPorts(_ body: (inout EngineFixture) throws -> Void) throws {
        var fixture = try EngineFixture()
        for port in 1...4 { try fixture.add(port: port) }
        try body(&fixture)
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }

    /// Lets pass what the program wants.
    private static func policy(_ instructions: [FilterInstruction]) throws -> CompiledPolicy {
        try FilterLayer(
            [.init(FilterRule("wanted", accepts: true), program: try FilterProgram(instructions))],
            fallback: FilterRule("rest", accepts: false)
        ).compiled()
    }

    /// Gives one direction of a port a policy; returns its counters.
    private static func set(
        _ fixture: inout EngineFixture,
        _ policy: CompiledPolicy,
        port: Int,
        isInbound: Bool
    ) -> RuleCounters {
        let counters = RuleCounters(count: policy.rules.count)
        fixture.engine.perform(
            .hooks(
                .policies([
                    .table(slot: 3, Box(PolicyTable(policy, counters: counters))),
                    .port(port, isInbound: isInbound, slot: 3),
                ])
            )
        )
        return counters
    }

    /// Wants frames of 100 bytes and more, all segments or none of them.
    private static let long: [FilterInstruction] = [
        .init(0x80), .init(0x35, 100, jumpTrue: 0, jumpFalse: 1), .init(6, 1), .init(6),
    ]
    /// Wants frames from 02:…:01.
    private static let fromOne: [FilterInstruction] = [
        .init(0x28, 10), .init(0x15, 1, jumpTrue: 0, jumpFalse: 1), .init(6, 1), .init(6),
    ]

    @Test("what a send policy denies goes nowhere, and is counted by rule and cause")
    func send() throws {
        try withPorts { fixture in
            let policy = try Self.policy(Self.long)
            let counters = Self.set(&fixture, policy, port: 1, isInbound: true)
            try fixture.broadcast(4, from: 0, byteCount: 60)
            try fixture.broadcast(5, from: 0, byteCount: 120)
            let (passed, others, denied) = (fixture.read(1), fixture.read(2).count, fixture.drops(0, .filtered))
            #expect(passed.count == 5 && passed.allSatisfy { $0.count == 120 } && others == 5 && denied == 4)
            let counts = policy.rules.indices.map { "\(policy.rules[$0].name) \(counters[$0])" }
            #expect(Set(counts) == ["malformed 0", "wanted 5", "rest 4"])
            // Other ports' frames are not asked.
            try fixture.broadcast(2, from: 1, byteCount: 60)
            let unasked = fixture.read(2).count
            #expect(unasked == 2)
        }
    }

    @Test("what a receive policy denies does not leave there, and leaves elsewhere")
    func receive() throws {
        try withPorts { fixture in
            let policy = try Self.policy(Self.fromOne)
            let counters = Self.set(&fixture, policy, port: 2, isInbound: false)
            try fixture.broadcast(3, from: 0)
            try fixture.broadcast(4, from: 2)
            let (at2, at4) = (fixture.read(1), fixture.read(3))
            #expect(at4.count == 7)
            let wanted = at2.filter { $0[10] == 0 && $0[11] == 1 }
            #expect(at2.count == wanted.count && at2.count == at4.filter { $0[10] == 0 && $0[11] == 1 }.count)
            #expect(counters[0] + counters[1] + counters[2] == 7)
            let denied = fixture.drops(1, .filtered)
            #expect(denied + at2.count == 7)
        }
    }

    @Test("a policy changes between two frames, and goes")
    func change() throws {
        try withPorts { fixture in
            _ = Self.set(&fixture, try Self.policy([.init(6)]), port: 1, isInbound: true)
            try fixture.broadcast(1, from: 0)
            _ = Self.set(&fixture, try Self.policy([.init(6, 1)]), port: 1, isInbound: true)
            try fixture.broadcast(2, from: 0)
            // A slot without a policy lets nothing pass.
            fixture.engine.perform(.hooks(.policies([.table(slot: 3, nil)])))
            try fixture.broadcast(4, from: 0)
            let passed = fixture.read(1).count
            #expect(passed == 2)
            fixture.engine.perform(.hooks(.policies([.port(1, isInbound: true, slot: -1)])))
            let features = fixture.engine.places[0].features
            #expect(features.isEmpty)
            try fixture.broadcast(8, from: 0)
            let all = fixture.read(1).count
            #expect(all == 8)
        }
    }

    private static func superFrame(_ payload: Int) -> (frame: SuperFrame, header: VirtioNetHeader) {
        var frame = SuperFrame()
        frame.payload = (0..<payload).map { UInt8(truncatingIfNeeded: $0) }
        frame.segmentSize = 1000
        let header = frame.virtioHeader.withUnsafeBufferPointer { VirtioNetHeader.parse($0.span)! }
        return (frame, header)
    }

    @Test("a policy that asks for the length decides about each segment", arguments: [true, false])
    func segments(isInbound: Bool) throws {
        try withPorts { fixture in
            let policy = try Self.policy(Self.long)
            #expect(!policy.judgesSegmentsAlike)
            let counters = Self.set(&fixture, policy, port: isInbound ? 1 : 2, isInbound: isInbound)
            // Two segments of 1000 bytes of payload, and one of 10.
            let (frame, header) = Self.superFrame(2010)
            try fixture.receive([frame.bytes], at: 0, header: header)
            let passed = fixture.read(1)
            #expect(passed.map(\.count) == [1054, 1054])
            #expect(counters[1] == 2 && counters[2] == 1)
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }

    @Test("a policy of addresses decides about a super-frame once")
    func wholeSuperFrame() throws {
        try withPorts { fixture in
            let policy = try Self.policy(Self.fromOne)
            #expect(policy.judgesSegmentsAlike)
            let counters = Self.set(&fixture, policy, port: 1, isInbound: true)
            let (frame, header) = Self.superFrame(2010)
            try fixture.receive([frame.bytes], at: 0, header: header)
            let passed = fixture.read(1).count
            #expect(passed == 3 && counters[1] == 1)
            // One that is none by its own headers is not believed.
            var wrong = header
            wrong.gsoType = .tcpv6
            try fixture.receive([frame.bytes], at: 0, header: wrong)
            let (none, bad) = (fixture.read(1).count, fixture.drops(0, .badHeader))
            #expect(none == 0 && bad == 1)
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }

    @Test("a checksum that would be written over an address is written before the policy looks")
    func checksumOverAddress() throws {
        try withPorts { fixture in
            // Wants an IPv4 source that begins with 10.0.
            let wants10: [FilterInstruction] = [
                .init(0x28, 26), .init(0x15, 0x0a00, jumpTrue: 0, jumpFalse: 1), .init(6, 1), .init(6),
            ]
            _ = Self.set(&fixture, try Self.policy(wants10), port: 1, isInbound: true)
            var frame = SuperFrame()
            frame.payload = [1, 2, 3, 4]
            var bytes = frame.bytes
            bytes.replaceSubrange(26..<28, with: [10, 0])
            var header = VirtioNetHeader.plain
            header.flags = .needsChecksum
            // The two bytes 26 and 27, summed from the beginning of the IPv4 header.
            header.checksumStart = 14
            header.checksumOffset = 12
            try fixture.receive([bytes], at: 0, header: header)
            let passed = fixture.read(1)
            #expect(passed.allSatisfy { Array($0[26..<28]) == [10, 0] })
            #expect(passed.isEmpty)
            // Where TCP has it, it is left to do.
            header.checksumStart = 34
            header.checksumOffset = 16
            try fixture.receive([bytes], at: 0, header: header)
            let honest = fixture.read(1).count
            #expect(honest == 1)
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }

    @Test("a DHCP message that comes as a super-frame is refused: its other segments would not be seen")
    func dhcpSuperFrame() throws {
        try withPorts { fixture in
            _ = Self.set(&fixture, try Self.policy(Self.fromOne), port: 1, isInbound: true)
            for port: UInt16 in [67, 547, 5000] {
                var (frame, header) = Self.superFrame(2010)
                frame.isTCP = false
                header = frame.virtioHeader.withUnsafeBufferPointer { VirtioNetHeader.parse($0.span)! }
                var bytes = frame.bytes
                bytes[frame.transportOffset + 2] = UInt8(port >> 8)
                bytes[frame.transportOffset + 3] = UInt8(port & 255)
                try fixture.receive([bytes], at: 0, header: header)
                let count = fixture.read(1).count
                #expect(count == (port == 5000 ? 3 : 0))
            }
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }
}
