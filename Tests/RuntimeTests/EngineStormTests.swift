// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing
import Wire

@testable import Runtime

/// What a port may flood, and loops that nothing keeps from going round.
@Suite("Storms")
struct EngineStormTests {
    @Test("more broadcasts than the limit are dropped and counted, unicast is not limited", arguments: [false, true])
    func limit(isManaged: Bool) throws {
        var fixture = try EngineFixture()
        for port in 1...3 { try fixture.add(port: port) }
        if isManaged { fixture.engine.perform(.setVLAN(.mode(port: 3, .trunk))) }
        fixture.engine.perform(.setFloodLimit(port: 1, framesPerSecond: 100))
        try fixture.broadcast(40, from: 0)
        do {
            let got = fixture.read(1)
            #expect(got.count == 10)
        }
        try fixture.broadcast(20, from: 1, first: 100)
        do {
            let got = fixture.read(0)
            #expect(got.count == 20)
        }
        // Station 1 is known by now.
        try fixture.receive((0..<30).map { TestFrame.make(0, to: 1, $0) }, at: 0)
        do {
            let got = fixture.read(1)
            #expect(got.count == 30)
        }
        let dropped = fixture.drops(0, .rateExceeded)
        #expect(dropped == 30)
        fixture.engine.now += 50_000_000
        try fixture.broadcast(40, from: 0)
        do {
            let got = fixture.read(1)
            #expect(got.count == 5)
        }
        fixture.engine.perform(.setFloodLimit(port: 1, framesPerSecond: nil))
        try fixture.broadcast(40, from: 0)
        do {
            let got = fixture.read(1)
            #expect(got.count == 40)
        }
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }

    /// What a plain port gets of a super-frame to everybody, and what it costs its sender.
    @Test("a super-frame is charged for all frames that it becomes")
    func superFrames() throws {
        var fixture = try EngineFixture()
        for port in 1...2 { try fixture.add(port: port) }
        fixture.engine.perform(.setFloodLimit(port: 1, framesPerSecond: 1000))
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 1, count: 50_000)
        recipe.segmentSize = 500
        let parsed = VirtioNetHeader.parse(recipe.virtioHeader.span)
        let header = try #require(parsed)
        let hostile = [[UInt8]](repeating: recipe.bytes, count: 32)
        // A hundred at once, against ten: the first passes, and has to be paid for.
        try fixture.receive(hostile, at: 0, header: header)
        #expect(fixture.drops(0, .rateExceeded) == 31)
        fixture.engine.now += 89_000_000
        try fixture.receive(hostile, at: 0, header: header)
        try fixture.broadcast(1, from: 0)
        #expect(fixture.drops(0, .rateExceeded) == 64)
        fixture.engine.now += 2_000_000
        try fixture.broadcast(2, from: 0)
        #expect(fixture.drops(0, .rateExceeded) == 65)
        fixture.engine.now += 10_000_000
        try fixture.receive(hostile, at: 0, header: header)
        #expect(fixture.drops(0, .rateExceeded) == 96)
        let out = fixture.engine.table.counters(port: 2).outFrames
        #expect(out == 3)
    }

    @Test("an address that comes from two ports in turn is reported once, a station that moves is not")
    func loop() throws {
        var fixture = try EngineFixture()
        for port in 1...2 { try fixture.add(port: port) }
        let frame = TestFrame.make(9, to: TestFrame.broadcast)
        for _ in 0..<200 {
            try fixture.receive([frame], at: 0)
            try fixture.receive([frame], at: 1)
            _ = fixture.read(0)
            _ = fixture.read(1)
            if fixture.engine.bridge.hasNews { fixture.engine.postNews() }
        }
        let loops = fixture.mailbox.takeEvents().filter {
            if case .loopSuspected(let loop) = $0 { return loop.oldPort == 1 && loop.port == 2 }
            return false
        }
        #expect(loops.count == 1)
        fixture.engine.now += 200_000_000_000
        for number in 0..<200 {
            try fixture.receive([TestFrame.make(UInt8(number), to: TestFrame.broadcast)], at: number & 1)
            _ = fixture.read(0)
            _ = fixture.read(1)
        }
        let hasNews = fixture.engine.bridge.hasNews
        #expect(!hasNews)
    }

    @Test("BPDUs pass while the spanning tree is off, and are taken while it is on")
    func bridgeFrames() throws {
        var fixture = try EngineFixture()
        for port in 1...2 { try fixture.add(port: port) }
        var forged: [UInt8] = [0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 38, 0x42, 0x42, 0x03, 0, 0, 2, 2, 0x0e]
        forged += [UInt8](repeating: 0, count: 31)
        try fixture.receive([forged], at: 0)
        do {
            let got = fixture.read(1)
            #expect(got == [forged])
        }
        let configuration = SpanningTreeConfiguration(address: .init(rawValue: 0x0200_0000_0077))
        fixture.engine.perform(.setSpanningTree(.turn(configuration)))
        do {
            let got = fixture.read(1)
            #expect(got.count == 1)
        }
        // Closed until somebody agrees or nobody speaks.
        let frame = TestFrame.make(1, to: TestFrame.broadcast)
        try fixture.receive([frame], at: 0)
        do {
            let got = fixture.read(1)
            #expect(got.isEmpty)
        }
        let blocked = fixture.drops(0, .portBlocked)
        #expect(blocked == 1)
        fixture.engine.now += 300_000_000
        fixture.engine.runTrees()
        try fixture.receive([frame, Array(forged.prefix(30))], at: 0)
        do {
            let got = fixture.read(1)
            #expect(got == [frame])
        }
        let malformed = fixture.drops(0, .malformed)
        #expect(malformed == 1)
        fixture.engine.perform(.setSpanningTree(.turn(nil)))
        try fixture.receive([forged], at: 0)
        do {
            let got = fixture.read(1)
            #expect(got == [forged])
        }
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }
}
