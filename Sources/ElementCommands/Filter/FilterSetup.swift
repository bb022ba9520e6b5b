// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import PacketFilter
import Runtime

/// What `filter` and `delegate` can be told of frames.
struct RuleOptions: ParsableArguments {
    @Option(
        name: .customLong("allow"),
        help: "What clients are given: addresses and ranges, separated by commas. Repeatable."
    )
    var allow: [String] = []
    @Option(
        name: .customLong("mac"),
        help: "The clients' Ethernet address, or ADDRESS/BITS; the interface's own when not given. Repeatable."
    )
    var mac: [String] = []
    @Option(name: .customLong("ethertype"), help: "Admit this protocol too, e.g. 0x88b5. Repeatable.")
    var etherTypes: [String] = []
    @Option(
        name: .customLong("multicast"),
        help: "Groups and broadcast addresses that clients receive beside the needed ones. Repeatable."
    )
    var groups: [String] = []
    @Option(
        name: [.short, .customLong("send")],
        help: "Clients send only what this expression wants; see pcap-filter(7)."
    )
    var send: String?
    @Option(name: [.short, .customLong("receive")], help: "Clients receive only what this expression wants.")
    var receive: String?
    @Option(name: [.customShort("S"), .customLong("send-net")], help: "Clients send from these addresses only.")
    var sendNetworks: [String] = []
    @Option(
        name: [.customShort("R"), .customLong("receive-net")],
        help: "Clients receive what is for these addresses only."
    )
    var receiveNetworks: [String] = []
    @Option(
        name: .customLong("rule"),
        help: "send|receive permit|deny NAME EXPRESSION: the first that matches decides. Repeatable."
    )
    var rules: [String] = []
    @Flag(name: .customLong("default-deny"), help: "Deny what no --rule matches.")
    var deniesByDefault = false

    /// The rules, checked one by one.
    func filterRules() throws -> FilterRules {
        var result = FilterRules()
        func set(_ key: FilterRules.Key, _ option: String, _ texts: [String]) throws {
            guard !texts.isEmpty else { return }
            do throws(PolicyError) {
                try result.set(key, texts.joined(separator: ","))
            } catch {
                throw Failure("\(option) \(error)", status: ExitStatus.usage)
            }
        }
        try set(.allow, "--allow", allow)
        try set(.mac, "--mac", mac)
        try set(.ethertype, "--ethertype", etherTypes)
        try set(.multicast, "--multicast", groups)
        try set(.sendNetwork, "--send-net", sendNetworks)
        try set(.receiveNetwork, "--receive-net", receiveNetworks)
        if let send { try set(.send, "--send", [send]) }
        if let receive { try set(.receive, "--receive", [receive]) }
        result.deniesByDefault = deniesByDefault
        for text in rules {
            do throws(PolicyError) {
                try result.add(try FilterRules.Rule(text))
            } catch {
                throw Failure("--rule: \(error)", status: ExitStatus.usage)
            }
        }
        guard allow.isEmpty == false || etherTypes.isEmpty && groups.isEmpty && mac.isEmpty else {
            throw Failure(
                "--mac, --ethertype and --multicast go with --allow ADDRESS: say what is given",
                status: ExitStatus.usage
            )
        }
        return result
    }
}

/// What turns a multiplexer into a filter.
struct FilterSetup: Sendable {
    var rules = FilterRules()

    /// Puts the rules into a switch that nobody is plugged into yet.
    func apply(to element: Switch) throws -> FilterElement {
        do throws(PolicyError) {
            return try FilterElement(element, rules: rules)
        } catch {
            throw Failure("\(error)", status: error.needsLibrary ? ExitStatus.unsupported : ExitStatus.usage)
        }
    }
}
