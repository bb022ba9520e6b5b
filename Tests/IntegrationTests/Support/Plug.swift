// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// A station that a test speaks for, frame by frame: Debian's `vde_plug` on its standard streams, where each frame has its
/// size in front, two bytes, big-endian.
final class Plug {
    let program: Program

    /// - Parameter command: another program that speaks so, instead of Debian's.
    init(
        _ host: HostNamespace,
        _ locator: String,
        as user: HostNamespace.User = .runner,
        command: [String] = ["vde_plug"]
    ) throws {
        program = try host.start(command + [locator], as: user, input: .pipe)
    }

    func send(_ frame: [UInt8]) throws {
        try program.write([UInt8(frame.count >> 8), UInt8(frame.count & 0xff)] + frame)
    }

    private var received: [[UInt8]] = []
    /// How many bytes of the output they took.
    private var parsedByteCount = 0

    /// Every frame that has come so far.
    var frames: [[UInt8]] {
        var rest = program.outputBytes(from: parsedByteCount)[...]
        while rest.count >= 2 {
            let size = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            guard rest.count >= 2 + size else { break }
            received.append(Array(rest.dropFirst(2).prefix(size)))
            rest = rest.dropFirst(2 + size)
            parsedByteCount += 2 + size
        }
        return received
    }

    /// Waits for a frame with exactly these bytes.
    func wait(for frame: [UInt8]) throws {
        try TestSupport.wait(for: "a frame of \(frame.count) bytes at \(program.name)") {
            if program.poll() != nil { throw IntegrationFailure("\(program.name) ended: \(program.transcript)") }
            return frames.last == frame || frames.contains(frame)
        }
    }
}

/// An Ethernet address of a test station.
func station(_ number: UInt8) -> [UInt8] { [0x02, 0, 0, 0, 0, number] }

let everybody = [UInt8](repeating: 0xff, count: 6)

/// A frame with a recognisable payload. 0x88b5 is the EtherType for local experiments (IEEE 802).
func frame(to destination: [UInt8], from source: [UInt8], size: Int = 60, seed: UInt8 = 1) -> [UInt8] {
    let payload = (0..<(size - 14)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(seed)) }
    return destination + source + [0x88, 0xb5] + payload
}
