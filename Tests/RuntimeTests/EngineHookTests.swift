// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import PacketFilter
import Testing

@testable import Runtime

/// Captures, mirrors, limits and impairments through a whole engine, time standing still.
@Suite("What ports do besides forwarding")
struct EngineHookTests {
    private static let start: UInt64 = 1_000_000_000_000

    /// Ports 1 to 4, one endpoint each, at places 0 to 3.
    private func withPorts(_ body: (inout EngineFixture) throws -> Void) throws {
        var fixture = try EngineFixture()
        for port in 1...4 { try fixture.add(port: port) }
        try body(&fixture)
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }

    private func impair(
        _ fixture: inout EngineFixture,
        port: Int,
        isInbound: Bool,
        _ change: (inout ImpairmentSettings) -> Void
    ) {
        var settings = ImpairmentSettings()
        change(&settings)
        fixture.engine.perform(.hooks(.impairment(port: port, isInbound: isInbound, settings, seed: 1)))
    }

    /// Takes what has come out at a place: so many frames.
    private func expectFrames(
        _ count: Int,
        at index: Int,
        _ fixture: inout EngineFixture,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let arrived = fixture.read(index).count
        #expect(arrived == count, sourceLocation: sourceLocation)
    }

    private func advance(_ fixture: inout EngineFixture, to nanoseconds: UInt64) {
        fixture.engine.now = Self.start + nanoseconds
        fixture.engine.runWaiting()
    }

    @Test("a delayed frame arrives at its time and not before", arguments: [true, false])
    func delay(isInbound: Bool) throws {
        try withPorts { fixture in
            impair(&fixture, port: isInbound ? 1 : 2, isInbound: isInbound) { $0.delay.value = 5 }
            try fixture.broadcast(3, from: 0)
            expectFrames(0, at: 1, &fixture)
            let others = fixture.read(2).count
            #expect(others == (isInbound ? 0 : 3))
            let deadline = fixture.engine.hooks.waiting.nextDeadline
            #expect(deadline == Self.start + 5_000_000)
            advance(&fixture, to: 4_999_999)
            expectFrames(0, at: 1, &fixture)
            advance(&fixture, to: 5_000_000)
            let arrived = fixture.read(1)
            #expect(arrived == (0..<3).map { TestFrame.make(0, to: TestFrame.broadcast, $0) })
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }

    @Test("what waits for an endpoint that goes is let go, and its successor gets none of it")
    func goneWhileWaiting() throws {
        try withPorts { fixture in
            impair(&fixture, port: 2, isInbound: false) { $0.delay.value = 5 }
            impair(&fixture, port: 2, isInbound: true) { $0.delay.value = 5 }
            try fixture.broadcast(10, from: 0)
            try fixture.broadcast(4, from: 1)
            fixture.remove(1)
            // At once, and counted, both what it was to get and what it had sent.
            let (inWire, free) = (fixture.engine.hooks.waiting.count, fixture.engine.pool.freeSmallCount)
            #expect(inWire == 0 && free == Tunables.smallSlotCount)
            #expect(fixture.drops(1, .noCarrier) == 14)
            try fixture.replace(1, port: 2)
            advance(&fixture, to: 6_000_000)
            expectFrames(0, at: 1, &fixture)
            #expect(fixture.engine.table.counters(port: 2).leftFrames == 14)
            for slot in 2...5 { #expect(fixture.engine.hooks.shapers[slot].impairment?.frameCount ?? 0 == 0) }
        }
    }

    @Test("a flood through a delayed port takes its share of the frame memory, and gives it all back")
    func delayShare() throws {
        var fixture = try EngineFixture(smallSlotCount: 4096)
        for port in 1...3 { try fixture.add(port: port) }
        // The stations of the two that will be sent to.
        for index in 1...2 { try fixture.receive([TestFrame.make(UInt8(index), to: 0x80)], at: index) }
        for index in 0...2 { _ = fixture.read(index) }
        for port in 2...3 { impair(&fixture, port: port, isInbound: false) { $0.delay.value = 500 } }
        let available = fixture.engine.pool.smallCount - Tunables.smallSlotReserve
        let first = [[UInt8]](repeating: TestFrame.make(0, to: 1), count: available)
        try fixture.receive(first, at: 0)
        let half = fixture.engine.hooks.waiting.count
        #expect(half == available / 2)
        #expect(fixture.drops(1, .noFrameMemory) == available - half)
        // The next one gets half of the rest.
        try fixture.receive([[UInt8]](repeating: TestFrame.make(0, to: 2), count: available), at: 0)
        #expect(fixture.engine.hooks.waiting.count - half == (available - half) / 2)
        // Other settings do not make it forget what it holds.
        fixture.engine.perform(.hooks(.impairment(port: 2, isInbound: false, nil, seed: 0)))
        impair(&fixture, port: 2, isInbound: false) { $0.delay.value = 500 }
        try fixture.receive([first[0]], at: 0)
        #expect(fixture.drops(1, .noFrameMemory) == available - half + 1)
        fixture.engine.now += 500_000_000
        var arrived = 0
        while !fixture.engine.hooks.waiting.isEmpty || fixture.queueCount(1) > 0 {
            fixture.engine.runWaiting()
            arrived += fixture.read(1).count
            _ = fixture.read(2)
            for index in 1...2 { fixture.engine.flushQueue(index) }
        }
        arrived += fixture.read(1).count
        #expect(arrived == half)
        fixture.remove(2)
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
        for slot in 4...7 { #expect(fixture.engine.hooks.shapers[slot].heldSmall == 0) }
    }

    @Test("loss, copies and too long frames are what was set, and counted")
    func faults() throws {
        try withPorts { fixture in
            impair(&fixture, port: 1, isInbound: true) { $0.loss.value = 100 }
            try fixture.broadcast(5, from: 0)
            var lost = fixture.drops(0, .impaired)
            #expect(lost == 5)
            impair(&fixture, port: 1, isInbound: true) { $0.duplicate.value = 100 }
            try fixture.broadcast(1, from: 0)
            let copies = fixture.read(1).count
            #expect(copies == ImpairedDirection.maximumCopyCount)
            impair(&fixture, port: 1, isInbound: true) { $0.maximumFrame.value = 100 }
            try fixture.broadcast(1, from: 0, byteCount: 101)
            lost = fixture.drops(0, .tooLarge)
            let holds4 = lost == 1 && fixture.read(1).isEmpty
            #expect(holds4)
            fixture.engine.perform(.hooks(.impairment(port: 1, isInbound: true, nil, seed: 0)))
            let features = fixture.engine.places[0].features
            #expect(features.isEmpty)
        }
    }

    @Test("a changed frame is changed for nobody else")
    func corruption() throws {
        try withPorts { fixture in
            impair(&fixture, port: 2, isInbound: false) { $0.corrupt.value = 100 }
            try fixture.broadcast(1, from: 0)
            let frame = TestFrame.make(0, to: TestFrame.broadcast)
            let (changed, whole) = (fixture.read(1), fixture.read(2))
            #expect(whole == [frame])
            let bits = zip(changed[0], frame).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
            #expect(changed.count == 1 && bits == 1)
        }
    }

    @Test("more than the rate is dropped and counted", arguments: [true, false])
    func rate(isInbound: Bool) throws {
        try withPorts { fixture in
            let port = isInbound ? 1 : 2
            fixture.engine.perform(
                .hooks(.rate(port: port, isInbound: isInbound, bitsPerSecond: 0, framesPerSecond: 10))
            )
            try fixture.broadcast(30, from: 0)
            let (passed, dropped) = (fixture.read(1).count, fixture.drops(isInbound ? 0 : 1, .rateExceeded))
            #expect(passed == 10 && dropped == 20)
        }
    }

    @Test("a slow interface keeps its sender waiting until it is free")
    func speed() throws {
        try withPorts { fixture in
            impair(&fixture, port: 1, isInbound: true) { $0.speed.value = 10_000 }
            try fixture.broadcast(1, from: 0, byteCount: 100)
            let isPaused = fixture.engine.places[0].isPaused
            #expect(isPaused)
            advance(&fixture, to: 10_000_000)
            let (isPausedStill, arrived) = (fixture.engine.places[0].isPaused, fixture.read(1).count)
            #expect(!isPausedStill && arrived == 1)
        }
    }

    @Test("a sender that waits for a slow interface goes on at once when that is slow no more")
    func speedIsLifted() throws {
        try withPorts { fixture in
            // A frame takes a hundred seconds.
            impair(&fixture, port: 1, isInbound: true) { $0.speed.value = 1 }
            try fixture.broadcast(1, from: 0, byteCount: 100)
            let isPaused = fixture.engine.places[0].isPaused
            #expect(isPaused)
            fixture.engine.perform(.hooks(.impairment(port: 1, isInbound: true, nil, seed: 1)))
            let isPausedStill = fixture.engine.places[0].isPaused
            #expect(!isPausedStill)
            try fixture.broadcast(1, from: 0, byteCount: 100)
            expectFrames(1, at: 1, &fixture)
            // What was given before is in the wire, and arrives at its time.
            advance(&fixture, to: 100_000_000_000)
            expectFrames(1, at: 1, &fixture)
            _ = fixture.read(2)
            _ = fixture.read(3)
        }
    }

    private func mirror(
        _ fixture: inout EngineFixture,
        _ port: Int,
        isInbound: Bool,
        to target: Int,
        _ filter: FilterProgram?
    ) {
        let slot = isInbound ? 0 : 1
        let rule = MirrorRule(source: port, isInbound: isInbound, destination: target, filter: FilterTable(filter))
        fixture.engine.perform(.hooks(.mirror(slot: slot, Box(rule))))
    }

    @Test("a mirror shows what comes in and what goes out, to a monitor that gets nothing else")
    func mirrors() throws {
        try withPorts { fixture in
            fixture.engine.perform(.hooks(.monitor(port: 4, true)))
            mirror(&fixture, 1, isInbound: true, to: 4, nil)
            mirror(&fixture, 1, isInbound: false, to: 4, nil)
            try fixture.broadcast(2, from: 0)
            expectFrames(2, at: 3, &fixture)
            expectFrames(2, at: 1, &fixture)
            try fixture.broadcast(3, from: 1)
            expectFrames(3, at: 3, &fixture)
            expectFrames(3, at: 0, &fixture)
            // What the monitor itself sends goes nowhere.
            try fixture.broadcast(4, from: 3)
            let holds9 = fixture.read(0).isEmpty && fixture.read(1).isEmpty
            #expect(holds9)
            let filtered = fixture.drops(3, .filtered)
            #expect(filtered == 4)
        }
    }

    @Test("a mirror's filter picks")
    func mirrorFilter() throws {
        try withPorts { fixture in
            // Frames longer than 80 bytes.
            let program = try FilterProgram([
                .init(0x80), .init(0x25, 80, jumpTrue: 0, jumpFalse: 1), .init(6, 1), .init(6),
            ])
            fixture.engine.perform(.hooks(.monitor(port: 4, true)))
            mirror(&fixture, 1, isInbound: true, to: 4, program)
            try fixture.broadcast(2, from: 0, byteCount: 60)
            try fixture.broadcast(3, from: 0, byteCount: 100)
            let (seen, all) = (fixture.read(3).count, fixture.read(1).count)
            #expect(seen == 3 && all == 5)
        }
    }

    /// A capture into memory of its own, and its reader.
    private func capture(
        _ fixture: inout EngineFixture,
        _ selection: CaptureSelection,
        byteCount: Int = 1 << 16
    ) throws -> CaptureReader {
        let memory = try MemoryFile.create(name: "test", byteCount: byteCount + 4096)
        let region = try MemoryRegion.shared(memory, byteCount: byteCount + 4096)
        let event = try EventFD()
        let wakeUp = try OwnedDescriptor.duplicate(of: event.rawDescriptor)
        let made = CaptureTap(
            region: region,
            wakeUp: event,
            filter: FilterTable(nil),
            selection: selection,
            portCount: 16
        )
        fixture.engine.perform(.hooks(.capture(slot: 0, Box(made!))))
        return try CaptureReader(memory: memory, wakeUp: wakeUp)
    }

    @Test("a capture shows each frame with port, direction and time, cut where asked")
    func captures() throws {
        try withPorts { fixture in
            var selection = CaptureSelection()
            selection.ports = [1]
            selection.isOutbound = true
            selection.snapLength = 40
            let reader = try capture(&fixture, selection)
            try fixture.broadcast(1, from: 0)
            try fixture.broadcast(1, from: 1, byteCount: 70)
            var records: [CaptureRecord] = []
            var sizes: [Int] = []
            _ = reader.drain {
                records.append($0)
                sizes.append($1.count)
            }
            #expect(
                records == [
                    CaptureRecord(time: Self.start, port: 1, isInbound: true, byteCount: 60),
                    CaptureRecord(time: Self.start, port: 1, isInbound: false, byteCount: 70),
                ]
            )
            #expect(sizes == [40, 40])
            fixture.engine.perform(.hooks(.capture(slot: 0, nil)))
            #expect(reader.hasEnded)
        }
    }

    @Test("a ring that nobody empties loses frames, counts them, and goes on when it is emptied")
    func fullRing() throws {
        try withPorts { fixture in
            let reader = try capture(&fixture, CaptureSelection(), byteCount: 8192)
            for _ in 0..<3 {
                try fixture.broadcast(200, from: 0, byteCount: 100)
                var count = 0
                _ = reader.drain { _, bytes in count += bytes.count == 100 ? 1 : 0 }
                #expect(count > 50 && count <= 60)
                for index in 1...3 { _ = fixture.read(index) }
            }
            #expect(reader.seenCount == 600 && reader.lostCount >= 420)
        }
    }
}
