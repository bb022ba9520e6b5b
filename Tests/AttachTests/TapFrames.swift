// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@testable import Attach

/// The network's side of a stack's tap: whole Ethernet frames, without the 10-byte virtio-net header before them.
final class TapFrames: @unchecked Sendable {
    private let tap: OwnedDescriptor
    private static let headerByteCount = 10

    /// Takes the tap of an interface.
    init(_ stack: inout NetworkStack, _ index: Int) throws {
        guard let tap = stack.takeTap(index) else { throw Errno.noEntry }
        self.tap = tap
    }

    /// Sends a frame; with `checksumStart`, as one whose UDP checksum the sender left to hardware (virtio 1.2 section
    /// 5.1.6.2: flags, segmentation kind, header length, segment size, checksum start, checksum offset).
    func send(_ frame: [UInt8], checksumStart: UInt8? = nil) throws {
        let header: [UInt8] =
            if let checksumStart { [1, 0, 0, 0, 0, 0, checksumStart, 0, 6, 0] } else {
                [UInt8](repeating: 0, count: 10)
            }
        _ = try tap.write(header + frame)
    }

    /// The next frame that is wanted; others are passed over.
    func next(seconds: UInt64 = 20, where isWanted: ([UInt8]) -> Bool) throws -> [UInt8] {
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        while try Poll.isReadable(tap.rawValue, deadline: deadline) {
            let frame = Array(try tap.read(atMost: 70000).dropFirst(Self.headerByteCount))
            if isWanted(frame) { return frame }
        }
        throw Errno.timedOut
    }
}
