// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Guests

@Suite("Frames of the agent's channel")
struct AgentFrameTests {
    @Test func headerIsAsDocumented() {
        let frame = AgentFrame(.run, channel: 1, stream: 0x0102_0304, payload: [0xaa, 0xbb])
        let header: [UInt8] = [
            0xee, 0x4c,  // mark
            0x02, 0x01,  // run, channel
            1, 2, 3, 4,  // stream
            0, 0, 0, 2,  // payload
        ]
        #expect(Array(frame.bytes.prefix(12)) == header)
        // Sums computed by hand with FNV-1a's published constants: of nothing, and of "a".
        #expect(AgentFrame.check([]) == 0x811c_9dc5)
        #expect(AgentFrame.check([0x61]) == 0xe40c_292c)
        #expect(Array(frame.bytes.suffix(2)) == [0xaa, 0xbb])
    }

    @Test(arguments: [1, 2, 15, 16, 17, 100_000])
    func framesComeOutHoweverTheBytesAreCut(size: Int) {
        let frames = [
            AgentFrame(.welcome, payload: [1]),
            AgentFrame(.output, channel: 2, stream: 7, payload: [UInt8](repeating: 0xee, count: 5000)),
            AgentFrame(.exited, stream: .max, payload: []),
        ]
        let bytes = frames.flatMap(\.bytes)
        var reader = AgentFrameReader()
        var seen: [AgentFrame] = []
        var place = 0
        while place < bytes.count {
            reader.append(bytes[place..<min(place + size, bytes.count)])
            while let frame = reader.next() { seen.append(frame) }
            place += size
        }
        #expect(seen == frames)
        #expect(reader.skippedByteCount == 0)
    }

    @Test func garbageIsSteppedOver() {
        let frame = AgentFrame(.event, payload: Array("ended=0\0".utf8))
        var broken = AgentFrame(.output, stream: 3, payload: [1, 2, 3]).bytes
        broken[14] ^= 1
        // What a kernel writes, half a header, a header with a wrong sum.
        let noise = Array("[    0.1] Linux\r\n".utf8) + [0xee, 0x4c, 0x81, 0xee] + broken
        var reader = AgentFrameReader()
        reader.append(noise + frame.bytes)
        #expect(reader.next() == frame)
        #expect(reader.next() == nil)
        #expect(reader.skippedByteCount == UInt64(noise.count))
    }

    @Test func unknownKindsArePassedOver() {
        var unknown = AgentFrame(.output, payload: [9]).bytes
        unknown[2] = 0x7f
        unknown.replaceSubrange(12..<16, with: AgentFrame.number(AgentFrame.check(unknown[0..<12])))
        var reader = AgentFrameReader()
        reader.append(unknown + AgentFrame(.announce).bytes)
        #expect(reader.next()?.kind == .announce)
        #expect(reader.skippedByteCount == 0)
    }

    @Test func lengthsBeyondTheLimitAreNoHeaders() {
        var long = AgentFrame(.output).bytes
        long.replaceSubrange(8..<12, with: AgentFrame.number(UInt32(AgentFrame.payloadLimit + 1)))
        long.replaceSubrange(12..<16, with: AgentFrame.number(AgentFrame.check(long[0..<12])))
        var reader = AgentFrameReader()
        reader.append(long)
        #expect(reader.next() == nil)
        #expect(reader.skippedByteCount == 16)
    }
}
