// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

/// What a guest's network is asked for, in the words of ip(8).
enum NetworkWords: Equatable {
    case addresses(interface: String?)
    case addAddress(InterfaceAddress, interface: String)
    case removeAddress(InterfaceAddress, interface: String)
    case routes
    case addRoute(InterfaceAddress?, isVersion6: Bool, via: IPAddress?, interface: String?)
    case removeRoute(InterfaceAddress?, isVersion6: Bool, via: IPAddress?, interface: String?)
    case links(interface: String?)
    case setLink(String, [LinkChange])

    enum LinkChange: Equatable {
        case up(Bool)
        case mtu(Int)
        case address(MACAddress)
    }

    init(_ words: [String]) throws(GuestError) {
        var rest = RequestWords(["network"] + words)
        let object = rest.optional() ?? "addr"
        switch object {
        case "addr", "address", "a": self = try Self.address(&rest)
        case "route", "r": self = try Self.route(&rest)
        case "link", "l": self = try Self.link(&rest)
        default: throw GuestError("network: \"\(object)\": addr, route or link is wanted", status: 2)
        }
        try rest.end()
    }

    /// What follows a keyword, if it is there.
    private static func value(_ key: String, _ words: inout [String]) throws(GuestError) -> String? {
        guard let index = words.firstIndex(of: key) else { return nil }
        guard index + 1 < words.count else { throw GuestError("network: \(key): a value is missing", status: 2) }
        let value = words[index + 1]
        words.removeSubrange(index...index + 1)
        return value
    }

    private static func address(_ rest: inout RequestWords) throws(GuestError) -> NetworkWords {
        let verb = rest.optional() ?? "show"
        var words = rest.all()
        let interface = try value("dev", &words)
        if ["show", "list", "ls"].contains(verb) {
            try refuse(words)
            return .addresses(interface: interface)
        }
        guard verb == "add" || verb == "del" || verb == "delete" else { throw unknown(verb) }
        guard let text = words.first else {
            throw GuestError("network: addr \(verb): an address is missing", status: 2)
        }
        try refuse(Array(words.dropFirst()))
        guard let interface else { throw GuestError("network: addr \(verb): dev INTERFACE is missing", status: 2) }
        let address = try parse(text)
        return verb == "add"
            ? .addAddress(address, interface: interface) : .removeAddress(address, interface: interface)
    }

    private static func route(_ rest: inout RequestWords) throws(GuestError) -> NetworkWords {
        let verb = rest.optional() ?? "show"
        var words = rest.all()
        if ["show", "list", "ls"].contains(verb) {
            try refuse(words)
            return .routes
        }
        guard ["add", "replace", "del", "delete"].contains(verb) else { throw unknown(verb) }
        let interface = try value("dev", &words)
        let via = try value("via", &words)
        guard let text = words.first else { throw GuestError("network: route \(verb): where to?", status: 2) }
        try refuse(Array(words.dropFirst()))
        var router: IPAddress?
        if let via {
            guard let address = IPAddress(via) else { throw GuestError("network: via \(via): no address", status: 2) }
            router = address
        }
        let destination = text == "default" ? nil : try parse(text)
        let isVersion6 = (destination?.address ?? router).map { $0.bytes.count == 16 } ?? false
        guard router != nil || interface != nil || verb.hasPrefix("del") else {
            throw GuestError("network: route \(verb): via ADDRESS or dev INTERFACE is wanted", status: 2)
        }
        return verb.hasPrefix("del")
            ? .removeRoute(destination, isVersion6: isVersion6, via: router, interface: interface)
            : .addRoute(destination, isVersion6: isVersion6, via: router, interface: interface)
    }

    private static func link(_ rest: inout RequestWords) throws(GuestError) -> NetworkWords {
        let verb = rest.optional() ?? "show"
        var words = rest.all()
        if ["show", "list", "ls"].contains(verb) {
            let interface = try value("dev", &words)
            try refuse(words)
            return .links(interface: interface)
        }
        guard verb == "set" else { throw unknown(verb) }
        var name = try value("dev", &words)
        var changes: [LinkChange] = []
        if let text = try value("mtu", &words) {
            guard let mtu = Int(text), (68...65535).contains(mtu) else {
                throw GuestError("network: mtu \(text): 68 to 65535 is wanted", status: 2)
            }
            changes.append(.mtu(mtu))
        }
        if let text = try value("address", &words) {
            guard let address = MACAddress(text) else {
                throw GuestError("network: address \(text): no hardware address", status: 2)
            }
            changes.append(.address(address))
        }
        for (word, isUp) in [("up", true), ("down", false)] {
            guard let index = words.lastIndex(of: word) else { continue }
            words.remove(at: index)
            changes.append(.up(isUp))
        }
        if name == nil, !words.isEmpty { name = words.removeFirst() }
        try refuse(words)
        guard let name, !changes.isEmpty else {
            throw GuestError("network: link set INTERFACE [up|down] [mtu N] [address MAC] is wanted", status: 2)
        }
        return .setLink(name, changes)
    }

    private static func refuse(_ words: [String]) throws(GuestError) {
        if let word = words.first { throw unknown(word) }
    }

    private static func unknown(_ word: String) -> GuestError {
        GuestError("network: \"\(word)\" is not understood", status: 2)
    }

    /// An address with its prefix; without one it is a host's.
    private static func parse(_ text: String) throws(GuestError) -> InterfaceAddress {
        if let address = InterfaceAddress(text) { return address }
        if let address = IPAddress(text),
            let host = InterfaceAddress(address: address, prefixLength: address.bytes.count * 8)
        {
            return host
        }
        throw GuestError("network: \"\(text)\" is no address", status: 2)
    }
}

extension ProcessNetwork {
    /// Does it, or lists.
    func perform(_ words: NetworkWords) throws(GuestError) -> [String] {
        guard netlink != nil else { throw GuestError("the guest has ended") }
        do throws(NetlinkError) {
            switch words {
            case .addresses(let name): return try addressLines(name)
            case .links(let name): return try linkLines(name)
            case .routes: return try routeLines()
            case .addAddress(let address, let name):
                let index = try netlink!.link(named: name).index
                try netlink!.addAddress(index, address.address.bytes, prefixLength: address.prefixLength)
            case .removeAddress(let address, let name):
                let index = try netlink!.link(named: name).index
                try netlink!.removeAddress(index, address.address.bytes, prefixLength: address.prefixLength)
            case .addRoute(let destination, _, let via, let name):
                try netlink!.addRoute(
                    to: destination?.networkBytes,
                    prefixLength: destination?.prefixLength ?? 0,
                    via: via?.bytes,
                    interface: try index(name, towards: via)
                )
            case .removeRoute(let destination, let isVersion6, let via, let name):
                try netlink!.removeRoute(
                    to: destination?.networkBytes,
                    prefixLength: destination?.prefixLength ?? 0,
                    isVersion6: isVersion6,
                    via: via?.bytes,
                    interface: name == nil ? nil : try index(name, towards: via)
                )
            case .setLink(let name, let changes): try set(name, changes)
            }
        } catch {
            throw GuestError("\(error)")
        }
        return []
    }

    private func set(_ name: String, _ changes: [NetworkWords.LinkChange]) throws(NetlinkError) {
        let index = try netlink!.link(named: name).index
        for change in changes {
            switch change {
            case .up(let isUp): try netlink!.setUp(index, isUp)
            case .mtu(let mtu): try netlink!.setMTU(index, mtu)
            case .address(let address): try netlink!.setHardwareAddress(index, (0..<6).map { address.octet($0) })
            }
        }
    }

    /// By name, or whose network the router is on.
    private func index(_ name: String?, towards router: IPAddress?) throws(NetlinkError) -> Int32 {
        if let name { return try netlink!.link(named: name).index }
        for address in try netlink!.addresses() {
            guard let own = Self.address(address.bytes, address.prefixLength), let router else { continue }
            if own.contains(router) { return address.interface }
        }
        throw NetlinkError(
            operation: "reach \(router.map { "\($0)" } ?? "it")",
            errno: Errno(rawValue: 101),  // ENETUNREACH
            explanation: "no interface has an address on that network"
        )
    }

    private static func address(_ bytes: [UInt8], _ prefixLength: Int) -> InterfaceAddress? {
        let address: IPAddress
        switch bytes.count {
        case 4: address = .v4(IPv4Address(bytes.span, at: 0))
        case 16: address = .v6(IPv6Address(bytes.span, at: 0))
        default: return nil
        }
        return InterfaceAddress(address: address, prefixLength: prefixLength)
    }

    private func addressLines(_ name: String?) throws(NetlinkError) -> [String] {
        let names = Dictionary(try netlink!.links().map { ($0.index, $0.name) }) { first, _ in first }
        return try netlink!.addresses().compactMap { address in
            guard let interface = names[address.interface], name == nil || name == interface,
                let text = Self.address(address.bytes, address.prefixLength)
            else { return nil }
            let family = address.bytes.count == 4 ? "inet" : "inet6"
            let scope = address.isGlobal ? "global" : "link"
            return "\(interface) \(family) \(text) scope \(scope)\(address.isTentative ? " tentative" : "")"
        }
    }

    private func linkLines(_ name: String?) throws(NetlinkError) -> [String] {
        try netlink!.links().filter { name == nil || $0.name == name }.map { link in
            let mac = link.address.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
            return "\(link.name) mtu \(link.mtu) \(link.isUp ? "up" : "down")"
                + " carrier \(link.hasCarrier ? "up" : "down") address \(mac)"
        }
    }

    private func routeLines() throws(NetlinkError) -> [String] {
        let names = Dictionary(try netlink!.links().map { ($0.index, $0.name) }) { first, _ in first }
        return try netlink!.routes().map { route in
            var line = "default"
            if let bytes = route.destination, let network = Self.address(bytes, route.prefixLength) {
                line = network.description
            }
            if let bytes = route.gateway, let router = Self.address(bytes, bytes.count * 8) {
                line += " via \(router.address)"
            }
            return line + " dev \(names[route.interface] ?? String(route.interface))"
        }
    }
}
