// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// What a `vlan://` URL chooses of the network in its braces, in the words of vdeplug4's module of that name.
struct VLANChoice: Equatable {
    /// Seen without a tag; 0: what has no tag in the network either.
    private(set) var untagged: UInt16 = 0
    /// What has no tag in the network, seen with this one; 0: with none.
    private(set) var nativeTag: UInt16 = 0
    /// Numbers as the user sees them, and those in the network.
    private(set) var tags: [(user: UInt16, network: UInt16)] = []
    /// Numbers that are not named pass as they are.
    private(set) var isTrunk = false
    /// All of this is about service tags.
    private(set) var isService = false

    static func == (one: VLANChoice, other: VLANChoice) -> Bool {
        one.untagged == other.untagged && one.nativeTag == other.nativeTag && one.isTrunk == other.isTrunk
            && one.isService == other.isService && one.tags.elementsEqual(other.tags, by: ==)
    }

    init(_ url: NetworkURL) throws(TransportError) {
        // Words may stand behind the number too: vlan://5/qinq.
        let pieces = url.address.split(separator: "/", omittingEmptySubsequences: false)
        if let first = pieces.first, !first.isEmpty { untagged = try Self.number(first, url) }
        for piece in pieces.dropFirst() where !piece.isEmpty {
            let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try take(String(parts[0]), parts.count == 2 ? String(parts[1]) : nil, url)
        }
        for option in url.options { try take(option.name, option.value, url) }
        try checkTwice(tags.map(\.user) + (nativeTag == 0 ? [] : [nativeTag]), "on the user's side", url)
        try checkTwice(tags.map(\.network) + (untagged == 0 ? [] : [untagged]), "in the network", url)
    }

    private mutating func take(_ name: String, _ value: String?, _ url: NetworkURL) throws(TransportError) {
        switch name {
        case "u", "untag": nativeTag = try Self.number(value ?? "", url)
        case "t", "tag":
            for token in (value ?? "").split(whereSeparator: { $0 == ":" || $0 == "." }) {
                let sides = token.split(separator: "-", omittingEmptySubsequences: false)
                guard sides.count <= 2 else {
                    throw TransportError(.usage, "\(url): tag=\(token): wants NUMBER, or NUMBER-NUMBER")
                }
                let user = try Self.number(sides[0], url, from: 1)
                let network = sides.count == 2 ? try Self.number(sides[1], url, from: 1) : user
                tags.append((user, network))
            }
        case "x", "trunk": isTrunk = true
        case "q", "qinq", "ad": isService = true
        default:
            throw TransportError(
                .usage,
                "\(url): unknown option \"\(name)\"; known are untag=, tag=, trunk and qinq"
            )
        }
    }

    private static func number(
        _ text: some StringProtocol,
        _ url: NetworkURL,
        from lowest: UInt16 = 0
    ) throws(TransportError) -> UInt16 {
        let number = text.hasPrefix("0x") ? UInt16(text.dropFirst(2), radix: 16) : UInt16(text)
        guard let number, (lowest...Ethernet.maximumVLANIdentifier).contains(number) else {
            throw TransportError(.usage, "\(url): \"\(text)\" is no VLAN number; from 1 to 4094")
        }
        return number
    }

    /// A number cannot stand for two things: whose frames would it name?
    private func checkTwice(_ numbers: [UInt16], _ place: String, _ url: NetworkURL) throws(TransportError) {
        var seen: Set<UInt16> = []
        for number in numbers where !seen.insert(number).inserted {
            throw TransportError(.usage, "\(url): VLAN \(number) is named twice \(place)")
        }
    }

    private var type: EtherType { isService ? .serviceVLAN : .vlan }

    /// What the user sends, as the network is to see it.
    func towardsNetwork() -> TagTable {
        let names = Dictionary(uniqueKeysWithValues: tags.map { ($0.user, $0.network) })
        return table(names, untagged: untagged, tagThatIsTakenOff: nativeTag)
    }

    /// What the network sends, as the user is to see it.
    func towardsUser() -> TagTable {
        let names = Dictionary(uniqueKeysWithValues: tags.map { ($0.network, $0.user) })
        return table(names, untagged: nativeTag, tagThatIsTakenOff: untagged)
    }

    /// - Parameters:
    ///   - untagged: the tag put on frames without one; 0 for none, when the other side's untagged frames are those.
    ///   - tagThatIsTakenOff: 0 for none.
    private func table(_ names: [UInt16: UInt16], untagged: UInt16, tagThatIsTakenOff: UInt16) -> TagTable {
        TagTable(type: type) { number in
            if number == 0 {
                if untagged != 0 { return .tag(untagged) }
                return tagThatIsTakenOff == 0 ? .untag : .discard
            }
            if number == tagThatIsTakenOff { return .untag }
            if let name = names[number] { return .tag(name) }
            return isTrunk && number <= Ethernet.maximumVLANIdentifier ? .tag(number) : .discard
        }
    }
}
