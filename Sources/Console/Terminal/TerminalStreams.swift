// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The standard streams of a client: blocking or not, as they were inherited; here they may wait.
struct TerminalStreams: Sendable {
    var input: Int32 = 0
    var output: Int32 = 1
    var error: Int32 = 2

    /// Somebody types.
    var isInteractive: Bool { isatty(input) == 1 }

    /// What there is on the input; empty at its end.
    func read() -> [UInt8] {
        let descriptor = OwnedDescriptor(adopting: input)
        let bytes = try? descriptor.read(atMost: 4096)
        _ = descriptor.release()
        return bytes ?? []
    }

    /// Writes everything; false when nobody reads any more.
    func write(_ text: String) -> Bool { Self.write(Array(text.utf8), to: output) }
    func write(_ bytes: [UInt8]) -> Bool { Self.write(bytes, to: output) }
    func writeError(_ text: String) { _ = Self.write(Array(text.utf8), to: error) }

    private static func write(_ bytes: [UInt8], to number: Int32) -> Bool {
        let descriptor = OwnedDescriptor(adopting: number)
        var rest = bytes[...]
        var isOpen = true
        while isOpen && !rest.isEmpty {
            do throws(Errno) {
                rest = rest.dropFirst(try descriptor.write(rest))
            } catch .wouldBlock {
                isOpen = (try? Readiness.wait(descriptor, for: Int16(POLLOUT), milliseconds: -1)) == true
            } catch {
                isOpen = false
            }
        }
        _ = descriptor.release()
        return isOpen
    }
}
