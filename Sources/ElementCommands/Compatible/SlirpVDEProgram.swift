// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// `slirpvde` of VDE 2: a gateway for a switch.
enum SlirpVDEProgram {
    private static let short = "s:p:g:m:P:dH:n:N:DL:U:X:x:t:qh"
    private static let long: [CommandLineOptions.Long] = [
        .init("sock", takesValue: true, letter: "s"),
        .init("socket", takesValue: true, letter: "s"),
        .init("unix", takesValue: true, letter: "s"),
        .init("pidfile", takesValue: true, letter: "p"),
        .init("group", takesValue: true, letter: "g"),
        .init("mode", takesValue: true, letter: "m"),
        .init("mod", takesValue: true, letter: "m"),
        .init("port", takesValue: true, letter: "P"),
        .init("daemon", takesValue: false, letter: "d"),
        .init("host", takesValue: true, letter: "H"),
        .init("network", takesValue: true, letter: "n"),
        .init("dns", takesValue: true, letter: "N"),
        .init("dhcp", takesValue: false, letter: "D"),
        .init("quiet", takesValue: false, letter: "q"),
        .init("help", takesValue: false, letter: "h"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        // `--dhcp=START` has an optional value, which the table of long options does not express.
        var poolStart: String?
        let words = arguments.map { word -> String in
            for form in ["--dhcp=", "-dhcp="] where word.hasPrefix(form) {
                poolStart = String(word.dropFirst(form.count))
                return "-D"
            }
            return word
        }
        let parsed = CommandLineOptions.parse(
            program: "slirpvde",
            words,
            short: short,
            long: long,
            singleDashLong: false
        )
        if let mistake = parsed.mistake {
            Report.error("\(mistake); see: slirpvde --help")
            return 255
        }
        var setup = GatewaySetup()
        setup.isDHCPEnabled = false
        setup.poolStart = poolStart
        var options = ElementProcess.Options()
        var directory: String?
        var port = 0
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "s": directory = value
            case "p": options.pidFile = value
            // Permissions of a client's own socket file: ours has none.
            case "g", "m": break
            case "P":
                guard let number = Int(value), number > 0 else { throw Failure("port \(value): not a port number") }
                port = number
            case "d": options.isDaemon = true
            case "H": setup.address = value
            case "n": setup.address = value
            case "N": setup.dnsAddress = value
            case "D": setup.isDHCPEnabled = true
            case "L": setup.forwards.append(value)
            case "U": setup.udpForwards.append(value)
            case "q": Report.setQuiet(true)
            case "h":
                Report.line(usage)
                return 255
            case "X", "x", "t":
                throw Failure("-\(occurrence.letter): X11, unix-socket and TFTP forwarding are not supported")
            default: break
            }
        }
        guard let directory = directory ?? parsed.operands.first else {
            throw Failure("which switch? give its directory with -s")
        }
        try GatewayProcess.run(setup, locator: directory, port: port, options, name: "slirpvde:")
        return 0
    }

    private static let usage = """
        Usage: slirpvde [OPTIONS] [DIRECTORY]
          -s, --sock DIR       directory of the switch; also --socket, --unix
          -p, --pidfile FILE   write the process number to FILE
          -P, --port N         port of the switch
          -d, --daemon         run in the background
          -H, --host ADDR[/LEN]   the gateway's address; a network's address means its .2
          -n, --network ADDR   the same
          -N, --dns ADDR       address of the name server (.3)
          -D, --dhcp[=START]   DHCP server, giving out addresses from START (.15)
          -L PORT:ADDR:PORT    forward a TCP port of the host
          -U PORT:ADDR:PORT    forward a UDP port of the host
          -q, --quiet          say errors only
          -h, --help           this help
        """
}
