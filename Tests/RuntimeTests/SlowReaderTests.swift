// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

@Suite("Slow and dead readers of a live switch", .mayRun(seconds: 120))
struct SlowReaderTests {
    /// A pause's credit, and a lot for a busy machine.
    private let patience: UInt64 = 20_000_000_000

    /// Sends `count` numbered frames to `to`, 64 at a time, and waits until `receiver` has read them: it is never behind.
    private func run(_ count: Int, from sender: RawVDEClient, to: UInt8, _ receiver: RawVDEClient) throws -> [Int] {
        var received: [Int] = []
        for first in stride(from: 0, to: count, by: 64) {
            let last = min(first + 64, count)
            for number in first..<last { try sender.send(TestFrame.make(1, to: to, number)) }
            while received.count < last {
                received.append(TestFrame.number(try #require(try receiver.next(), "\(received.count) frames came")))
            }
        }
        // A frame back: when it arrives, the loop has finished with all bursts before.
        try receiver.send(TestFrame.make(2, to: 1, 0x5afe))
        while try sender.next().map(TestFrame.number) != 0x5afe {}
        return received
    }

    @Test("a dead reader costs itself frames, and nobody else any")
    func deadReader() throws {
        try withSwitch { live in
            let sender = try RawVDEClient(live.directory)
            let receiver = try RawVDEClient(live.directory)
            let dead = try RawVDEClient(live.directory)
            let count = 10_000
            let start = MonotonicClock.nanoseconds
            let received = try run(count, from: sender, to: TestFrame.broadcast, receiver)
            #expect(received == Array(0..<count))
            #expect(MonotonicClock.nanoseconds - start < patience)
            #expect(live.drops(receiver.port, .queueFull) == 0)
            // Every frame is somewhere: dropped and counted, or still waiting for the dead one.
            let dropped = Int(live.drops(dead.port, .queueFull) + live.drops(dead.port, .noFrameMemory))
            #expect(dropped > 0)
            var waiting: [Int] = []
            while waiting.count < count - dropped, let frame = try dead.next(seconds: 10) {
                waiting.append(TestFrame.number(frame))
            }
            #expect(waiting.count + dropped == count)
            #expect(waiting == waiting.sorted())
            // The oldest were kept.
            #expect(waiting.prefix(1000) == Array(0..<1000)[...])
            // Awake again, it gets what is sent now.
            try sender.send(TestFrame.make(1, to: TestFrame.broadcast, 77_777))
            #expect(try dead.next().map(TestFrame.number) == 77_777)
            #expect(try receiver.next().map(TestFrame.number) == 77_777)
        }
    }

    @Test("several dead readers are no worse than one")
    func deadReaders() throws {
        try withSwitch { live in
            let sender = try RawVDEClient(live.directory)
            let receiver = try RawVDEClient(live.directory)
            let dead = try (0..<8).map { _ in try RawVDEClient(live.directory) }
            let start = MonotonicClock.nanoseconds
            let received = try run(6000, from: sender, to: TestFrame.broadcast, receiver)
            #expect(received == Array(0..<6000))
            #expect(MonotonicClock.nanoseconds - start < patience)
            for cause in DropCause.allCases { #expect(live.drops(receiver.port, cause) == 0) }
            withExtendedLifetime(dead) {}
        }
    }

    @Test("a burst that a queue holds is lost by nobody, however late it is read")
    func lateReader() throws {
        try withSwitch { live in
            let sender = try RawVDEClient(live.directory)
            let receiver = try RawVDEClient(live.directory)
            for number in 0..<3000 { try sender.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
            for number in 0..<3000 { #expect(try receiver.next().map(TestFrame.number) == number) }
            #expect(live.drops(receiver.port, .queueFull) == 0)
        }
    }

    @Test("a stopped reader's unicast traffic does not stop other traffic")
    func unicastToDeadReader() throws {
        try withSwitch { live in
            let flooder = try RawVDEClient(live.directory)
            let dead = try RawVDEClient(live.directory)
            let sender = try RawVDEClient(live.directory)
            let receiver = try RawVDEClient(live.directory)
            try dead.send(TestFrame.make(9, to: TestFrame.broadcast))
            for client in [flooder, sender, receiver] { _ = try client.next() }
            for number in 0..<8000 { try flooder.send(TestFrame.make(8, to: 9, number)) }
            #expect(live.drops(dead.port, .queueFull) > 0)
            let received = try run(2000, from: sender, to: 0x42, receiver)
            #expect(received.count == 2000)
        }
    }

    @Test("a dead reader that leaves gives everything back")
    func deadReaderLeaves() throws {
        try withSwitch { live in
            let sender = try RawVDEClient(live.directory)
            let receiver = try RawVDEClient(live.directory)
            for _ in 0..<5 {
                let dead = try RawVDEClient(live.directory)
                let received = try run(3000, from: sender, to: TestFrame.broadcast, receiver)
                #expect(received.count == 3000)
                dead.close()
                try live.waitUntil { live.portNumbers == [1, 2] }
            }
            #expect(live.drops(receiver.port, .noFrameMemory) == 0)
        }
    }
}
