// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import PacketFilter
import TestTraits
import Testing

@testable import Runtime

@Suite("Filters of a switch's clients", .mayRun(seconds: 120))
struct ClientFilterTests {
    private static let header = [UInt8](repeating: 0, count: 12)

    private func frame(_ number: Int, to destination: UInt8 = 2) -> [UInt8] {
        TestFrame.make(1, to: destination, number)
    }

    /// Wants frames to one station of `TestFrame`, as "ether dst …" does.
    private static func station(_ number: UInt8) -> [UInt8] {
        program([(0x20, 2, 0, 0), (0x15, UInt32(number), 0, 1), (0x06, 0x40000, 0, 0), (0x06, 0, 0, 0)])
    }

    private static func program(_ instructions: [(UInt16, UInt32, UInt8, UInt8)]) -> [UInt8] {
        instructions.flatMap { code, operand, yes, no -> [UInt8] in
            let low = [UInt8(truncatingIfNeeded: code), UInt8(truncatingIfNeeded: code >> 8), yes, no]
            return low + (0..<4).map { UInt8(truncatingIfNeeded: operand >> UInt32(8 * $0)) }
        }
    }

    private static func receive(_ program: [UInt8], priority: UInt32 = 0) -> AttachRequest.Filter {
        AttachRequest.Filter(isReceive: true, priority: priority, program: program)
    }

    private static func send(_ program: [UInt8]) -> AttachRequest.Filter {
        AttachRequest.Filter(isReceive: false, priority: 0, program: program)
    }

    @Test("a client gets what its filter wants, another of the same interface everything", arguments: [true, false])
    func receiveFilter(isMultiplexer: Bool) throws {
        try withSwitch({ $0.isMultiplexer = isMultiplexer }) { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            let narrow = try ChannelClient(live.directory, port: 2, filters: [Self.receive(Self.station(7))])
            let wide = try ChannelClient(live.directory, port: 2)
            let other = try ChannelClient(live.directory, port: 3, filters: [Self.receive(Self.station(8))])
            for (number, destination) in [7, 8, 7, 9, 8, 7].enumerated() {
                try sender.send(frame(number, to: UInt8(destination)))
            }
            for (number, destination) in [7, 8, 7, 9, 8, 7].enumerated() {
                #expect(try wide.next() == Self.header + frame(number, to: UInt8(destination)))
            }
            for number in [0, 2, 5] { #expect(try narrow.next() == Self.header + frame(number, to: 7)) }
            for number in [1, 4] { #expect(try other.next() == Self.header + frame(number, to: 8)) }
            #expect(try narrow.next(seconds: 0) == nil)
            #expect(try other.next(seconds: 0) == nil)
            // Every frame that was held back is counted, also where nobody had to be asked.
            try live.waitUntil { live.drops(3, .filtered) == 4 && live.drops(2, .filtered) == 3 }
        }
    }

    @Test("a client sends what its filter wants, and the rest is counted", arguments: [true, false])
    func sendFilter(isMultiplexer: Bool) throws {
        try withSwitch({ $0.isMultiplexer = isMultiplexer }) { live in
            let receiver = try RawVDEClient(live.directory, port: 1)
            let sender = try ChannelClient(live.directory, port: 2, filters: [Self.send(Self.station(7))])
            for (number, destination) in [8, 7, 9, 7].enumerated() {
                try sender.send(Self.header + frame(number, to: UInt8(destination)))
            }
            #expect(try receiver.next().map(TestFrame.number) == 1)
            #expect(try receiver.next().map(TestFrame.number) == 3)
            #expect(live.drops(2, .filtered) == 2)
        }
    }

    @Test("where nothing is counted the kernel runs send filters, and the loop never sees what they refuse")
    func kernelFilter() throws {
        try withSwitch({
            $0.isMultiplexer = true
            $0.countsFiltered = false
        }) { live in
            let receiver = try RawVDEClient(live.directory, port: 1)
            let sender = try ChannelClient(live.directory, port: 2, filters: [Self.send(Self.station(7))])
            for (number, destination) in [8, 7, 9, 7].enumerated() {
                try sender.send(Self.header + frame(number, to: UInt8(destination)))
            }
            #expect(try receiver.next() == frame(1, to: 7))
            #expect(try receiver.next() == frame(3, to: 7))
            #expect(live.counters(2).inFrames == 2)
            #expect(live.drops(2, .filtered) == 0)
            // One that the kernel cannot run as it is meant is the loop's; then none at all.
            let byLength = Self.program([(0x80, 0, 0, 0), (0x35, 100, 0, 1), (0x06, 1, 0, 0), (0x06, 0, 0, 0)])
            try sender.change([Self.send(byLength)])
            try sender.send(Self.header + frame(4))
            try sender.send(Self.header + TestFrame.make(1, to: 2, 5, byteCount: 200))
            #expect(try receiver.next().map(TestFrame.number) == 5)
            #expect(live.drops(2, .filtered) == 1)
            try sender.change([Self.send([])])
            try sender.send(Self.header + frame(6))
            #expect(try receiver.next() == frame(6))
        }
    }

    @Test("filters change while a client is attached, in both directions, and can be taken away")
    func changes() throws {
        try withSwitch({ $0.isMultiplexer = true }) { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            let client = try ChannelClient(live.directory, port: 2, filters: [Self.receive(Self.station(7))])
            try client.change([Self.receive(Self.station(8))])
            try sender.send(frame(1, to: 7))
            try sender.send(frame(2, to: 8))
            #expect(try client.next() == Self.header + frame(2, to: 8))
            try client.change([Self.receive([])])
            try sender.send(frame(3, to: 7))
            #expect(try client.next() == Self.header + frame(3, to: 7))
            try client.change([Self.send(Self.station(9))])
            try client.send(Self.header + frame(4, to: 8))
            try client.send(Self.header + frame(5, to: 9))
            #expect(try sender.next().map(TestFrame.number) == 5)
        }
    }

    @Test("a program that is none is refused with the instruction and the reason, at first and later")
    func badPrograms() throws {
        try withSwitch({ $0.isMultiplexer = true }) { live in
            let loop = Self.program([(0x05, 5, 0, 0), (0x06, 1, 0, 0)])
            let unknown = Self.program([(0x28, 12, 0, 0), (0x7777, 0, 0, 0), (0x06, 1, 0, 0)])
            for (program, words) in [(loop, "instruction 0: a jump"), (unknown, "instruction 1: unknown code")] {
                do {
                    _ = try ChannelClient(live.directory, port: 2, filters: [Self.receive(program)])
                    Issue.record("taken")
                } catch AttachClient.JoinError.refused(_, let message) {
                    #expect(message.contains("receive filter \(words)"))
                }
            }
            #expect(live.portNumbers.isEmpty)

            let sender = try RawVDEClient(live.directory, port: 1)
            let client = try ChannelClient(live.directory, port: 2, filters: [Self.receive(Self.station(7))])
            #expect(throws: AttachClient.JoinError.self) { try client.change([Self.receive(unknown)]) }
            #expect(throws: AttachClient.JoinError.self) {
                try client.change([Self.receive([]), Self.receive(Self.station(1))])
            }
            // What it had it has still.
            try sender.send(frame(1, to: 8))
            try sender.send(frame(2, to: 7))
            #expect(try client.next() == Self.header + frame(2, to: 7))
        }
    }

    @Test("a place that is used again does not keep the filters of whoever was there")
    func successor() throws {
        try withSwitch({ $0.isMultiplexer = true }) { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            let first = try ChannelClient(live.directory, port: 2, filters: [Self.receive(Self.station(7))])
            first.closeControl()
            try live.waitUntil { live.portNumbers == [1] }
            let second = try ChannelClient(live.directory, port: 2)
            try sender.send(frame(1, to: 8))
            #expect(try second.next() == Self.header + frame(1, to: 8))
        }
    }

    @Test("hundreds of clients with host filters each get their own frames, and broadcasts")
    func manyHosts() throws {
        try withSwitch({
            $0.isMultiplexer = true
            $0.portCount = 250
        }) { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            // ld [2]; jeq N, accept, next; jeq ffffffff, accept, refuse
            let clients = try (2...200).map { number in
                let program = Self.program([
                    (0x20, 2, 0, 0), (0x15, UInt32(number), 1, 0), (0x15, 0xffff_ffff, 0, 1), (0x06, 1, 0, 0),
                    (0x06, 0, 0, 0),
                ])
                return try ChannelClient(live.directory, name: "host\(number)", filters: [Self.receive(program)])
            }
            for number in 2...200 { try sender.send(frame(number, to: UInt8(number))) }
            try sender.send(frame(1000, to: TestFrame.broadcast))
            for (offset, client) in clients.enumerated() {
                #expect(try client.next() == Self.header + frame(offset + 2, to: UInt8(offset + 2)))
                #expect(try client.next() == Self.header + frame(1000, to: TestFrame.broadcast))
                #expect(try client.next(seconds: 0) == nil)
            }
            try live.waitUntil { clients.allSatisfy { live.drops($0.port, .filtered) == 198 } }
        }
    }
}
