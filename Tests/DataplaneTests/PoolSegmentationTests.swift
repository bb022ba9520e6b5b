// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("Super-frames in the pool")
struct PoolSegmentationTests {
    private static let recipes: [SuperFrame] = {
        var generator = SeededGenerator(seed: 5)
        var recipes: [SuperFrame] = []
        for (isIPv6, isTCP, tagCount) in [
            (false, true, 0), (true, true, 0), (false, false, 0), (true, false, 2), (false, true, 1),
        ] {
            var recipe = SuperFrame()
            recipe.isIPv6 = isIPv6
            recipe.isTCP = isTCP
            recipe.tagCount = tagCount
            recipe.payload = generator.bytes(5000 + recipes.count)
            recipe.segmentSize = 1400
            recipes.append(recipe)
        }
        return recipes
    }()

    /// The super-frame in a large slot, with its header.
    private func place(_ recipe: SuperFrame, in pool: inout FramePool) throws -> FrameReference {
        let frame = try need(pool.received(recipe.bytes))
        let header = recipe.virtioHeader
        let parsed = try need(VirtioNetHeader.parse(header.span))
        pool.setHeader(parsed, of: frame)
        return frame
    }

    @Test("becomes complete ordinary frames that together carry its payload", arguments: recipes)
    func segments(recipe: SuperFrame) throws {
        var pool = FramePool(smallCount: 16, largeCount: 2)
        var burst = FrameBurst(capacity: 16)
        let frame = try place(recipe, in: &pool)
        #expect(pool.segment(frame, into: &burst) == nil)
        #expect(burst.count == (recipe.payload.count + 1399) / 1400)
        var payload: [UInt8] = []
        for index in 0..<burst.count {
            let isLarge = pool.isLarge(burst[index])
            let needsWork = pool.needsWork(burst[index])
            #expect(!isLarge && !needsWork)
            let bytes = pool.array(burst[index])
            #expect(ChecksumOracle.transportIsIntact(ip: Array(bytes[recipe.networkOffset...])))
            if !recipe.isIPv6 { #expect(ChecksumOracle.headerIsIntact(ipv4: bytes[recipe.networkOffset...])) }
            payload += bytes[recipe.payloadOffset...]
        }
        #expect(payload == recipe.payload)
        // The super-frame is as it was, and everything is let go of by letting go of the burst.
        let original = pool.array(frame)
        #expect(original == recipe.bytes)
        for index in 0..<burst.count { pool.release(burst[index]) }
        pool.release(frame)
        #expect(pool.freeSmallCount == 16)
        #expect(pool.freeLargeCount == 2)
    }

    @Test("segments that do not fit small slots are put in large ones")
    func largeSegments() throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 0x5a, count: 20_000)
        recipe.segmentSize = 8948
        var pool = FramePool(smallCount: 16, largeCount: 4)
        var burst = FrameBurst(capacity: 16)
        let frame = try place(recipe, in: &pool)
        #expect(pool.segment(frame, into: &burst) == nil)
        #expect((0..<burst.count).map { burst[$0].byteCount } == [9002, 9002, 2158])
        let areLarge = (0..<burst.count).map { pool.isLarge(burst[$0]) }
        #expect(areLarge == [true, true, true])
        #expect(pool.freeSmallCount == 16)
    }

    @Test(
        "without enough slots nothing is made and nothing is lost",
        arguments: [(1400, 3, 8), (8948, 16, 2), (1400, 16, 1)]
    )
    func noMemory(segmentSize: Int, smallCount: Int, largeCount: Int) throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 1, count: 20_000)
        recipe.segmentSize = segmentSize
        var pool = FramePool(smallCount: smallCount, largeCount: largeCount)
        var burst = FrameBurst(capacity: segmentSize == 1400 && smallCount == 16 ? 14 : 64)
        let frame = try place(recipe, in: &pool)
        let free = (pool.freeSmallCount, pool.freeLargeCount)
        #expect(pool.segment(frame, into: &burst) == .noMemory)
        #expect(burst.isEmpty == true)
        #expect(pool.freeSmallCount == free.0)
        #expect(pool.freeLargeCount == free.1)
    }

    @Test("frames in the burst already stay when a super-frame does not fit behind them")
    func keepsWhatIsThere() throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 1, count: 3000)
        recipe.segmentSize = 1000
        var pool = FramePool(smallCount: 16, largeCount: 2)
        var burst = FrameBurst(capacity: 4)
        let frame = try place(recipe, in: &pool)
        #expect(pool.segment(frame, into: &burst) == nil)
        #expect(pool.segment(frame, into: &burst) == .noMemory)
        #expect(burst.count == 3)
    }

    @Test("a header that contradicts its frame makes nothing")
    func badHeader() throws {
        var pool = FramePool(smallCount: 16, largeCount: 2)
        var burst = FrameBurst(capacity: 16)
        let frame = try place(Self.recipes[0], in: &pool)
        var header = pool.header(frame)
        header.checksumStart += 1
        pool.setHeader(header, of: frame)
        #expect(pool.segment(frame, into: &burst) == .badHeader)
        #expect(burst.isEmpty == true)
        #expect(pool.freeSmallCount == 16)
    }

    @Test("hostile headers before hostile frames neither trap nor leak")
    func hostile() throws {
        var generator = SeededGenerator(seed: 99)
        var pool = FramePool(smallCount: 64, largeCount: 2)
        var burst = FrameBurst(capacity: 64)
        var made = 0
        for round in 0..<4000 {
            var bytes = Self.recipes[round % Self.recipes.count].bytes
            var header = Self.recipes[round % Self.recipes.count].virtioHeader
            for _ in 0..<generator.number(0...3) { header[generator.number(0...11)] = UInt8(generator.number(0...255)) }
            for _ in 0..<generator.number(0...3) { bytes[generator.number(0...80)] = UInt8(generator.number(0...255)) }
            let frame = try need(pool.received(bytes))
            let parsed = try need(VirtioNetHeader.parse(header.span))
            pool.setHeader(parsed, of: frame)
            let failure = pool.segment(frame, into: &burst)
            if failure == nil { made += 1 }
            #expect((failure == nil) == (burst.count > 0))
            for index in 0..<burst.count { pool.release(burst[index]) }
            burst.removeAll()
            pool.completeChecksum(frame)
            pool.release(frame)
            #expect(pool.freeSmallCount == 64)
            #expect(pool.freeLargeCount == 2)
        }
        #expect(made > 100)
    }

    @Test("a partial checksum is finished in place, once")
    func completesChecksum() throws {
        var recipe = SuperFrame()
        recipe.payload = Array("etherloom".utf8)
        var bytes = recipe.bytes
        let transport = recipe.transportOffset
        // The pseudo-header's sum stands where the checksum will be: 10.0.0.1 to 10.0.0.254, TCP, 29 bytes.
        let pseudo = ChecksumOracle.sum([10, 0, 0, 1, 10, 0, 0, 254, 0, 6, 0, 29])
        bytes[transport + 16] = UInt8(pseudo >> 8)
        bytes[transport + 17] = UInt8(pseudo & 0xff)
        var pool = FramePool(smallCount: 0, largeCount: 1)
        let frame = try need(pool.received(bytes))
        pool.setHeader(
            VirtioNetHeader(flags: .needsChecksum, checksumStart: UInt16(transport), checksumOffset: 16),
            of: frame
        )
        pool.completeChecksum(frame)
        let needsWork = pool.needsWork(frame)
        #expect(!needsWork)
        let complete = pool.array(frame)
        #expect(ChecksumOracle.transportIsIntact(ip: Array(complete[14...])))
        pool.completeChecksum(frame)
        let again = pool.array(frame)
        #expect(again == complete)
    }
}
