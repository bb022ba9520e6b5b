// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import TestSupport
import Testing

@testable import Dataplane

/// The index against the obvious way: every filter asked about every frame.
@Suite("Demultiplexing by keys")
struct DemultiplexingTests {
    private static let clientCount = 256

    /// A host filter as libpcap writes it, made by hand so that the test needs no library.
    private static func hostFilter(_ number: UInt8, _ kind: Int) throws -> FilterProgram {
        func load(_ offset: UInt32, _ code: UInt16 = 0x20) -> FilterInstruction { FilterInstruction(code, offset) }
        func equal(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> FilterInstruction {
            FilterInstruction(0x15, value, jumpTrue: yes, jumpFalse: no)
        }
        let accept = FilterInstruction(0x06, 0x40000)
        let refuse = FilterInstruction(0x06, 0)
        switch kind {
        case 0:
            // ip dst host 10.0.0.N or arp dst host 10.0.0.N
            return try FilterProgram([
                load(12, 0x28), equal(0x800, 0, 2), load(30), equal(0x0a00_0000 | UInt32(number), 3, 4),
                equal(0x806, 0, 3), load(38), equal(0x0a00_0000 | UInt32(number), 0, 1), accept, refuse,
            ])
        case 1:
            // ether dst 02:00:00:00:00:N or group address
            return try FilterProgram([
                load(2), equal(UInt32(number), 0, 2), load(0, 0x28), equal(0x0200, 2, 0),
                load(0, 0x30), FilterInstruction(0x45, 1, jumpTrue: 0, jumpFalse: 1), accept, refuse,
            ])
        case 2:
            // ip6 dst host fd00::N
            return try FilterProgram([
                load(12, 0x28), equal(0x86dd, 0, 9), load(38), equal(0xfd00_0000, 0, 7), load(42), equal(0, 0, 5),
                load(46), equal(0, 0, 3), load(50), equal(UInt32(number), 0, 1), accept, refuse,
            ])
        default:
            // greater 100: no keys
            return try FilterProgram([
                FilterInstruction(0x80), FilterInstruction(0x35, 100, jumpTrue: 0, jumpFalse: 1), accept, refuse,
            ])
        }
    }

    private static func frame(_ random: inout SeededGenerator) -> [UInt8] {
        let number = UInt8.random(in: 0...70, using: &random)
        let destination: [UInt8] =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: [UInt8](repeating: 0xff, count: 6)
            case 1: [1, 0, 0x5e, 0, 0, number]
            default: [2, 0, 0, 0, 0, number]
            }
        let type: [UInt8] = [[8, 0], [8, 6], [0x86, 0xdd], [0x88, 0xb5]].randomElement(using: &random)!
        var frame = destination + [2, 0, 0, 0, 0, 200] + type
        frame += [UInt8](repeating: 0, count: 24)
        let host: [UInt8] = [10, 0, 0, number]
        if type == [8, 0] { frame.replaceSubrange(30..<34, with: host) }
        frame += type == [8, 6] ? host : [0xfd, 0, 0, 0]
        frame += [UInt8](repeating: 0, count: 11) + [number]
        frame += [UInt8](repeating: 7, count: Int.random(in: 0...80, using: &random))
        // Some are cut short, some have no meaning.
        if Int.random(in: 0..<8, using: &random) == 0 {
            frame = Array(frame.prefix(Int.random(in: 14...frame.count, using: &random)))
        }
        return frame
    }

    @Test("the same clients get the same frames as when every filter is asked", arguments: 1...8 as ClosedRange<UInt64>)
    func sameVerdicts(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var multiplexer = Multiplexer(isOn: true, portCount: 4, clientCount: Self.clientCount)
        var programs: [Int: FilterProgram] = [:]
        var accepted = 0
        for round in 0..<400 {
            // Clients come, change their minds, and go.
            for _ in 0..<3 {
                let client = Int.random(in: 0..<Self.clientCount, using: &random)
                if Int.random(in: 0..<5, using: &random) == 0 {
                    multiplexer.remove(client)
                    programs[client] = nil
                    continue
                }
                let program = try Self.hostFilter(
                    UInt8.random(in: 0...70, using: &random),
                    Int.random(in: 0..<4, using: &random)
                )
                programs[client] = program
                multiplexer.insert(
                    client,
                    priority: UInt32.random(in: 0...3, using: &random),
                    keys: FilterKeys.find(program)
                )
            }
            let frames = (0..<(1 + round % 64)).map { _ in Self.frame(&random) }
            let all = frames.count == 64 ? UInt64.max : (1 << UInt64(frames.count)) - 1
            for (position, frame) in frames.enumerated() { multiplexer.mark(frame.span, position: position) }
            let count = multiplexer.count
            #expect(count == programs.count)
            for place in 0..<multiplexer.count {
                let client = multiplexer.client(place)
                let program = try #require(programs[client])
                let mask = multiplexer.take(client, of: all)
                for (position, frame) in frames.enumerated() {
                    let wants = program.accepts(frame.span)
                    accepted += wants ? 1 : 0
                    // Asked about all that it wants; of the others it refuses what it is asked about.
                    if wants, mask >> UInt64(position) & 1 == 0 {
                        Issue.record("client \(client) would have wanted \(frame)")
                        return
                    }
                }
            }
        }
        #expect(accepted > 1000)
    }

    @Test("a host's frame leads to that host alone, of hundreds")
    func narrow() throws {
        var multiplexer = Multiplexer(isOn: true, portCount: 4, clientCount: Self.clientCount)
        for client in 0..<250 {
            let program = try Self.hostFilter(UInt8(client), 0)
            multiplexer.insert(client, priority: 0, keys: FilterKeys.find(program))
        }
        var frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0] + [UInt8](repeating: 0, count: 40)
        frame.replaceSubrange(30..<34, with: [10, 0, 0, 77])
        multiplexer.mark(frame.span, position: 0)
        var clients: [Int] = []
        for place in 0..<multiplexer.count {
            let client = multiplexer.client(place)
            if multiplexer.take(client, of: 1) != 0 { clients.append(client) }
        }
        #expect(clients == [77])
    }

    @Test("clients are served by priority, then in the order in which they came")
    func order() {
        var multiplexer = Multiplexer(isOn: true, portCount: 4, clientCount: 16)
        for (client, priority) in [(1, 0), (2, 5), (3, 0), (4, 9), (5, 5)] as [(Int, UInt32)] {
            multiplexer.insert(client, priority: priority, keys: nil)
        }
        let first = (0..<multiplexer.count).map { multiplexer.client($0) }
        #expect(first == [4, 2, 5, 1, 3])
        multiplexer.remove(2)
        multiplexer.insert(1, priority: 7, keys: nil)
        let second = (0..<multiplexer.count).map { multiplexer.client($0) }
        #expect(second == [4, 1, 5, 3])
    }

    @Test("who does not fit into the index is asked about everything")
    func full() throws {
        var index = DispatchIndex(clientCount: 4, entryCount: 3)
        let fits = index.insert(0, [FrameKey(.source, 1), FrameKey(.source, 2)])
        let doesNot = index.insert(1, [FrameKey(.source, 1), FrameKey(.source, 3)])
        #expect(fits && !doesNot)
        let key = FrameKey(.source, 1)
        let first = index.first(key)
        let client = first >= 0 ? index.client(first) : -1
        let next = first >= 0 ? index.next(key, after: first) : 0
        #expect(client == 0 && next == -1)
        index.remove(0)
        let none = index.first(key)
        #expect(none == -1)
        let all = index.insert(2, [FrameKey(.source, 1), FrameKey(.source, 2), FrameKey(.source, 3)])
        #expect(all)
    }

    @Test("frames that clients were not asked about are counted")
    func skipped() {
        var multiplexer = Multiplexer(isOn: true, portCount: 4, clientCount: 4)
        multiplexer.insert(1, priority: 0, keys: [])
        multiplexer.skip(1, 5)
        multiplexer.skip(1, 2)
        let hasSkipped = multiplexer.hasSkipped
        let first = multiplexer.takeSkipped(1)
        let second = multiplexer.takeSkipped(1)
        #expect(hasSkipped && first == 7 && second == 0)
    }
}
