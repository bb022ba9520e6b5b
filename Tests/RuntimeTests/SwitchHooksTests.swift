// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import PacketFilter
import TestTraits
import Testing

@testable import Runtime

/// What the control thread keeps of mirrors, limits and impairments, and that the loop does it.
@Suite("Ports' hooks of a live switch", .mayRun(seconds: 120))
struct SwitchHooksTests {
    private typealias Way = SwitchHooks.Way

    /// Does something with the hooks on the control thread, and expects this error, or none.
    private func perform(
        _ live: LiveSwitch,
        throws expected: Errno? = nil,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (SwitchHooks) throws -> Void
    ) {
        let found: Errno? = live.perform { parts in
            do {
                try body(parts.element.hooks)
                return nil
            } catch {
                return error as? Errno
            }
        }
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    @Test("an impairment belongs to the number: whoever is plugged in later meets it")
    func impairments() throws {
        try withSwitch { live in
            var settings = ImpairmentSettings()
            settings.loss.value = 100
            let lossy = settings
            perform(live) { try $0.setImpairment(Way(port: 1, isInbound: true), lossy) }
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            for number in 0..<5 { try one.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
            try live.waitUntil { live.drops(1, .impaired) == 5 }
            // The other direction is whole, and so is the first one once it was mended.
            try other.send(TestFrame.make(2, to: TestFrame.broadcast, 9))
            #expect(try one.next().map(TestFrame.number) == 9)
            #expect(live.perform { $0.element.hooks.impairments } == [Way(port: 1, isInbound: true): settings])
            perform(live) { try $0.setImpairment(Way(port: 1, isInbound: true), nil) }
            try one.send(TestFrame.make(1, to: TestFrame.broadcast, 7))
            #expect(try other.next().map(TestFrame.number) == 7)
            #expect(live.perform { $0.element.hooks.impairments.isEmpty })
        }
    }

    @Test("a seed is for what is impaired, and makes losses repeat")
    func seeds() throws {
        try withSwitch { live in
            let way = Way(port: 1, isInbound: true)
            perform(live, throws: .noEntry) { try $0.setSeed(way, 5) }
            var settings = ImpairmentSettings()
            settings.loss.value = 50
            let lossy = settings
            perform(live) { try $0.setImpairment(way, lossy) }
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            var runs: [[Int]] = []
            for _ in 0..<2 {
                perform(live) { try $0.setSeed(way, 5) }
                let dropped = live.drops(1, .impaired)
                for number in 0..<40 { try one.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
                var numbers: [Int] = []
                try live.waitUntil {
                    numbers += ((try? other.drain()) ?? []).map(TestFrame.number)
                    return numbers.count + Int(live.drops(1, .impaired) - dropped) == 40
                }
                runs.append(numbers)
            }
            #expect(runs[0] == runs[1])
            #expect(runs[0].count > 5 && runs[0].count < 35)
        }
    }

    @Test("a limit drops what is too much, until it is taken away")
    func rates() throws {
        try withSwitch { live in
            let way = Way(port: 2, isInbound: false)
            let slow = SwitchHooks.Rate(bitsPerSecond: 0, framesPerSecond: 1)
            perform(live) { try $0.setRate(way, slow) }
            #expect(live.perform { $0.element.hooks.rates } == [way: slow])
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            for number in 0..<50 { try one.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
            try live.waitUntil { live.drops(2, .rateExceeded) >= 40 }
            perform(live) { try $0.setRate(way, SwitchHooks.Rate(bitsPerSecond: 0, framesPerSecond: 0)) }
            #expect(live.perform { $0.element.hooks.rates.isEmpty })
            _ = try other.drain()
            for number in 100..<150 { try one.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
            var numbers: [Int] = []
            while numbers.last != 149, let frame = try other.next() { numbers.append(TestFrame.number(frame)) }
            #expect(numbers.suffix(50) == Array(100..<150)[...])
        }
    }

    @Test("a mirror shows a direction of one port to another, and ends with its source's mirrors")
    func mirrors() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            let watcher = try RawVDEClient(live.directory)
            perform(live) {
                try $0.addMirrors([Way(port: 1, isInbound: true)], to: 3, filter: nil, text: "")
                try $0.setMonitor(3, true)
            }
            // Learned: a frame for it goes there only, and to the mirror.
            try other.send(TestFrame.make(2, to: TestFrame.broadcast, 1))
            #expect(try one.next().map(TestFrame.number) == 1)
            try one.send(TestFrame.make(1, to: 2, 2))
            #expect(try other.next().map(TestFrame.number) == 2)
            #expect(try watcher.next().map(TestFrame.number) == 2)
            perform(live) {
                try $0.removeMirrors(of: 1)
                try $0.setMonitor(3, false)
            }
            #expect(live.perform { $0.element.hooks.mirrors.isEmpty && $0.element.hooks.monitors.isEmpty })
            try one.send(TestFrame.make(1, to: 2, 3))
            #expect(try other.next().map(TestFrame.number) == 3)
            try one.send(TestFrame.make(1, to: TestFrame.broadcast, 4))
            #expect(try watcher.next().map(TestFrame.number) == 4)
        }
    }

    @Test("mirrors that cannot be are refused, and leave those that are there alone")
    func badMirrors() throws {
        try withSwitch { live in
            let inbound = Way(port: 1, isInbound: true)
            perform(live, throws: .invalid) { try $0.addMirrors([inbound], to: 1, filter: nil, text: "") }
            perform(live, throws: .invalid) { try $0.addMirrors([inbound], to: 33, filter: nil, text: "") }
            let outside = Way(port: -1, isInbound: true)
            perform(live, throws: .invalid) { try $0.addMirrors([outside], to: 2, filter: nil, text: "") }
            perform(live, throws: .noEntry) { try $0.removeMirrors(of: 1) }
            perform(live) { try $0.addMirrors([inbound], to: 2, filter: nil, text: "arp") }
            perform(live, throws: .exists) { try $0.addMirrors([inbound], to: 2, filter: nil, text: "") }
            perform(live) { try $0.addMirrors([Way(port: 1, isInbound: false)], to: 2, filter: nil, text: "") }
            // Both directions or none.
            let both = [Way(port: 3, isInbound: true), Way(port: 3, isInbound: false)]
            perform(live) { try $0.addMirrors([both[1]], to: 2, filter: nil, text: "ip") }
            perform(live, throws: .exists) { try $0.addMirrors(both, to: 2, filter: nil, text: "") }
            #expect(live.perform { $0.element.hooks.mirrors.map(\.filter) } == ["arp", "", "ip"])
            perform(live) { try $0.addMirrors(both, to: 4, filter: nil, text: "6") }
            #expect(live.perform { $0.element.hooks.mirrors.map(\.filter) } == ["arp", "", "ip", "6", "6"])
        }
    }

    @Test("there are only so many mirrors, and places of those that ended are free again")
    func manyMirrors() throws {
        try withSwitch { live in
            let capacity = DataPlane.mirrorCapacity
            let full = Errno(rawValue: 28)
            for number in 0..<capacity {
                let way = Way(port: number / 8 + 1, isInbound: number % 2 == 0)
                let target = 20 + number / 2 % 4
                perform(live) { try $0.addMirrors([way], to: target, filter: nil, text: "") }
            }
            let late = Way(port: 19, isInbound: true)
            perform(live, throws: full) { try $0.addMirrors([late], to: 32, filter: nil, text: "") }
            perform(live) { try $0.removeMirrors(of: 1) }
            perform(live) { try $0.addMirrors([late], to: 32, filter: nil, text: "") }
            #expect(Set(live.perform { $0.element.hooks.mirrors.map(\.slot) }).count == capacity - 7)
        }
    }

    @Test("numbers that no port can have are refused", arguments: [-1, 33, Int.max])
    func numbers(_ port: Int) throws {
        try withSwitch { live in
            let way = Way(port: port, isInbound: true)
            let rate = SwitchHooks.Rate(bitsPerSecond: 1, framesPerSecond: 0)
            perform(live, throws: .invalid) { try $0.setImpairment(way, ImpairmentSettings()) }
            perform(live, throws: .invalid) { try $0.setSeed(way, 1) }
            perform(live, throws: .invalid) { try $0.setRate(way, rate) }
            perform(live, throws: .invalid) { try $0.removeMirrors(of: port) }
            perform(live, throws: .invalid) { try $0.setMonitor(port, true) }
            #expect(live.perform { $0.element.hooks.monitors.isEmpty && $0.element.hooks.rates.isEmpty })
        }
    }
}
