// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Hands a supervisor's signals on to its command, so that `kill PID-of-the-supervisor` means the command.
///
/// Only those of kill(2): what the terminal sends (^C) has gone to the whole foreground process group, the command
/// included, and must not end the supervisor before it. ^Z stops the supervisor too, but after the command
/// (`CommandSupervision.forward`); `fg` continues both.
public struct SignalForwarding: ~Copyable, Sendable {
    private let signals: SignalFD

    /// Takes the signals over for this process. To be made before other threads are, as they inherit the mask.
    public init() throws(StackError) {
        do {
            signals = try SignalFD([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP])
        } catch {
            throw StackError(.failed, "signalfd: \(error)")
        }
    }

    /// Readable when a signal has come.
    public var rawDescriptor: Int32 { signals.rawDescriptor }

    /// The next signal that has come, from the terminal or from somebody.
    func next() -> SignalFD.Signal? { signals.next() }
}
