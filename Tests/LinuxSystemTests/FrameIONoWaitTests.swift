// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing

@Suite("Frame I/O that must not wait")
struct FrameIONoWaitTests {
    /// A pseudo-terminal is, like a tap before Linux 6.4, a device that answers EOPNOTSUPP to RWF_NOWAIT.
    @Test("reading a device without RWF_NOWAIT would block instead of waiting or failing", .mayRun(seconds: 60))
    func readsDeviceWithoutNoWait() throws {
        let terminal = try OwnedDescriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
        #expect(fcntl(terminal.rawValue, F_GETFL) & O_NONBLOCK == 0)
        // The other end must be open, or the end of file is read.
        #expect(unlockpt(terminal.rawValue) == 0)
        let path = String(cString: ptsname(terminal.rawValue))
        let other = try OwnedDescriptor.open(path, flags: O_RDWR | O_NOCTTY)
        var buffer = [UInt8](repeating: 0, count: 16)
        var room = buffer.mutableSpan
        let size = FrameIO.read(terminal.rawValue, into: &room)
        #expect(size == -Int(EAGAIN))
        let text = Array("frame".utf8)
        let written = FrameIO.write(terminal.rawValue, text.span)
        #expect(written == 5)
        _ = consume other
    }
}
