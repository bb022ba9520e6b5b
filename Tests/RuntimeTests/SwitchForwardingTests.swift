// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

@Suite("A live switch", .mayRun(seconds: 120))
struct SwitchForwardingTests {
    /// A frame that everybody gets: what arrives before it has arrived, what does not will never.
    private func marker(_ source: UInt8) -> [UInt8] { TestFrame.make(source, to: TestFrame.broadcast, 0x7fff_ffff) }

    @Test("floods what it does not know, and forwards what it does to its port alone")
    func learns() throws {
        try withSwitch { live in
            let clients = try (0..<3).map { _ in try RawVDEClient(live.directory) }
            // Nobody knows 2 yet: everybody but the sender gets the frame.
            let first = TestFrame.make(1, to: 2, 10)
            try clients[0].send(first)
            #expect(try clients[1].next() == first)
            #expect(try clients[2].next() == first)
            // Now 1 is known, and from now on 2.
            let answer = TestFrame.make(2, to: 1, 11)
            try clients[1].send(answer)
            #expect(try clients[0].next() == answer)
            let second = TestFrame.make(1, to: 2, 12)
            try clients[0].send(second)
            #expect(try clients[1].next() == second)
            // The third saw nothing of it.
            try clients[0].send(marker(1))
            #expect(try clients[2].next() == marker(1))
            #expect(try clients[1].next() == marker(1))
            try clients[1].send(marker(2))
            #expect(try clients[0].next() == marker(2))
        }
    }

    @Test("a frame to an address on the sender's own port goes nowhere")
    func sameSegment() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.send(TestFrame.make(1, to: TestFrame.broadcast))
            _ = try other.next()
            try one.send(TestFrame.make(3, to: 1))
            try one.send(marker(1))
            #expect(try other.next() == marker(1))
            #expect(live.drops(one.port, .sameSegment) == 1)
        }
    }

    @Test(
        "frames of every size pass unchanged and in order",
        arguments: [14, 60, 1514, 1518, 1522, 2048, 9014, 65_000]
    )
    func sizes(byteCount: Int) throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            var generator = SystemRandomNumberGenerator()
            let frames = (0..<20).map { _ in
                TestFrame.address(2) + TestFrame.address(1)
                    + (0..<byteCount - 12).map { _ in UInt8.random(in: 0...255, using: &generator) }
            }
            for frame in frames {
                try one.send(frame)
                #expect(try other.next() == frame)
            }
        }
    }

    @Test("tags and the bridges' own addresses pass")
    func transparent() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            let tail = [UInt8](repeating: 7, count: 46)
            for frame in [
                TestFrame.address(2) + TestFrame.address(1) + [0x81, 0, 0x20, 0x0a, 0x08, 0] + tail,
                TestFrame.address(2) + TestFrame.address(1) + [0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x08, 0] + tail,
                [0x01, 0x80, 0xc2, 0, 0, 0] + TestFrame.address(1) + [0, 38] + tail,
                [0x01, 0x80, 0xc2, 0, 0, 0x0e] + TestFrame.address(1) + [0x88, 0xcc] + tail,
            ] {
                try one.send(frame)
                #expect(try other.next() == frame)
            }
        }
    }

    @Test("counts frames and bytes of both directions by port")
    func counters() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            for number in 0..<5 { try one.send(TestFrame.make(1, to: 2, number, byteCount: 100)) }
            for _ in 0..<5 { _ = try other.next() }
            try other.send(TestFrame.make(2, to: 1, 0, byteCount: 60))
            _ = try one.next()
            try live.waitUntil { live.counters(one.port).outFrames == 1 }
            var expected = PortCounters()
            expected.inFrames = 5
            expected.inBytes = 500
            expected.outFrames = 1
            expected.outBytes = 60
            #expect(live.counters(one.port) == expected)
            (expected.inFrames, expected.outFrames) = (1, 5)
            (expected.inBytes, expected.outBytes) = (60, 500)
            #expect(live.counters(other.port) == expected)
        }
    }

    @Test("runts are counted at their sender and go nowhere")
    func runts() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.send([1, 2, 3])
            try one.send([UInt8](repeating: 0xff, count: 13))
            try one.send(marker(1))
            #expect(try other.next() == marker(1))
            #expect(live.drops(one.port, .runt) == 2)
            #expect(live.counters(one.port).inFrames == 1)
        }
    }

    @Test("a hub gives every frame to every other port, known or not")
    func hub() throws {
        try withSwitch({ $0.isHub = true }) { live in
            let clients = try (0..<3).map { _ in try RawVDEClient(live.directory) }
            try clients[1].send(TestFrame.make(2, to: 9))
            for client in [clients[0], clients[2]] { #expect(try client.next() == TestFrame.make(2, to: 9)) }
            try clients[0].send(TestFrame.make(1, to: 2, 5))
            for client in [clients[1], clients[2]] { #expect(try client.next() == TestFrame.make(1, to: 2, 5)) }
            // Switched off, it learns.
            live.perform { $0.element.setHub(false) }
            try clients[1].send(TestFrame.make(2, to: 9, 6))
            for client in [clients[0], clients[2]] { #expect(try client.next() == TestFrame.make(2, to: 9, 6)) }
            try clients[0].send(TestFrame.make(1, to: 2, 7))
            #expect(try clients[1].next() == TestFrame.make(1, to: 2, 7))
            try clients[0].send(marker(1))
            #expect(try clients[2].next() == marker(1))
        }
    }

    @Test("the console sees the addresses that were learned")
    func forwardingRows() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.send(TestFrame.make(1, to: TestFrame.broadcast))
            _ = try other.next()
            let rows = live.perform { $0.element.dataPlane.forwardingRows(ageingSeconds: 100) }
            #expect(rows.count == 1)
            #expect(rows.first?.address.rawValue == 0x0200_0000_0001)
            #expect(rows.first?.port == one.port)
            live.perform { $0.element.dataPlane.forgetAddresses() }
            #expect(live.perform { $0.element.dataPlane.forwardingRows(ageingSeconds: 100) }.isEmpty)
        }
    }

    @Test("two switches in one process do not hear each other")
    func twoEngines() throws {
        try withSwitch { first in
            try withSwitch { second in
                let here = try (0..<2).map { _ in try RawVDEClient(first.directory) }
                let there = try (0..<2).map { _ in try RawVDEClient(second.directory) }
                for number in 0..<50 {
                    try here[0].send(TestFrame.make(1, to: 2, number))
                    try there[0].send(TestFrame.make(1, to: 2, 1000 + number))
                }
                for number in 0..<50 {
                    #expect(try here[1].next().map(TestFrame.number) == number)
                    #expect(try there[1].next().map(TestFrame.number) == 1000 + number)
                }
                second.stop()
                try here[1].send(TestFrame.make(2, to: 1, 99))
                #expect(try here[0].next().map(TestFrame.number) == 99)
            }
        }
    }

    @Test("every one of many clients gets a broadcast once", arguments: [150])
    func manyClients(count: Int) throws {
        try withSwitch({ $0.portCount = 200 }) { live in
            let clients = try (0..<count).map { _ in try RawVDEClient(live.directory) }
            #expect(live.portNumbers == Array(1...count))
            try clients[0].send(marker(1))
            for client in clients.dropFirst() {
                #expect(try client.next() == marker(1))
                #expect(try client.next(seconds: 0) == nil)
            }
            for client in clients { client.close() }
            try live.waitUntil { live.portNumbers.isEmpty }
        }
    }
}
