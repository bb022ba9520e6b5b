// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Attach
import LinuxSystem

/// `vdens`: a command, or a shell, in a network stack of its own with interfaces on networks given by URL, which nobody
/// configures but the user.
enum VDENSProgram {
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("multi", takesValue: false, letter: "m"),
        .init("iface", takesValue: true, letter: "i"),
        .init("resolvconf", takesValue: true, letter: "r"),
        .init("resolvaddr", takesValue: true, letter: "R"),
        .init("hostname", takesValue: true, letter: "H"),
        .init("sysadm", takesValue: false, letter: "s"),
        .init("clone", takesValue: false, letter: "c"),
        .init("unshare", takesValue: false, letter: "u"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = try CommandLineOptions.parseOrFail(
            program: "vdens",
            arguments,
            short: "+hmi:r:R:H:scu",
            long: long,
            singleDashLong: false
        )
        var prefix = "vde"
        var isMultiple = false
        var request = RunProcess.Request(command: [])
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "h":
                Report.line(usage)
                return 1
            case "m": isMultiple = true
            case "i": prefix = value
            case "r":
                do {
                    request.resolverText = String(decoding: try FileSystem.contents(value), as: UTF8.self)
                } catch {
                    throw Failure("\(value): \(error)")
                }
            case "R":
                request.resolverText = value.split(whereSeparator: { $0 == "," || $0 == " " })
                    .map { "nameserver \($0)\n" }.joined()
            case "H": request.hostname = value
            case "s": request.capabilities = [.network, .systemAdministration]
            // How the original makes its namespaces.
            default: break
            }
        }
        var networks: [String] = []
        if isMultiple {
            // getopt(3) takes the first "--" away when it ends the options; the one that is meant comes behind a network.
            let end = parsed.operands.firstIndex(of: "--") ?? parsed.operands.endIndex
            networks = Array(parsed.operands[..<end])
            request.command = Array(parsed.operands[end...].dropFirst())
        } else {
            networks = Array(parsed.operands.prefix(1))
            request.command = Array(parsed.operands.dropFirst())
        }
        networks.removeAll { $0 == "no" }
        if request.command.isEmpty { request.command = [EnvironmentDefaults.shell] }
        request.configurations = try networks.enumerated().map { index, network in
            var configuration = NetworkConfiguration(network: network.isEmpty ? "vde://" : network)
            do {
                try configuration.set("if", "\(prefix)\(index)")
            } catch {
                throw Failure("\(error)")
            }
            return configuration
        }
        try RunProcess.run(request)
        return 0
    }

    private static let usage = """
        Usage: vdens OPTIONS [vde_net [cmd [arg...]]]
               vdens -m OPTIONS vde_net [vde_net ...] [-- cmd [arg...]]
        OPTIONS:
          -h | --help    print this short usage message
          -m | --multi   connect two or more vde networks
          -i | --iface interface_prefix
                         define the interface name prefix, the default value is "vde"
          -r | --resolvconf file
                         define the /etc/resolv.conf file, e.g. -r /tmp/resolv.conf
          -R | --resolvaddr string
                         define the address of the DNS servers, e.g. -R 80.80.80.80
          -H | --hostname name
                         define the host name inside
          -s | --sysadm  enable the cap_sys_admin ambient capability
          -c | --clone, -u | --unshare
                         accepted, without meaning
          no virtual interface if vde_net omitted or "no"
          it runs $SHELL if cmd omitted
        """
}
