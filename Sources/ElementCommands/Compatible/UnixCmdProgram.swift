// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem

/// `unixcmd` of VDE 2, also by the name `vdecmd`: one command to a console from a shell.
enum UnixCmdProgram {
    static func run(_ arguments: [String], name: String) throws -> Int32 {
        let parsed = CommandLineOptions.parse(
            program: name,
            arguments,
            short: "+s:f:vh",
            long: [],
            singleDashLong: false
        )
        var options = TerminalOptions(path: "/var/run/\(name)")
        options.program = name
        var machineFile: String?
        var isTraced = false
        for occurrence in parsed.occurrences {
            switch occurrence.letter {
            case "s": options.path = occurrence.value ?? ""
            case "f": machineFile = occurrence.value
            case "v": isTraced = true
            default: break
            }
        }
        let commands = parsed.operands
        let isAsked = parsed.occurrences.contains { $0.letter == "h" }
        // Without a command those on standard input are run, which the original does not do; on a terminal it wants help.
        guard parsed.mistake == nil, !isAsked, !commands.isEmpty || !TerminalMode.isTerminal(0) else {
            if let mistake = parsed.mistake { Report.error(mistake) }
            Report.line(usage(name))
            return 255
        }
        if machineFile == nil, !commands.isEmpty, FileSystem.isReadable("/etc/vde2/\(name)") {
            machineFile = "/etc/vde2/\(name)"
        }
        guard let machineFile else {
            if !commands.isEmpty { options.commands = [commands.joined(separator: " ")] }
            return CommandClient.run(options)
        }
        let text: [UInt8]
        do {
            text = try FileSystem.contents(machineFile)
        } catch {
            Report.error("\(machineFile): \(error)")
            return 255
        }
        let machine = String(decoding: text, as: UTF8.self)
        return CommandClient.run(options, machine: machine, command: commands, isTraced: isTraced)
    }

    private static func usage(_ name: String) -> String {
        """
        Usage: \(name) OPTIONS command
        \t-s sockname  management socket path (default is /var/run/\(name))
        \t-f rcfile    configuration path (default is /etc/vde2/\(name))
        \t-v           run parse machine in debug mode
        """
    }
}
