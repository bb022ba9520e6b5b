// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The frames that are sent: Ethernet, a type for experiments, a mark and a sequence number.
///
///      0 destination   6 source   12 0x88b5   14 "SWB1"   18 sequence number, host order   26 filler
enum TestFrame {
    /// IEEE 802 Local Experimental Ethertype 1.
    static let etherType: UInt16 = 0x88b5
    static let ipv4: UInt16 = 0x0800
    static let mark: UInt32 = 0x3142_5753
    static let minimumByteCount = 26
    static let maximumByteCount = 65_000

    static let senderAddress: [UInt8] = [0x02, 0x45, 0x4c, 0, 0, 1]
    static let sinkAddress: [UInt8] = [0x02, 0x45, 0x4c, 0, 0, 2]
    static let broadcast: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]

    /// A frame with the sequence number 0.
    static func make(from source: [UInt8], to destination: [UInt8], byteCount: Int) -> Buffer {
        let buffer = Buffer(byteCount: byteCount)
        for (offset, byte) in (destination + source + [0x88, 0xb5]).enumerated() { buffer.store(byte, at: offset) }
        buffer.store(mark, at: 14)
        for offset in minimumByteCount..<max(byteCount, minimumByteCount) {
            buffer.store(UInt8(truncatingIfNeeded: offset &* 131), at: offset)
        }
        return buffer
    }
}

/// Bytes that live as long as the process: a thread's one buffer.
@safe
struct Buffer: @unchecked Sendable {
    /// Invariant: `byteCount` bytes, never freed.
    let bytes: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) {
        unsafe bytes = .allocate(byteCount: max(byteCount, TestFrame.minimumByteCount), alignment: 64)
        self.byteCount = byteCount
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, TestFrame.minimumByteCount))
    }

    func store(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        precondition(offset >= 0 && offset + value.bitWidth / 8 <= max(byteCount, TestFrame.minimumByteCount))
        unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: type(of: value))
    }

    /// The sequence number of the frame at `start`, nil when its `count` bytes are no frame of ours (a switch's own, say).
    @inline(__always)
    func sequence(count: Int, markOffset: Int = 14, at start: Int = 0) -> Int? {
        guard count >= markOffset + 12, start >= 0, start + count <= byteCount,
            unsafe bytes.loadUnaligned(fromByteOffset: start + markOffset, as: UInt32.self) == TestFrame.mark
        else { return nil }
        return unsafe bytes.loadUnaligned(fromByteOffset: start + markOffset + 4, as: Int.self)
    }

    @inline(__always)
    func setSequence(_ number: Int, markOffset: Int = 14) {
        precondition(markOffset >= 0 && markOffset + 12 <= max(byteCount, TestFrame.minimumByteCount))
        unsafe bytes.storeBytes(of: number, toByteOffset: markOffset + 4, as: Int.self)
    }
}
