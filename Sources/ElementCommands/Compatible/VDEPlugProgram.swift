// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// `vde_plug` of vdeplug4: a cable between two networks, between a network and standard input and output, or between a
/// network and a command's. Also as a login shell, and as User Mode Linux runs it (`--descr D seqpacket://FD URL`).
enum VDEPlugProgram {
    private static let short = "+hdlLp:g:G:m:M:D:c:"
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("daemon", takesValue: false, letter: "d"),
        .init("log", takesValue: false, letter: "l"),
        .init("iplog", takesValue: false, letter: "L"),
        .init("pidfile", takesValue: true, letter: "p"),
        .init("group", takesValue: true, letter: "g"),
        .init("group2", takesValue: true, letter: "G"),
        .init("mod", takesValue: true, letter: "m"),
        .init("mode", takesValue: true, letter: "m"),
        .init("mod2", takesValue: true, letter: "M"),
        .init("mode2", takesValue: true, letter: "M"),
        .init("descr", takesValue: true, letter: "D"),
        .init("port", takesValue: true, letter: "1"),
        .init("port2", takesValue: true, letter: "2"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        if arguments.first == "-c" { return try runAsShell(Array(arguments.dropFirst())) }
        return try plug(arguments, isShell: false)
    }

    /// - Parameter isShell: for a user who may join networks, and nothing else.
    private static func plug(_ arguments: [String], isShell: Bool) throws -> Int32 {
        // "=" separates our own words from a command's, which may have options and signs of its own.
        let sign = arguments.firstIndex(of: "=")
        let parsed = CommandLineOptions.parse(
            program: "vde_plug",
            Array(arguments[..<(sign ?? arguments.endIndex)]),
            short: short,
            long: long,
            singleDashLong: true
        )
        if let mistake = parsed.mistake {
            Report.error("\(mistake); see: vde_plug --help")
            return 255
        }
        var options = ElementProcess.Options()
        var ports = (first: 0, second: 0)
        var text = "vdeplug:"
        var isLogged = isShell
        var isAddressLogged = false
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "h":
                Report.line(usage)
                return 255
            case "d", "p":
                guard !isShell else { throw Failure("-\(occurrence.letter): not in a login shell") }
                if occurrence.letter == "d" { options.isDaemon = true } else { options.pidFile = value }
            case "l": isLogged = true
            case "L": (isLogged, isAddressLogged) = (true, true)
            case "D": text = value
            case "1": ports.first = try port(value)
            case "2": ports.second = try port(value)
            // Permissions of a client's own socket file: ours has none.
            default: break
            }
        }
        let command = sign.map { Array(arguments[($0 + 1)...]) }
        guard !isShell || command == nil else { throw Failure("=: no programs are run from a login shell") }
        guard parsed.operands.count <= (command == nil ? 2 : 1), command?.isEmpty != true else {
            Report.line(usage)
            return 255
        }
        var setup = PlugProcess.Setup(
            first: [try url(parsed.operands.first ?? "", port: ports.first)],
            second: [
                try command.map { try url("cmd://" + CommandWords.join($0)) }
                    ?? url(parsed.operands.dropFirst().first ?? "-", port: ports.second)
            ]
        )
        setup.ends.description = description(text)
        setup.ends.mayRunPrograms = !isShell
        setup.ends.mayUseFiles = !isShell
        setup.isEndSuccess = true
        setup.process = options
        let log = PlugAddressLog()
        // As in the original, of what comes by a stream: the other end of ssh.
        let comesByStream = ["stdio", "cmd"].contains(setup.ends.second[0].scheme)
        if isAddressLogged, comesByStream { setup.inspect = { log.note($0) } }
        if isLogged { log.write("START") }
        defer {
            if isLogged { log.write("STOP") }
        }
        try PlugProcess.run(setup)
        return 0
    }

    /// As a login shell: `-c "vde_plug ARGUMENTS"` is all that may be run, and what is plugged in by it is a network.
    private static func runAsShell(_ arguments: [String]) throws -> Int32 {
        let words = arguments.first.flatMap { CommandWords.split($0) } ?? []
        guard let program = words.first?.split(separator: "/").last, program == "vde_plug" else {
            PlugAddressLog().write("FAILED")
            Report.line(
                "This is a Virtual Distributed Ethernet (vde) tunnel broker. \n"
                    + "This is not a login shell, only vde_plug can be executed"
            )
            return 255
        }
        return try plug(Array(words.dropFirst()), isShell: true)
    }

    /// - Parameter port: of the switch, when the URL itself says none.
    static func url(_ text: String, port: Int = 0) throws -> NetworkURL {
        do {
            let url = try NetworkURL(text.isEmpty ? "vde://" : text)
            return port > 0 && url.scheme == "vde" && url.options.isEmpty ? try NetworkURL("\(url)[\(port)]") : url
        } catch {
            throw Failure(error.description)
        }
    }

    static func port(_ text: String) throws -> Int {
        guard let number = Int(text), number >= 0, number < 1 << 24 else {
            throw Failure("port \(text): not a port number")
        }
        return number
    }

    /// The text that consoles show of a client of vdeplug4.
    static func description(_ text: String) -> String {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        // Who came by ssh is told by the address that sshd has put first.
        let remote = CurrentProcess.environment("SSH_CLIENT")?.split(separator: " ").first.map { " SSH=\($0)" } ?? ""
        return "\(text) user=\(user) pid=\(CurrentProcess.id)\(remote)"
    }

    private static let usage = """
        Usage:
          vde_plug [ OPTIONS ] [ URL [ URL ] ]
          vde_plug [ OPTIONS ] [ URL ] = command [args ...]
        Without a URL, or with an empty one, the default switch: "~/.vde2/default.switch", /var/run/vde.ctl or /tmp/vde.ctl.
        Without a second one, standard input and output, each frame behind its length.
          -d, --daemon            run in the background
          -p, --pidfile FILE      write the process number to FILE
          -l, --log               tell syslog of the start and the end
          -L, --iplog             and of the IP addresses that come from the second end
          -D, --descr TEXT        description, as the switch's console shows it (vdeplug:)
              --port N, --port2 N port of the switch; as in URL[N]
          -g, -G GROUP, -m, -M MODE   accepted: permissions of a socket that this program does not have
          -h, --help              this help
        """
}

/// `vde_plug2tap` of VDE 2: a tap at a switch.
enum VDEPlug2TapProgram {
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("daemon", takesValue: false, letter: "d"),
        .init("pidfile", takesValue: true, letter: "P"),
        .init("port", takesValue: true, letter: "p"),
        .init("group", takesValue: true, letter: "g"),
        .init("mode", takesValue: true, letter: "m"),
        .init("mod", takesValue: true, letter: "m"),
        .init("sock", takesValue: true, letter: "s"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = CommandLineOptions.parse(
            program: "vde_plug2tap",
            arguments,
            short: "hdP:p:g:m:s:",
            long: long,
            singleDashLong: false
        )
        if let mistake = parsed.mistake {
            Report.error("\(mistake); see: vde_plug2tap --help")
            return 255
        }
        var directory = ""
        var port = 0
        var options = ElementProcess.Options()
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "h":
                Report.line(usage)
                return 255
            case "d": options.isDaemon = true
            case "P": options.pidFile = value
            case "p":
                guard let number = Int(value), number > 0 else {
                    Report.error("port \(value): not a port number")
                    return 255
                }
                port = try VDEPlugProgram.port(value)
            case "s": directory = value
            default: break
            }
        }
        guard parsed.operands.count == 1 else {
            Report.line(usage)
            return 255
        }
        var setup = PlugProcess.Setup(
            first: [try VDEPlugProgram.url(directory, port: port)],
            second: [try VDEPlugProgram.url("tap://\(parsed.operands[0])")]
        )
        setup.ends.description = VDEPlugProgram.description("vde_plug2tap: \(parsed.operands[0])")
        setup.isEndSuccess = true
        setup.process = options
        try PlugProcess.run(setup)
        return 0
    }

    private static let usage = """
        Usage: vde_plug2tap [OPTION]... tap_name
          -p, --port=portnum          Port number in the VDE switch
          -g, --group=group           accepted, without meaning
          -m, --mode=mode             accepted, without meaning
          -s, --sock=socket           VDE switch control socket or dir
          -d, --daemon                Launch in background
          -P, --pidfile=pidfile       Create pidfile with our PID
          -h, --help                  This help
        """
}
