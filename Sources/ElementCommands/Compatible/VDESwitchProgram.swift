// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// `vde_switch` of VDE 2: its options, in long, single-dash and short form.
enum VDESwitchProgram {
    private static let short = "hvn:xs:m:g:df:p:M:t:FD:"
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("version", takesValue: false, letter: "v"),
        .init("numports", takesValue: true, letter: "n"),
        .init("hub", takesValue: false, letter: "x"),
        .init("fstp", takesValue: false, letter: "F"),
        .init("macaddr", takesValue: true, letter: "A"),
        .init("priority", takesValue: true, letter: "P"),
        .init("hashsize", takesValue: true, letter: "H"),
        .init("debugclients", takesValue: true, letter: "D"),
        .init("sock", takesValue: true, letter: "s"),
        .init("vdesock", takesValue: true, letter: "s"),
        .init("unix", takesValue: true, letter: "s"),
        .init("mod", takesValue: true, letter: "m"),
        .init("mode", takesValue: true, letter: "m"),
        .init("dirmode", takesValue: true, letter: "R"),
        .init("group", takesValue: true, letter: "g"),
        .init("daemon", takesValue: false, letter: "d"),
        .init("pidfile", takesValue: true, letter: "p"),
        .init("rcfile", takesValue: true, letter: "f"),
        .init("mgmt", takesValue: true, letter: "M"),
        .init("mgmtmode", takesValue: true, letter: "O"),
        .init("mgmtgroup", takesValue: true, letter: "G"),
        .init("nostdin", takesValue: false, letter: "N"),
        .init("tap", takesValue: true, letter: "t"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = try CommandLineOptions.parseOrFail(
            program: "vde_switch",
            arguments,
            short: short,
            long: long,
            singleDashLong: true
        )
        if let operand = parsed.operands.first {
            throw Failure("\(operand): not an option; the switch's directory is given with -s")
        }
        var setup = SwitchSetup()
        setup.standardInput = .always
        setup.isCommandFileOptional = true
        let home = CurrentProcess.environment("HOME").map { ["\($0)/.vde2/vde_switch.rc"] } ?? []
        setup.defaultCommandFiles = home + ["/etc/vde2/vde_switch.rc"]
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "h":
                print(usage)
                return 1
            case "v":
                print("VDE compatible switch of etherloom \(Version.current)")
                return 0
            case "n":
                guard let count = Int(value) else { throw Failure("numports \(value): not a number") }
                setup.portCount = count
            case "x": setup.isHub = true
            case "s": setup.directory = value
            case "m": setup.mode = try Octal.parse(value, option: "--mode")
            case "R": setup.directoryMode = try Octal.parse(value, option: "--dirmode")
            case "g": setup.group = value
            case "d": setup.process.isDaemon = true
            case "p": setup.process.pidFile = value
            case "f": setup.commandFile = value
            case "M": setup.consolePath = value
            case "O": setup.consoleMode = try Octal.parse(value, option: "--mgmtmode")
            case "G": setup.consoleGroup = value
            case "N": setup.standardInput = .none
            case "t": setup.taps.append(value)
            case "F": setup.usesSpanningTree = true
            case "A": setup.address = try SwitchSetup.address(value, option: "macaddr")
            case "P": setup.priority = UInt16(try SwitchSetup.number(value, 0...65_535, option: "priority"))
            case "H": setup.hashSize = try SwitchSetup.number(value, 1...1_048_576, option: "hashsize")
            case "D":
                setup.debugSessionLimit = try SwitchSetup.number(value, 0...Int(Int32.max), option: "debugclients")
            default: break
            }
        }
        if setup.process.isDaemon { setup.standardInput = .none }
        try SwitchProcess.run(setup)
        return 0
    }

    private static let usage = """
        Usage: vde_switch [OPTIONS]
        Runs a VDE switch.
        (options from datasock module)
          -s, --sock DIR      control directory pathname; also --vdesock, --unix
          -m, --mode MODE     permissions of the sockets (octal); also --mod
              --dirmode MODE  permissions of the directory (octal)
          -g, --group GROUP   group owner of the sockets
        (options from port module)
          -n, --numports N    number of ports (32)
          -x, --hub           make the switch act as a hub
          -F, --fstp          run the spanning tree protocol
              --macaddr MAC   the switch's own address
              --priority N    its priority in the spanning tree (32768)
              --hashsize N    size of the hash table (128)
        (options from consmgmt module)
          -d, --daemon        daemonize once everything is set up
          -p, --pidfile FILE  write the process number to FILE
          -f, --rcfile FILE   commands to run at the start, in place of those in
                              ~/.vde2/vde_switch.rc or else /etc/vde2/vde_switch.rc
          -M, --mgmt PATH     path of the management socket
              --mgmtmode MODE management socket access mode (octal, 0600)
              --mgmtgroup G   management socket group
              --nostdin       no console on standard input
          -D, --debugclients N  how many consoles may hear of events
        (options from tuntap module)
          -t, --tap NAME      plug this tap in
          -h, --help          this help
          -v, --version       version
        """
}
