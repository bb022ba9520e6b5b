// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The user's side of a terminal, pty(7).
public final class PseudoTerminal {
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    /// The program's side.
    public let path: String

    init() throws {
        descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0, grantpt(descriptor) == 0, unlockpt(descriptor) == 0, let name = ptsname(descriptor)
        else {
            throw IntegrationFailure.system("pseudo-terminal")
        }
        path = String(cString: name)
        // Its user is another one when the program runs without privilege.
        chmod(path, 0o666)
    }

    deinit { close(descriptor) }

    /// Everything that was written to the terminal so far. Without a program there is nothing to read, or EIO.
    var output: [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return bytes }
            bytes += buffer.prefix(count)
        }
    }

    /// Whether the program has taken line editing over; what is typed before may be thrown away.
    public var isRaw: Bool {
        var settings = termios()
        return tcgetattr(descriptor, &settings) == 0 && settings.c_lflag & tcflag_t(ICANON) == 0
    }

    /// Whether it shows what is typed.
    public var echoes: Bool {
        var settings = termios()
        return tcgetattr(descriptor, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Gives the terminal's window another size; the program is told by SIGWINCH.
    public func resize(columns: Int, rows: Int) throws {
        var size = winsize()
        size.ws_col = UInt16(columns)
        size.ws_row = UInt16(rows)
        guard ioctl(descriptor, UInt(TIOCSWINSZ), &size) == 0 else {
            throw IntegrationFailure.system("terminal's size")
        }
    }

    /// Types.
    public func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw IntegrationFailure.system("terminal") }
    }
}
