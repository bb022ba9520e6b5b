// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// `churn`: a port that many stations speak from, at a steady rate, until standard input ends. Measured is what `gen` gets
/// through two other ports meanwhile.
///
/// The frames go to an address on the same port, so that the switch learns and looks up but sends nothing on: what others
/// lose, they lose to the table.
///
/// - `--addresses N`: N stations in turn, in the order of their numbers; 0: each frame from an address never seen before.
func churn(_ options: Options) throws -> Report? {
    guard let path = options.text("sock") else { throw Failure("churn needs --sock\n\(usage)", status: 64) }
    let addresses = try options.count("addresses", in: 0...1_000_000) ?? 10_000
    let rate = try options.number("rate", in: 1...10_000_000) ?? 50_000
    let port = try VDEClient.attach(path, description: "swbench churn")
    let own: [UInt8] = [0x02, 0x43, 0, 0, 0, 1]
    let frame = TestFrame.make(from: own, to: own, byteCount: 64)
    try speak(frame, on: port.data)
    print("{\"addresses\": \(addresses)}")
    fflush(nil)

    var scatter = Scatter(seed: 7)
    var sent = 0
    let start = Clock.now
    var hangUp = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    while true {
        // What is due by now, then a rest of a millisecond: the rate is kept on the whole.
        let due = Int(Double(Clock.now - start) * rate / 1e9)
        while sent < due {
            let number = addresses > 0 ? sent % addresses : scatter.next(below: 1 << 40)
            frame.store(UInt8(0x02), at: 6)
            frame.store(UInt8(addresses > 0 ? 0x44 : 0x46), at: 7)
            frame.store(UInt32(truncatingIfNeeded: number).bigEndian, at: 8)
            try speak(frame, on: port.data)
            sent += 1
        }
        // The address that the frames go to stays known.
        frame.store(UInt32(1).bigEndian, at: 8)
        frame.store(UInt8(0x43), at: 7)
        try speak(frame, on: port.data)
        if unsafe poll(&hangUp, 1, 1) != 0 { break }
    }
    close(port.data)
    close(port.control)
    return nil
}

private func speak(_ frame: Buffer, on descriptor: Int32) throws {
    guard unsafe send(descriptor, frame.bytes, frame.byteCount, Int32(MSG_NOSIGNAL)) == frame.byteCount else {
        throw Failure.systemCall("send", Errno(rawValue: errno))
    }
}
