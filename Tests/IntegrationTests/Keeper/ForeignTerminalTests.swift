// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// Terminals that belong to another user than the keeper, as those of su and sudo do.
    @Suite("Terminals of others")
    struct ForeignTerminalTests {
        /// One that the keeper may not open again, with its output stopped as by ^S.
        private final class StoppedTerminal {
            let master, user: Int32

            init() throws {
                master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
                guard grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else {
                    throw IntegrationFailure("no pseudo-terminal: \(String(cString: strerror(errno)))")
                }
                user = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
                fchmod(user, 0o600)
                var settings = termios()
                tcgetattr(user, &settings)
                cfmakeraw(&settings)
                tcsetattr(user, TCSANOW, &settings)
                // Also for who has another user's number in a user namespace only.
                guard ioctl(user, UInt(TIOCEXCL)) == 0, tcflow(user, TCOOFF) == 0 else {
                    throw IntegrationFailure("no pseudo-terminal: \(String(cString: strerror(errno)))")
                }
            }

            deinit {
                close(user)
                close(master)
            }

            /// O_NONBLOCK belongs to all who have it, and so to the user's shell.
            var isBlocking: Bool { fcntl(user, F_GETFL) & O_NONBLOCK == 0 }

            func read() -> String {
                var bytes = [UInt8](repeating: 0, count: 65536)
                let count = Glibc.read(master, &bytes, bytes.count)
                return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            }
        }

        /// Names of the keeper's children.
        private func children(_ lab: KeptLab) throws -> [String] {
            let keeper = try lab.processID("pid")
            let list = try String(contentsOfFile: "/proc/\(keeper)/task/\(keeper)/children", encoding: .utf8)
            return list.split(separator: " ").compactMap {
                // Those that have ended are about to be reaped.
                guard let status = try? String(contentsOfFile: "/proc/\($0)/status", encoding: .utf8),
                    !status.contains("\nState:\tZ")
                else { return nil }
                return status.split(separator: "\n").first.map { String($0.dropFirst("Name:\t".count)) }
            }
        }

        private func start(_ lab: KeptLab, _ terminal: StoppedTerminal, _ script: String) throws -> KeeperClient {
            var command = GuestCommand(["sh", "-c", script])
            command.usesTerminal = true
            let connection = try lab.another()
            try connection.start(
                command,
                guest: "alice",
                input: terminal.user,
                output: terminal.user,
                error: terminal.user
            )
            return connection
        }

        /// The keeper answers at once, for a while in which everything in between has filled.
        private func expectAnswers(_ lab: KeptLab) throws {
            let end = MonotonicClock.nanoseconds + 1_000_000_000
            while MonotonicClock.nanoseconds < end {
                try lab.client.request(["state"], patience: 5_000_000_000)
            }
        }

        @Test("one that is stopped holds up its own command alone, and gets all when it goes on")
        func stopped() throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                try lab.start("alice")
                let terminal = try StoppedTerminal()
                let connection = try start(lab, terminal, "yes | head -n 200000; echo over")
                try expectAnswers(lab)
                #expect(try lab.run("alice", "echo", "else").output == "else\n")
                #expect(terminal.isBlocking)
                #expect(try children(lab).contains("etherloom-relay"))
                #expect(tcflow(terminal.user, TCOON) == 0)
                var seen = ""
                try wait(for: "the command's output: \(seen.count) bytes", seconds: 30) {
                    seen += terminal.read()
                    return seen.hasSuffix("over\r\n")
                }
                // Its own terminal makes CR LF of ends of lines.
                #expect(seen.utf8.count == 3 * 200_000 + 6)
                #expect(try connection.waitForEnd().shellStatus == 0)
                #expect(terminal.isBlocking)
                try wait(for: "the end of who waited for it", seconds: 10) {
                    try !children(lab).contains("etherloom-relay")
                }
            }
        }

        @Test("what waited for a stopped one goes with who was at it")
        func abandoned() throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                try lab.start("alice")
                let terminal = try StoppedTerminal()
                do {
                    let connection = try start(lab, terminal, "yes")
                    try expectAnswers(lab)
                    _ = connection
                }
                try wait(for: "the end of who waited for it", seconds: 10) {
                    try !children(lab).contains("etherloom-relay")
                }
                try wait(for: "the command's end", seconds: 10) { try lab.run("alice", "pgrep", "yes").status == 1 }
            }
        }
    }
}
