// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

extension Console {
    /// Commands without a menu.
    static var rootMenu: [ConsoleCommand] {
        [
            ConsoleCommand(
                "help",
                "[arg]",
                "Help (limited to arg when specified)",
                .text { call, prefix in .data(call.console.commands.help(prefix: prefix)) }
            ),
            ConsoleCommand(
                "logout",
                "",
                "logout from this mgmt terminal",
                .plain { _ in ConsoleAnswer(sequel: .endOfSession) }
            ),
            ConsoleCommand(
                "shutdown",
                "",
                "shutdown of the switch",
                .plain { _ in ConsoleAnswer(sequel: .shutdown) }
            ),
            ConsoleCommand(
                "showinfo",
                "",
                "show switch version and info",
                .plain { call in .data(call.console.information) }
            ),
            ConsoleCommand(
                "load",
                "path",
                "load a configuration script",
                .text { call, path in call.console.load(path, call) }
            ),
        ]
    }

    private var information: [String] {
        let seconds = (MonotonicClock.nanoseconds - startNanoseconds) / 1_000_000_000
        return identity.lines + ["pid \(CurrentProcess.id) MAC \(target.address) uptime \(seconds)"] + multiplexerLines
            + sockets.map { "mgmt \($0.path) perm 0\(octal($0.mode))" }
    }

    /// The sockets that clients attach to.
    static var dataSocketMenu: [ConsoleCommand] {
        [
            .menu("ds", "DATA SOCKET MENU"),
            ConsoleCommand(
                "ds/showinfo",
                "",
                "show ds info",
                .plain { call in
                    let options = call.console.target.options
                    let path = (try? FileSystem.canonicalPath(options.directory)) ?? options.directory
                    return .data(["ctl dir \(path)", "std mode 0\(octal(options.socketMode))"])
                }
            ),
        ]
    }
}

/// Permission bits, three octal digits.
func octal(_ mode: UInt32) -> String {
    let text = String(mode & 0o777, radix: 8)
    return String(repeating: "0", count: 3 - text.count) + text
}
