// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

extension NetworkConfiguration {
    /// Parses the one-string form: the network, then words after commas. The words are those of VirtualSquare's libioth
    /// (iothconf), and the names of our command line's options: `if=` or `iface=` NAME, `mac=` or `macaddr=`, `mtu=`,
    /// `ip=` or `address=` ADDRESS/PREFIX, `gw=` or `via=`, `dns=`, `domain=`, `dhcp` (`dhcp4`, `auto4`), `slaac` (`rd`,
    /// `auto6`), `auto` (whichever of both answers), `eth` (up, no more). Addresses, gateways, servers and domains may be repeated. A comma
    /// that belongs to the network is written `\,`.
    public init(parsing text: String) throws(ConfigurationError) {
        var words = Self.splitAtCommas(text)
        self.init(network: words.removeFirst())
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try set(String(parts[0]), parts.count == 2 ? String(parts[1]) : nil, word: word)
        }
        try validate()
    }

    /// Applies one word, as a command line's option does: `set("ip", "10.0.0.1/24")`, `set("dhcp", nil)`. Call
    /// `validate()` after the last.
    public mutating func set(_ key: String, _ value: String?) throws(ConfigurationError) {
        try set(key, value, word: value.map { "\(key)=\($0)" } ?? key)
    }

    private mutating func set(_ key: String, _ value: String?, word: String) throws(ConfigurationError) {
        switch key {
        case "if", "iface", "ifname":
            interfaceName = try Self.interfaceName(try required(value, word, "if=vd0"), word)
        case "mac", "macaddr":
            hardwareAddress = try Self.hardwareAddress(try required(value, word, "mac=02:00:00:00:00:01"), word)
        case "mtu":
            mtu = try Self.mtu(try required(value, word, "mtu=1500"), word)
        case "ip", "address":
            addresses.append(try Self.address(try required(value, word, "ip=192.168.77.100/24"), word))
        case "gw", "via":
            gateways.append(try Self.host(try required(value, word, "gw=192.168.77.2"), word))
        case "dns":
            nameServers.append(try Self.host(try required(value, word, "dns=192.168.77.3"), word))
        case "domain":
            searchDomains.append(try Self.domain(try required(value, word, "domain=example.org"), word))
        case "dhcp", "dhcp4", "auto4", "slaac", "rd", "auto6", "auto", "eth":
            guard value == nil else {
                throw ConfigurationError(word: word, message: "this word takes no value", hint: "write just \(key)")
            }
            if ["dhcp", "dhcp4", "auto4", "auto"].contains(key) { usesDHCP = true }
            if ["slaac", "rd", "auto6", "auto"].contains(key) { usesAutoconfiguration = true }
            if key == "auto" { takesWhatComes = true }
        case "dhcp6":
            throw ConfigurationError(
                word: word,
                message: "DHCP for IPv6 is not offered",
                hint: "slaac takes IPv6 addresses from routers"
            )
        case "":
            throw ConfigurationError(word: word, message: "empty word", hint: "one comma goes between two words")
        default:
            throw ConfigurationError(
                word: word,
                message: "unknown word",
                hint: "known are if, mac, mtu, ip, gw, dns, domain, dhcp, slaac, auto, eth;"
                    + " a comma inside the network's name is written \\,"
            )
        }
    }

    /// Checks what no single word shows.
    public func validate() throws(ConfigurationError) {
        for (index, gateway) in gateways.enumerated() {
            let word = "gw=\(gateway)"
            let isVersion4 = gateway.bytes.count == 4
            if gateways[..<index].contains(where: { $0.bytes.count == gateway.bytes.count }) {
                throw ConfigurationError(
                    word: word,
                    message: "a second default route of the same protocol",
                    hint: "keep one gw"
                )
            }
            if case .v6(let address) = gateway, address.isLinkLocal { continue }
            if addresses.contains(where: { $0.contains(gateway) }) { continue }
            if isVersion4 ? usesDHCP : usesAutoconfiguration { continue }
            let networks = addresses.map(\.description).joined(separator: ", ")
            throw ConfigurationError(
                word: word,
                message: networks.isEmpty
                    ? "a gateway needs an address on its network"
                    : "not on any network of this interface (\(networks))",
                hint: networks.isEmpty ? "add ip=ADDRESS/PREFIX" : "check the gateway or the prefix length"
            )
        }
        if let mtu, mtu < 1280, usesAutoconfiguration || addresses.contains(where: { $0.address.bytes.count == 16 }) {
            throw ConfigurationError(
                word: "mtu=\(mtu)",
                message: "IPv6 needs at least 1280 (RFC 8200)",
                hint: "raise the MTU"
            )
        }
    }

    /// Checks what concerns several interfaces: their names, and how many there are.
    ///
    /// - Returns: the interfaces' names, those not given being `vd` and the first free number.
    static func names(of configurations: [NetworkConfiguration]) throws(ConfigurationError) -> [String] {
        guard configurations.count <= maximumCount else {
            throw ConfigurationError(
                word: configurations[maximumCount].network,
                message: "\(configurations.count) interfaces, at most \(maximumCount) fit one stack"
            )
        }
        var taken: Set<String> = ["lo"]
        for name in configurations.compactMap(\.interfaceName) where !taken.insert(name).inserted {
            throw ConfigurationError(
                word: "if=\(name)",
                message: "two interfaces of one name",
                hint: "each interface has its own"
            )
        }
        var number = 0
        return configurations.map { configuration in
            if let name = configuration.interfaceName { return name }
            while taken.contains("vd\(number)") { number += 1 }
            taken.insert("vd\(number)")
            return "vd\(number)"
        }
    }
}

// Values.
extension NetworkConfiguration {
    private func required(_ value: String?, _ word: String, _ example: String) throws(ConfigurationError) -> String {
        guard let value, !value.isEmpty else {
            throw ConfigurationError(word: word, message: "a value is missing", hint: "for example \(example)")
        }
        return value
    }

    private static func splitAtCommas(_ text: String) -> [String] {
        var words = [""]
        var isEscaped = false
        for character in text {
            if isEscaped {
                words[words.count - 1] += character == "," ? "," : "\\\(character)"
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                words.append("")
            } else {
                words[words.count - 1].append(character)
            }
        }
        if isEscaped { words[words.count - 1] += "\\" }
        return words
    }

    /// What the kernel takes for a name (dev_valid_name), and no `%`, which taps read as a pattern.
    private static func interfaceName(_ value: String, _ word: String) throws(ConfigurationError) -> String {
        guard value.utf8.count <= maximumNameByteCount else {
            throw ConfigurationError(
                word: word,
                message: "\(value.utf8.count) bytes, an interface's name has at most \(maximumNameByteCount)"
            )
        }
        let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/:%".utf8.contains($0) }
        guard isPlain, value != ".", value != ".." else {
            throw ConfigurationError(
                word: word,
                message: "not a name for an interface",
                hint: "letters, digits, \"-\", \"_\" and \".\" are good"
            )
        }
        guard value != "lo" else {
            throw ConfigurationError(word: word, message: "lo is the stack's own loopback interface")
        }
        return value
    }

    private static func hardwareAddress(_ value: String, _ word: String) throws(ConfigurationError) -> MACAddress {
        guard let address = MACAddress(value) else {
            throw ConfigurationError(
                word: word,
                message: "not an Ethernet address",
                hint: "six hexadecimal bytes: 02:00:00:00:00:01"
            )
        }
        guard !address.isMulticast, address != .zero else {
            throw ConfigurationError(
                word: word,
                message: address == .zero ? "the zero address is nobody's" : "a group address",
                hint: "the first byte of a station's address is even; 02 is a good one"
            )
        }
        return address
    }

    private static func mtu(_ value: String, _ word: String) throws(ConfigurationError) -> Int {
        guard let number = Int(value), mtuLimits.contains(number) else {
            throw ConfigurationError(
                word: word,
                message: "not an MTU",
                hint: "\(mtuLimits.lowerBound) to \(mtuLimits.upperBound) bytes"
            )
        }
        return number
    }

    private static func address(_ value: String, _ word: String) throws(ConfigurationError) -> InterfaceAddress {
        let parts = value.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else {
            throw ConfigurationError(word: word, message: "not an Internet address", hint: "for example 10.0.0.1/24")
        }
        let limit = address.bytes.count * 8
        guard parts.count == 2 else {
            let example = limit == 32 ? 24 : 64
            throw ConfigurationError(
                word: word,
                message: "the prefix length is missing",
                hint: "for example \(address)/\(example)"
            )
        }
        guard let length = Int(parts[1]), let result = InterfaceAddress(address: address, prefixLength: length) else {
            throw ConfigurationError(word: word, message: "prefix length \(parts[1])", hint: "0 to \(limit) bits")
        }
        try checkUnicast(address, word)
        return result
    }

    private static func host(_ value: String, _ word: String) throws(ConfigurationError) -> IPAddress {
        guard let address = IPAddress(value) else {
            throw ConfigurationError(
                word: word,
                message: "not an Internet address",
                hint: value.contains("/") ? "without a prefix length here" : "for example 192.168.77.2"
            )
        }
        try checkUnicast(address, word)
        return address
    }

    private static func checkUnicast(_ address: IPAddress, _ word: String) throws(ConfigurationError) {
        let isUnicast =
            switch address {
            case .v4(let address): !address.isMulticast && !address.isBroadcast && !address.isUnspecified
            case .v6(let address): !address.isMulticast && !address.isUnspecified
            }
        guard isUnicast else { throw ConfigurationError(word: word, message: "\(address) is no host's address") }
    }

    /// A domain goes into resolv.conf, where anything but a name would be another directive.
    private static func domain(_ value: String, _ word: String) throws(ConfigurationError) -> String {
        guard ResolverFile.isDomain(value) else {
            throw ConfigurationError(word: word, message: "not a domain name", hint: "for example example.org")
        }
        return value
    }
}
