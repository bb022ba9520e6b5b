// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Sees to it that a terminal is usable again when this process is killed while it has the terminal in `TerminalMode.raw`: a process
/// beside it waits for its end. To be made before the mode is changed, and given up after it was changed back.
public struct TerminalGuard: ~Copyable {
    private let lifeline: OwnedDescriptor
    private let process: Int32

    public init(_ descriptor: Int32) throws(Errno) {
        var lifeline: Int32 = -1
        process = try systemCall { unsafe cel_guard_terminal(descriptor, &lifeline) }
        self.lifeline = OwnedDescriptor(adopting: lifeline)
    }

    deinit {
        // There is nothing left to be put right.
        _ = kill(process, SIGKILL)
        _ = try? ProcessHandle.wait(child: process)
    }
}

/// A terminal whose keys come one by one and are not echoed, termios(3), until this value goes: then it is as before.
public struct TerminalMode: ~Copyable {
    private let descriptor: Int32
    private let before: termios

    private init(_ descriptor: Int32, before: termios) {
        self.descriptor = descriptor
        self.before = before
    }

    /// Takes line editing over. Output keeps its line ends.
    public static func raw(_ descriptor: Int32) throws(Errno) -> TerminalMode {
        var settings = termios()
        guard unsafe tcgetattr(descriptor, &settings) == 0 else { throw Errno(rawValue: errno) }
        let before = settings
        unsafe cfmakeraw(&settings)
        settings.c_oflag |= tcflag_t(OPOST)
        // Drained, not flushed: what was typed ahead is for us.
        guard unsafe tcsetattr(descriptor, TCSADRAIN, &settings) == 0 else { throw Errno(rawValue: errno) }
        return TerminalMode(descriptor, before: before)
    }

    deinit {
        var settings = before
        _ = unsafe tcsetattr(descriptor, TCSADRAIN, &settings)
    }

    /// Whether a descriptor is a terminal.
    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// How many columns the terminal has, 80 when it does not say.
    public static func columns(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Columns and rows of the terminal, 80 and 24 when it does not say.
    public static func size(_ descriptor: Int32) -> (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
