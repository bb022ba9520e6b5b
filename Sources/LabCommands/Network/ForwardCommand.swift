// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// `etherloom forward`: ports of the host that lead into the lab.
struct ForwardCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "forward",
            abstract: "Add, remove and list ports of the host that lead to guests.",
            subcommands: [Add.self, Remove.self, List.self]
        )
    }

    struct Add: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "add", abstract: "Forward a port: etherloom forward add 8080:alice:80")
        }
        @Argument(help: "[udp:][HOSTADDRESS:]HOSTPORT:GUEST:PORT.") var forward: String
        @Option(name: .customLong("gateway"), help: "By which gateway, when the lab has several.") var gateway: String?
        @OptionGroup var options: ChangeOptions
        mutating func run() throws {
            try options.send([["forward", "add"] + (gateway.map { [$0] } ?? []) + [forward]])
        }
    }

    struct Remove: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "remove", abstract: "Do not forward a port any more.", aliases: ["rm"])
        }
        @Argument(help: "As it was added.") var forward: String
        @Option(name: .customLong("gateway"), help: "Of which gateway, when the lab has several.") var gateway: String?
        @OptionGroup var options: ChangeOptions
        mutating func run() throws {
            try options.send([["forward", "remove"] + (gateway.map { [$0] } ?? []) + [forward]])
        }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List gateways and their forwards.")
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let gateways = try options.read()["gateways"] ?? .array([])
            try options.format.print(gateways) {
                let rows = (gateways.list ?? []).map { gateway in
                    [
                        gateway["name"]?.text ?? "", gateway["segment"]?.text ?? "", gateway["address"]?.text ?? "-",
                        (gateway["forwards"]?.texts ?? []).joined(separator: " "),
                    ]
                }
                return TextTable.text([["GATEWAY", "SEGMENT", "ADDRESS", "FORWARDS"]] + rows)
            }
        }
    }
}

/// `etherloom policy`: what members of a network may send, and what they get.
struct PolicyCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "policy",
            abstract: "Set, clear and show what an interface or all members of a segment may send and get.",
            subcommands: [Set.self, Clear.self, Show.self]
        )
    }

    struct Set: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "set",
                abstract: "Set rules: etherloom policy set alice:eth0 allow=10.0.0.1 \"send=tcp port 80\""
            )
        }
        @Argument(help: "GUEST:INTERFACE or a segment.") var target: String
        @Argument(help: "allow=ADDRESS…, send=EXPRESSION, receive=EXPRESSION; they replace what there was.")
        var rules: [String]
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["policy", "set", target] + rules]) }
    }

    struct Clear: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "clear", abstract: "Take all rules away.")
        }
        @Argument(help: "GUEST:INTERFACE or a segment.") var target: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["policy", "clear", target]]) }
    }

    struct Show: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "show", abstract: "Show all rules.")
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let lab = try options.read()
            var all: [JSON.Member] = []
            for segment in lab["segments"]?.list ?? [] {
                if let rules = segment["policy"], rules != .null {
                    all.append(.init(segment["name"]?.text ?? "", rules))
                }
            }
            for interface in (lab["guests"]?.list ?? []).flatMap({ $0["interfaces"]?.list ?? [] }) {
                if let rules = interface["policy"], rules != .null {
                    all.append(.init(interface["port"]?.text ?? "", rules))
                }
            }
            let rows = all.map { member in
                [
                    member.key, (member.value["allow"]?.texts ?? []).joined(separator: " "),
                    member.value["send"]?.text ?? "", member.value["receive"]?.text ?? "",
                ]
            }
            try options.format.print(.object(all)) { TextTable.text([["OF", "ALLOW", "SEND", "RECEIVE"]] + rows) }
        }
    }
}
