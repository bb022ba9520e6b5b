// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem

/// `vdeterm` of VDE 2: a console with history and completion.
enum VDETermProgram {
    static func run(_ arguments: [String]) throws -> Int32 {
        guard let path = arguments.first, arguments.count == 1, path != "-h", path != "--help" else {
            Report.line("Usage: vdeterm SOCKET")
            return 255
        }
        var options = TerminalOptions(path: path)
        options.program = "vdeterm"
        let status = LineTerminal.isPossible ? LineTerminal.run(options) : TerminalClient.run(options)
        return status == 0 ? 0 : status > 128 ? status : 255
    }
}
