// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Wire

/// What a `vxlan://` or `vxvde://` URL says, with vdeplug4's words and defaults.
struct VXLANOptions {
    /// The group or peer that the address names, or the default group when it names none and no peers are given.
    let address: InternetAddress?
    let peers: [InternetAddress]
    let local: InternetAddress?
    let port: UInt16
    let identifier: UInt32
    let hops: Int32
    /// 0 for the kernel's choice.
    let interface: Int32
    let stationCount: Int
    let ageingSeconds: UInt32
    let isIPv6: Bool
    /// Largest packet inside, to which what a kernel left unsegmented is cut.
    let packetByteLimit: Int

    private static let words = ["v4", "v6"]
    private static let names = [
        "port", "vni", "ttl", "if", "hashsize", "hash", "expiretime", "expire", "grp", "peers", "local", "mtu",
    ]

    init(_ url: NetworkURL, defaultPort: Int) throws {
        // Words stand behind the address too: vxvde:///v6, vxlan://239.0.0.1/v4.
        var pieces = url.address.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let host = pieces.isEmpty ? "" : pieces.removeFirst()
        let words = pieces.filter { !$0.isEmpty } + url.options.filter { $0.value == nil }.map(\.name)
        try url.refuseOptions(except: Self.names + Self.words)
        for word in words where !Self.words.contains(word) {
            throw TransportError(.usage, "\(url): unknown option \"\(word)\"; known are v4, v6 and \(Self.list)")
        }
        port = UInt16(try url.number("port", 1...65_535, default: defaultPort))
        hops = Int32(try url.number("ttl", 0...255, default: 1))
        let size = try url.number("hash", 1...RemoteTable.maximumCapacity, default: 1024)
        stationCount = try url.number("hashsize", 1...RemoteTable.maximumCapacity, default: size)
        let age = try url.number("expire", 1...86_400, default: 128)
        ageingSeconds = UInt32(try url.number("expiretime", 1...86_400, default: age))
        packetByteLimit = try url.number("mtu", 576...65_535, default: 1450)
        let group = try url.value("grp").map { try Self.group($0, url) }
        identifier = try Self.identifier(url) ?? group ?? 1
        interface = try Self.interface(url)

        let wanted: NameLookUp.Family = words.contains("v6") ? .ipv6 : words.contains("v4") ? .ipv4 : .any
        let names = url.value("peers").map { $0.split(separator: ",").map(String.init) } ?? []
        let port = port
        var first: InternetAddress?
        if !host.isEmpty {
            first = try OverlayOpener.lookUp(host, port: port, family: wanted, url)
        } else if names.isEmpty {
            first =
                wanted == .ipv6
                ? InternetAddress(ipv6High: 0xff05_56de_0000_0000, low: 1, port: port)
                : InternetAddress(ipv4: 0xef00_0001, port: port)
        }
        if let base = first, let group, base.isMulticast {
            // The last three bytes are the group's number: each group of users has a network of its own.
            first =
                base.isIPv6
                ? InternetAddress(ipv6High: base.high, low: base.low & ~0xff_ffff | UInt64(group), port: port)
                : InternetAddress(ipv4: UInt32(base.low) & ~0xff_ffff | group, port: port)
        }
        let family: NameLookUp.Family = first.map { $0.isIPv6 ? .ipv6 : .ipv4 } ?? wanted
        var peers: [InternetAddress] = []
        for name in names {
            let known = peers.first.map { $0.isIPv6 ? NameLookUp.Family.ipv6 : .ipv4 } ?? family
            peers.append(try OverlayOpener.lookUp(name, port: port, family: known, url))
        }
        guard peers.count < OverlayConfiguration.maximumDestinationCount else {
            throw TransportError(
                .usage,
                "\(url): \(peers.count) peers; at most \(OverlayConfiguration.maximumDestinationCount - 1)"
            )
        }
        address = first
        self.peers = peers
        let isIPv6 = (first ?? peers.first)?.isIPv6 ?? false
        self.isIPv6 = isIPv6
        local = try url.value("local").map {
            try OverlayOpener.lookUp($0, port: port, family: isIPv6 ? .ipv6 : .ipv4, url)
        }
    }

    private static var list: String { names.joined(separator: ", ") }

    private static func interface(_ url: NetworkURL) throws -> Int32 {
        guard let name = url.value("if") else { return 0 }
        do throws(Errno) {
            return try NetworkInterface.index(name)
        } catch {
            throw TransportError(.failed, "\(url): no interface \"\(name)\" on this host")
        }
    }

    private static func group(_ name: String, _ url: NetworkURL) throws -> UInt32 {
        guard let number = UInt32(name) ?? CurrentProcess.groupID(named: name), number <= 0xff_ffff else {
            throw TransportError(.usage, "\(url): grp=\(name): no such group, or its number is above 16777215")
        }
        return number
    }

    private static func identifier(_ url: NetworkURL) throws -> UInt32? {
        guard let text = url.value("vni") else { return nil }
        guard let number = UInt32(text) ?? CurrentProcess.groupID(named: text),
            number <= VXLANHeader.maximumIdentifier
        else {
            throw TransportError(.usage, "\(url): vni=\(text): wants a number from 0 to 16777215, or a group's name")
        }
        return number
    }
}
