// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Name servers and search domains of router advertisements (RFC 8106), which the kernel passes on unread.
struct RouterOptions: Equatable, Sendable {
    private(set) var servers: [IPv6Address] = []
    private(set) var domains: [String] = []
    /// Of each list, so that no router fills our memory.
    static let limit = 16

    /// Takes the options of one advertisement: a run of type, length in units of eight bytes, and contents. Reading
    /// stops at the first whose length lies.
    mutating func apply(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while rest.count >= 8 {
            let units = Int(rest[rest.startIndex + 1])
            guard units > 0, units * 8 <= rest.count else { return }
            let option = Array(rest.prefix(units * 8))
            rest = rest.dropFirst(units * 8)
            let lifetime = option.span.readUInt32(at: 4)
            switch option[0] {
            case 25: applyServers(option, isGone: lifetime == 0)
            case 31: applyDomains(option, isGone: lifetime == 0)
            default: break
            }
        }
    }

    /// Section 5.1: 8 bytes, then addresses. A link-local address would need its interface's name behind it, which
    /// resolv.conf can hold; others are taken as they are.
    private mutating func applyServers(_ option: [UInt8], isGone: Bool) {
        for offset in stride(from: 8, through: option.count - 16, by: 16) {
            let server = IPv6Address(option.span, at: offset)
            servers.removeAll { $0 == server }
            let isUsable = !server.isUnspecified && !server.isMulticast && !server.isLinkLocal
            if isUsable, !isGone, servers.count < Self.limit { servers.append(server) }
        }
    }

    /// Section 5.2: 8 bytes, then names as in DNS, each a run of counted labels and a zero; padded with zeros.
    private mutating func applyDomains(_ option: [UInt8], isGone: Bool) {
        var labels: [String] = []
        var rest = option.dropFirst(8)
        while let length = rest.popFirst() {
            if length == 0 {
                let domain = labels.joined(separator: ".")
                labels = []
                guard !domain.isEmpty, ResolverFile.isDomain(domain) else { continue }
                domains.removeAll { $0 == domain }
                if !isGone, domains.count < Self.limit { domains.append(domain) }
                continue
            }
            guard length <= 63, Int(length) <= rest.count else { return }
            labels.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
            rest = rest.dropFirst(Int(length))
        }
    }
}
