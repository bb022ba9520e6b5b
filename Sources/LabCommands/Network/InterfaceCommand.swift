// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom interface`: interfaces of guests, running or not.
struct InterfaceCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "interface",
            abstract: "Add, remove and list interfaces of guests, while they run.",
            subcommands: [Add.self, Remove.self, List.self]
        )
    }

    struct Add: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "add",
                abstract: "Add an interface: etherloom interface add alice:eth1 segment=lan address=10.1.0.9/24"
            )
        }
        @Argument(help: "GUEST:INTERFACE.") var interface: String
        @Argument(help: "KEY=VALUE, with the keys of an interface in a lab file.") var properties: [String] = []
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["interface", "add", interface] + properties]) }
    }

    struct Remove: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "remove", abstract: "Take an interface away.", aliases: ["rm"])
        }
        @Argument(help: "GUEST:INTERFACE.") var interface: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["interface", "remove", interface]]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "ls",
                abstract: "List interfaces, where they are plugged in, and their carrier."
            )
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let lab = try options.read()
            let all = (lab["guests"]?.list ?? []).flatMap { $0["interfaces"]?.list ?? [] }
            try options.format.print(.array(all)) {
                let rows = all.map { interface -> [String] in
                    let carrier = interface["carrier"]?.flag == true ? "up" : "down"
                    let hint = interface["showsCarrier"]?.flag == false ? " (not shown)" : ""
                    let addresses = (interface["addresses"]?.texts ?? []).joined(separator: " ")
                    return [
                        interface["port"]?.text ?? "", interface["peer"]?.text ?? "-", carrier + hint,
                        interface["mac"]?.text ?? "-", addresses,
                    ]
                }
                return TextTable.text([["INTERFACE", "PEER", "CARRIER", "MAC", "ADDRESSES"]] + rows)
            }
        }
    }
}

/// `etherloom network`: addresses and routes of a guest, set from outside, without a network in it.
struct NetworkCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "network",
            abstract: "Show and set addresses and routes of a running guest, in the words of ip(8).",
            discussion: """
                etherloom network alice addr add 10.0.0.1/24 dev eth0; etherloom network alice route. No program and no \
                network in the guest is needed. What is added and deleted belongs to the lab from then on.
                """
        )
    }

    @OptionGroup var lab: LabOptions
    @Argument(help: "The guest.") var guest: String
    @Argument(parsing: .captureForPassthrough, help: "addr, route or link, and what ip(8) takes behind.")
    var words: [String]

    mutating func run() throws {
        let answer = try ControlClient.make().request(
            "POST",
            ["labs", try lab.name(), "guests", guest, "requests", "network"],
            body: ["words": .texts(words.first == "--" ? Array(words.dropFirst()) : words)]
        )
        try Output.write((answer["lines"]?.texts ?? []).map { $0 + "\n" }.joined())
    }
}
