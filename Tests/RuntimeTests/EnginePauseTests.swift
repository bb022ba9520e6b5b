// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import Testing

@testable import Runtime

@Suite("Senders wait for readers that are behind")
struct EnginePauseTests {
    private let millisecond: UInt64 = 1_000_000

    /// A sender and a reader whose queue has just become long.
    private func congested() throws -> (fixture: EngineFixtureBox, sender: Int, reader: Int) {
        let box = try EngineFixtureBox()
        let sender = try box.fixture.add(port: 1)
        let reader = try box.fixture.add(port: 2, sendBuffer: 1)
        try box.fixture.broadcast(Tunables.pauseFrameCount + 64, from: sender)
        return (box, sender, reader)
    }

    /// A fixture that can be returned with something else.
    private final class EngineFixtureBox {
        var fixture: EngineFixture
        init() throws { fixture = try EngineFixture() }
    }

    @Test("a long queue pauses whoever makes it longer, until it is short again")
    func pausesAndResumes() throws {
        let (box, sender, reader) = try congested()
        #expect(box.fixture.engine.places[sender].isPaused == true)
        #expect(box.fixture.engine.places[reader].isCongested == true)
        #expect(box.fixture.engine.pauseDeadline == box.fixture.engine.now + UInt64(Tunables.pauseCredit))
        // The reader reads on: the sender goes on when a quarter is left, and not before.
        while box.fixture.queueCount(reader) > Tunables.resumeFrameCount {
            #expect(box.fixture.engine.places[sender].isPaused == true)
            _ = box.fixture.read(reader)
            box.fixture.engine.flushQueue(reader)
        }
        #expect(box.fixture.engine.places[sender].isPaused == false)
        #expect(box.fixture.engine.places[reader].isCongested == false)
        #expect(box.fixture.engine.congestedCount == 0)
        #expect(box.fixture.engine.pauseDeadline == .max)
        #expect(box.fixture.drops(reader, .queueFull) == 0)
    }

    @Test("a paused sender that hangs up is gone at once: the loop is not told of its end again and again")
    func hangsUp() throws {
        let box = try EngineFixtureBox()
        let sender = try box.fixture.add(.sequencedPacket, port: 1)
        try box.fixture.add(port: 2, sendBuffer: 1)
        try box.fixture.broadcast(Tunables.pauseFrameCount + 64, from: sender)
        #expect(box.fixture.engine.places[sender].isPaused == true)
        var ready = Epoll.ReadyList()
        try box.fixture.mailbox.epoll.wait(&ready, timeout: 0)
        #expect(ready.count == 0)
        shutdown(box.fixture.peers[sender], Int32(SHUT_RDWR))
        try box.fixture.mailbox.epoll.wait(&ready, timeout: 0)
        try #require(ready.count == 1)
        box.fixture.engine.dispatch(ready.word(0), ready.events(0))
        #expect(box.fixture.engine.places[sender].kind == nil)
        try box.fixture.mailbox.epoll.wait(&ready, timeout: 0)
        #expect(ready.count == 0)
    }

    @Test("a reader that reads nothing holds others up for its credit, once, and loses frames from then on")
    func creditIsLimited() throws {
        let (box, sender, reader) = try congested()
        box.fixture.engine.now += UInt64(Tunables.pauseCredit) - millisecond
        box.fixture.engine.endPause()
        #expect(box.fixture.engine.places[sender].isPaused == true)
        box.fixture.engine.now += millisecond
        box.fixture.engine.endPause()
        #expect(box.fixture.engine.places[sender].isPaused == false)
        #expect(box.fixture.engine.places[reader].isSlow == true)
        // From now on nobody waits: not for a thousand frames, not a second later.
        try box.fixture.broadcast(5000, from: sender, first: 1000)
        #expect(box.fixture.engine.places[sender].isPaused == false)
        #expect(box.fixture.drops(reader, .queueFull) > 0)
        box.fixture.engine.now += 10_000 * millisecond
        try box.fixture.broadcast(32, from: sender)
        #expect(box.fixture.engine.places[sender].isPaused == false)
        #expect(box.fixture.engine.congestedCount == 0)
    }

    @Test("a reader that comes back to life is waited for again once it has read enough")
    func recovers() throws {
        let (box, sender, reader) = try congested()
        box.fixture.engine.now += UInt64(Tunables.pauseCredit)
        box.fixture.engine.endPause()
        #expect(box.fixture.engine.places[reader].isSlow == true)
        // A quarter of the credit is earned by reading 2500 frames.
        var sent = 1000
        for _ in 0..<100 {
            try box.fixture.broadcast(32, from: sender, first: sent)
            sent += 32
            while box.fixture.queueCount(reader) > 0 {
                _ = box.fixture.read(reader)
                box.fixture.engine.flushQueue(reader)
            }
        }
        #expect(box.fixture.engine.places[reader].isSlow == false)
        try box.fixture.broadcast(Tunables.pauseFrameCount + 64, from: sender, first: sent)
        #expect(box.fixture.engine.places[sender].isPaused == true)
    }

    @Test("frames of other senders go on while one waits")
    func othersGoOn() throws {
        let (box, sender, reader) = try congested()
        let third = try box.fixture.add(port: 3)
        let fourth = try box.fixture.add(port: 4)
        // Teaches where 4 is; floods, so that it waits for the reader as well: that is what flooding costs.
        try box.fixture.receive([TestFrame.make(4, to: 99)], at: fourth)
        _ = box.fixture.read(third)
        #expect(box.fixture.engine.places[fourth].isPaused == true)
        try box.fixture.receive([TestFrame.make(3, to: 4, 7)], at: third)
        #expect(box.fixture.engine.places[third].isPaused == false)
        #expect(box.fixture.read(fourth).map(TestFrame.number) == [7])
        _ = (sender, reader)
    }

    @Test("an output that goes while others wait for it makes them go on")
    func outputGoes() throws {
        let (box, sender, reader) = try congested()
        box.fixture.remove(reader)
        #expect(box.fixture.engine.places[sender].isPaused == false)
        #expect(box.fixture.engine.congestedCount == 0)
        #expect(box.fixture.engine.pauseDeadline == .max)
        #expect(box.fixture.isPoolWhole == true)
    }

    @Test("an input that goes while it waits leaves nothing behind")
    func inputGoes() throws {
        let (box, sender, reader) = try congested()
        box.fixture.remove(sender)
        #expect(box.fixture.engine.places[sender].isPaused == false)
        box.fixture.remove(reader)
        #expect(box.fixture.engine.congestedCount == 0)
        #expect(box.fixture.isPoolWhole == true)
    }

    @Test("a newcomer at a slow reader's place is not slow")
    func newcomerIsNotSlow() throws {
        let (box, sender, reader) = try congested()
        box.fixture.engine.now += UInt64(Tunables.pauseCredit)
        box.fixture.engine.endPause()
        #expect(box.fixture.engine.places[reader].isSlow == true)
        box.fixture.remove(reader)
        try box.fixture.replace(reader, port: 2)
        #expect(box.fixture.engine.places[reader].isSlow == false)
        #expect(box.fixture.engine.places[reader].pauseCredit == Tunables.pauseCredit)
        _ = sender
    }

    @Test("super-frames that wait pause their sender too, until most have gone")
    func bytesPause() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(.sequencedPacket, port: 1)
        let reader = try fixture.add(.sequencedPacket, port: 2)
        var sent = 0
        while !fixture.engine.places[sender].isPaused, sent < 200 {
            try fixture.broadcast(2, from: sender, first: sent, byteCount: 60_000)
            sent += 2
        }
        #expect(fixture.queueCount(reader) >= Tunables.pauseByteCount / 60_000)
        // One frame read is not enough.
        _ = fixture.read(reader, limit: 2)
        fixture.engine.flushQueue(reader)
        #expect(fixture.engine.places[sender].isPaused == true)
        while fixture.engine.queues.byteCount(reader) > Tunables.pauseByteCount / 4 {
            #expect(fixture.engine.places[sender].isPaused == true)
            try #require(!fixture.read(reader, limit: 2).isEmpty)
            fixture.engine.flushQueue(reader)
        }
        while fixture.queueCount(reader) > 0 {
            _ = fixture.read(reader, limit: 2)
            fixture.engine.flushQueue(reader)
        }
        #expect(fixture.engine.places[sender].isPaused == false)
        #expect(fixture.drops(reader, .queueFull) == 0)
    }

    @Test("a gateway that goes leaves neither work nor a deadline to the loop")
    func gatewayGoes() throws {
        var fixture = try EngineFixture()
        fixture.engine.gatewayPlace = 3
        fixture.engine.places[3].kind = .gateway
        fixture.engine.plug(3, into: 2)
        fixture.engine.gatewayHasWork = true
        fixture.engine.gatewayTouched = true
        fixture.engine.gatewayDeadline = 5
        fixture.engine.perform(.remove(index: 3, generation: 0))
        #expect(fixture.engine.gatewayPlace == -1)
        // Either would keep the loop from sleeping for ever after.
        #expect(fixture.engine.gatewayHasWork == false)
        #expect(fixture.engine.gatewayDeadline == .max)
    }
}
