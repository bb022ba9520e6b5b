// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Rules as users write and read them: the same words on the command line and at a console.
extension FilterRules {
    /// What can be set. Each takes a text; an empty one: none.
    public enum Key: String, Sendable, CaseIterable {
        case allow, mac, ethertype, multicast
        case sendNetwork = "send-net"
        case receiveNetwork = "receive-net"
        case send, receive
        case `default`
    }

    /// Sets one of the keys. Throws what is wrong, and changes nothing then.
    public mutating func set(_ key: Key, _ text: String) throws(PolicyError) {
        let isEmpty = text.isEmpty
        switch key {
        case .allow: allowed = try isEmpty ? [] : AllowedRange.list(text)
        case .multicast: groups = try isEmpty ? [] : AllowedRange.list(text)
        case .sendNetwork: networks[.send] = try isEmpty ? nil : AllowedRange.list(text)
        case .receiveNetwork: networks[.receive] = try isEmpty ? nil : AllowedRange.list(text)
        case .send: expressions[.send] = isEmpty ? nil : text
        case .receive: expressions[.receive] = isEmpty ? nil : text
        case .mac:
            var list: [AllowedMAC] = []
            for word in Self.words(text) { list.append(try AllowedMAC(word)) }
            macs = list
        case .ethertype:
            var list: [UInt16] = []
            for word in Self.words(text) { list.append(try Self.etherType(word)) }
            etherTypes = list
        case .default:
            let known = ["permit": false, "deny": true, "": false]
            guard let denies = known[text] else { throw PolicyError("default \(text): permit or deny is wanted") }
            deniesByDefault = denies
        }
    }

    /// Adds a rule behind the others. Throws for one whose name is there already.
    public mutating func add(_ rule: Rule) throws(PolicyError) {
        guard !rules.contains(where: { $0.direction == rule.direction && $0.name == rule.name }) else {
            throw PolicyError("rule \(rule.name): there is one of that name; take it away first")
        }
        rules.append(rule)
    }

    /// Takes the rules of a name away; false: there is none.
    public mutating func remove(_ name: String) -> Bool {
        let count = rules.count
        rules.removeAll { $0.name == name }
        return rules.count != count
    }

    /// All that was set, a line each.
    public var lines: [String] {
        Key.allCases.compactMap { key in
            let value = text(key)
            return value.isEmpty ? nil : "\(key.rawValue) \(value)"
        } + rules.map { "rule \($0.text)" }
    }

    /// What a key is set to, as it could be set again.
    public func text(_ key: Key) -> String {
        func list(_ parts: [some CustomStringConvertible]) -> String { parts.map(\.description).joined(separator: ",") }
        return switch key {
        case .allow: list(allowed)
        case .multicast: list(groups)
        case .sendNetwork: list(networks[.send] ?? [])
        case .receiveNetwork: list(networks[.receive] ?? [])
        case .send: expressions[.send] ?? ""
        case .receive: expressions[.receive] ?? ""
        case .mac: list(macs)
        case .ethertype: list(etherTypes.map { "0x" + String($0, radix: 16) })
        case .default: deniesByDefault ? "deny" : ""
        }
    }

    private static func words(_ text: String) -> [Substring] {
        text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
    }

    private static func etherType(_ text: Substring) throws(PolicyError) -> UInt16 {
        let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
        let number = isHexadecimal ? UInt16(text.dropFirst(2), radix: 16) : UInt16(text)
        guard let number, number >= 0x0600 else {
            throw PolicyError("\(text): an EtherType from 0x0600 to 0xffff is wanted, such as 0x88b5")
        }
        guard ![0x8100, 0x88a8, 0x9100, 0x9200, 0x9300].contains(number) else {
            throw PolicyError("\(text): announces a VLAN tag, behind which anything could hide; it cannot be admitted")
        }
        return number
    }
}
