// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The classic capture file of libpcap, version 2.4 (pcap-savefile(5)): microseconds, little-endian, Ethernet.
public enum PcapFile {
    /// A frame's longest part that is kept.
    public static var snapLength: Int { 262_144 }

    /// The header of the file, 24 bytes.
    public static var header: [UInt8] {
        bytes(0xa1b2_c3d4) + [2, 0, 4, 0] + bytes(0) + bytes(0) + bytes(UInt32(snapLength)) + bytes(1)
    }

    /// The header before a frame's bytes, 16 bytes.
    ///
    /// - Parameters:
    ///   - time: nanoseconds since 1970.
    ///   - captured: bytes that follow.
    ///   - byteCount: the frame's own size.
    public static func recordHeader(time: UInt64, captured: Int, byteCount: Int) -> [UInt8] {
        bytes(UInt32(truncatingIfNeeded: time / 1_000_000_000))
            + bytes(UInt32(truncatingIfNeeded: time % 1_000_000_000 / 1000))
            + bytes(UInt32(truncatingIfNeeded: captured)) + bytes(UInt32(truncatingIfNeeded: byteCount))
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
}
