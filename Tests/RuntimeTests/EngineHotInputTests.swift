// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import Testing

@testable import Runtime

@Suite("Busy inputs are looked at without being told")
struct EngineHotInputTests {
    /// A sender from which many turns have taken several frames, and a reader.
    private func heated(_ fixture: inout EngineFixture) throws -> (sender: Int, reader: Int) {
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2)
        for turn in 0..<32 {
            #expect(fixture.engine.places[sender].isHot == false, "after \(turn) turns")
            try turnOf(sender, &fixture, frames: 3)
            _ = fixture.read(reader)
        }
        return (sender, reader)
    }

    /// The peer sends so many frames, and the loop takes them, told by epoll or not.
    private func turnOf(_ index: Int, _ fixture: inout EngineFixture, frames: Int) throws {
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
            #expect(ready.count == 1)
            fixture.engine.serve(index, channel: 0)
        }
    }

    private func isWatched(_ fixture: borrowing EngineFixture, _ index: Int) throws -> Bool {
        let bytes = TestFrame.make(UInt8(index), to: TestFrame.broadcast, 7)
        try #require(send(fixture.peers[index], bytes, bytes.count, 0) == bytes.count)
        var ready = Epoll.ReadyList()
        try fixture.mailbox.epoll.wait(&ready, timeout: 0)
        return ready.count == 1
    }

    @Test("an input with several frames in each of many turns leaves epoll; silence brings it back")
    func heatsAndCools() throws {
        var fixture = try EngineFixture()
        let (sender, reader) = try heated(&fixture)
        #expect(fixture.engine.places[sender].isHot == true)
        #expect(fixture.engine.hotCount == 1)
        try turnOf(sender, &fixture, frames: 5)
        #expect(fixture.read(reader).count == 5)
        // Nothing for a moment: it stays; for longer: it goes.
        fixture.engine.now += 29_000
        fixture.engine.serveHot()
        #expect(fixture.engine.places[sender].isHot == true)
        fixture.engine.now += 2_000
        fixture.engine.serveHot()
        #expect(fixture.engine.places[sender].isHot == false)
        #expect(fixture.engine.hotCount == 0)
        #expect(try isWatched(fixture, sender))
    }

    @Test("frames that come one by one leave an input as it is")
    func singleFrames() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2)
        for _ in 0..<100 {
            try turnOf(sender, &fixture, frames: 1)
            _ = fixture.read(reader)
        }
        #expect(fixture.engine.hotCount == 0)
    }

    @Test("a hot input that is to wait is not read from, and is watched again afterwards")
    func pauses() throws {
        var fixture = try EngineFixture()
        let (sender, _) = try heated(&fixture)
        // The reader does not read any more, until the sender has to wait.
        for _ in 0..<1000 where fixture.engine.places[sender].isPaused == false {
            try turnOf(sender, &fixture, frames: 8)
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
            for _ in 0..<40 {
                try turnOf(sender, &fixture, frames: 2)
                for index in fixture.peers.indices where index != sender { _ = fixture.read(index) }
            }
            #expect(fixture.engine.places[sender].isHot == (port <= 4))
        }
        #expect(fixture.engine.hotCount == Engine.hotLimit)
    }
}
