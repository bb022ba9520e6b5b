// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem

/// `unixterm` of VDE 2: a console's socket by its path; also with `-i` and `-s PATH`, as older versions were called.
enum UnixTermProgram {
    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = CommandLineOptions.parse(
            program: "unixterm",
            arguments,
            short: "+is:h",
            long: [],
            singleDashLong: false
        )
        var path: String?
        var showsName = false
        for occurrence in parsed.occurrences {
            switch occurrence.letter {
            case "i": showsName = true
            case "s": path = occurrence.value
            default: break
            }
        }
        var operands = parsed.operands[...]
        if path == nil { path = operands.popFirst() }
        if let mistake = parsed.mistake {
            Report.error("\(mistake); usage: unixterm [-i] [-s] SOCKET [COMMAND]")
            return 255
        }
        guard let path else {
            Report.line("Usage: unixterm [-i] [-s] SOCKET [COMMAND]")
            return 255
        }
        var options = TerminalOptions(path: path)
        options.program = "unixterm"
        options.showsName = showsName
        if !operands.isEmpty { options.commands = [operands.joined(separator: " ")] }
        let status = TerminalClient.run(options)
        // The original has one status for every failure; commands as arguments and names before lines are ours.
        let isOriginal = operands.isEmpty && !showsName
        return isOriginal && status != 0 && status <= 128 ? 255 : status
    }
}
