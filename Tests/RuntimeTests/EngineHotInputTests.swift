// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import Testing

@testable import Runtime

@Suite("Busy inputs are looked at without being told")
struct EngineHotInputTests {
    /// A sender that has brought many frames within a window, and a reader.
    private func heated(_ fixture: inout EngineFixture) throws -> (sender: Int, reader: Int) {
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2)
        try heat(sender, &fixture, frames: Engine.requiredHeat)
        #expect(fixture.engine.places[sender].isHot == true)
        return (sender, reader)
    }

    /// A whole window in which a sender brings so many frames, a few each turn.
    private func heat(_ sender: Int, _ fixture: inout EngineFixture, frames: Int) throws {
        // Long after anything before: the first frame begins a window and is not counted in it.
        fixture.engine.now += 10 * Engine.heatWindow
        try turnOf(sender, &fixture, frames: 1)
        #expect(fixture.engine.places[sender].isHot == false)
        try window(sender, &fixture, frames: frames)
    }

    /// The rest of a window that has just begun, with so many frames in ten turns of the same distance.
    private func window(_ sender: Int, _ fixture: inout EngineFixture, frames: Int) throws {
        let wasHot = fixture.engine.places[sender].isHot
        for turn in 0..<10 {
            fixture.engine.now += Engine.heatWindow / 10
            #expect(fixture.engine.places[sender].isHot == wasHot, "before turn \(turn)")
            try turnOf(sender, &fixture, frames: frames * (turn + 1) / 10 - frames * turn / 10)
        }
    }

    /// The peer sends so many frames, and the loop takes them, told by epoll or not; then the others read them.
    private func turnOf(_ index: Int, _ fixture: inout EngineFixture, frames: Int, drains: Bool = true) throws {
        for number in 0..<frames {
            let bytes = TestFrame.make(UInt8(index), to: TestFrame.broadcast, number)
            try #require(send(fixture.peers[index], bytes, bytes.count, 0) == bytes.count)
        }
        var ready = Epoll.ReadyList()
        try fixture.mailbox.epoll.wait(&ready, timeout: 0)
        if fixture.engine.places[index].isHot {
            #expect(ready.count == 0)
            fixture.engine.serveHot()
        } else {
            #expect(ready.count == (frames > 0 ? 1 : 0))
            fixture.engine.serve(index, channel: 0)
        }
        if drains {
            for peer in fixture.peers.indices where peer != index { _ = fixture.read(peer) }
        }
    }

    private func isWatched(_ fixture: borrowing EngineFixture, _ index: Int) throws -> Bool {
        let bytes = TestFrame.make(UInt8(index), to: TestFrame.broadcast, 7)
        try #require(send(fixture.peers[index], bytes, bytes.count, 0) == bytes.count)
        var ready = Epoll.ReadyList()
        try fixture.mailbox.epoll.wait(&ready, timeout: 0)
        return ready.count == 1
    }

    @Test("an input with many frames in a millisecond leaves epoll; silence brings it back")
    func heatsAndCools() throws {
        var fixture = try EngineFixture()
        let (sender, reader) = try heated(&fixture)
        #expect(fixture.engine.hotCount == 1)
        try turnOf(sender, &fixture, frames: 5, drains: false)
        #expect(fixture.read(reader).count == 5)
        // Nothing for a moment: it stays; for longer: it goes.
        fixture.engine.now += 99_000
        fixture.engine.serveHot()
        #expect(fixture.engine.places[sender].isHot == true)
        fixture.engine.now += 2_000
        fixture.engine.serveHot()
        #expect(fixture.engine.places[sender].isHot == false)
        #expect(fixture.engine.hotCount == 0)
        #expect(try isWatched(fixture, sender))
    }

    @Test("fewer frames leave an input as it is, one or several in a turn")
    func coldInputs() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        try fixture.add(port: 2)
        for frames in [10, 100, Engine.requiredHeat - 1] { try heat(sender, &fixture, frames: frames) }
        #expect(fixture.engine.hotCount == 0)
        // As many as are required, but of two milliseconds.
        for _ in 0..<4 { try window(sender, &fixture, frames: Engine.requiredHeat / 2) }
        #expect(fixture.engine.hotCount == 0)
        try window(sender, &fixture, frames: Engine.requiredHeat)
        #expect(fixture.engine.hotCount == 1)
    }

    @Test("a burst after a long silence is judged by itself")
    func burstAfterSilence() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        try fixture.add(port: 2)
        try turnOf(sender, &fixture, frames: 1)
        for _ in 0..<3 {
            fixture.engine.now += 50 * Engine.heatWindow
            for _ in 0..<10 { try turnOf(sender, &fixture, frames: 20) }
        }
        #expect(fixture.engine.hotCount == 0)
    }

    @Test("a hot input stays so while every millisecond brings enough, never silent though it may be")
    func keepsItsHeat() throws {
        var fixture = try EngineFixture()
        let (sender, _) = try heated(&fixture)
        for _ in 0..<3 { try window(sender, &fixture, frames: Engine.keepingHeat) }
        #expect(fixture.engine.places[sender].isHot == true)
        try window(sender, &fixture, frames: Engine.keepingHeat - 1)
        #expect(fixture.engine.places[sender].isHot == false)
        #expect(try isWatched(fixture, sender))
    }

    @Test("frames of a hot input count as work: the loop spins after them for as long as it was told to")
    func spinsAfterwards() throws {
        var fixture = try EngineFixture(spinMicroseconds: 500)
        let (sender, _) = try heated(&fixture)
        fixture.engine.now += 50_000
        try turnOf(sender, &fixture, frames: 1)
        #expect(fixture.engine.spinDeadline == fixture.engine.now + 500_000)
    }

    @Test("a hot input that is to wait is not read from, and is watched again afterwards")
    func pauses() throws {
        var fixture = try EngineFixture()
        let (sender, _) = try heated(&fixture)
        // The reader does not read any more, until the sender has to wait.
        for _ in 0..<1000 where fixture.engine.places[sender].isPaused == false {
            try turnOf(sender, &fixture, frames: 8, drains: false)
        }
        #expect(fixture.engine.places[sender].isPaused == true)
        #expect(fixture.engine.hotCount == 0)
        #expect(try isWatched(fixture, sender) == false)
    }

    @Test("a hot input that is unplugged is forgotten, and its place is good for another")
    func removal() throws {
        var fixture = try EngineFixture()
        let (sender, reader) = try heated(&fixture)
        fixture.remove(sender)
        #expect(fixture.engine.hotCount == 0)
        fixture.engine.serveHot()
        try fixture.replace(sender, port: 1)
        #expect(fixture.engine.places[sender].isHot == false)
        #expect(try isWatched(fixture, sender))
        fixture.engine.serve(sender, channel: 0)
        #expect(fixture.read(reader).count == 1)
    }

    @Test("no more than a few are hot at once")
    func limited() throws {
        var fixture = try EngineFixture()
        try fixture.add(port: 9)
        for port in 1...6 {
            let sender = try fixture.add(port: port)
            try heat(sender, &fixture, frames: Engine.requiredHeat)
            #expect(fixture.engine.places[sender].isHot == (port <= 4))
        }
        #expect(fixture.engine.hotCount == Engine.hotLimit)
    }
}
