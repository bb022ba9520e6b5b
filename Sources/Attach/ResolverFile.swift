// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

/// The contents of a stack's resolv.conf(5).
enum ResolverFile {
    /// glibc reads three name servers (MAXNS) and, since 2.26, any number of domains.
    static let maximumServerCount = 3

    static func text(servers: [IPAddress], domains: [String]) -> String {
        var text = "# Written by etherloom run.\n"
        var seen: Set<String> = []
        let names = domains.filter { seen.insert($0).inserted }
        if !names.isEmpty { text += "search \(names.joined(separator: " "))\n" }
        var addresses: Set<IPAddress> = []
        for server in servers.filter({ addresses.insert($0).inserted }).prefix(maximumServerCount) {
            text += "nameserver \(server)\n"
        }
        return text
    }

    /// Whether a text, perhaps of a stranger's DHCP server, is a domain name and nothing else (RFC 1123 section 2.1, and
    /// the underscore that many have).
    static func isDomain(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        // One final dot is the root.
        let significant = labels.last?.isEmpty == true && labels.count > 1 ? labels.dropLast() : labels[...]
        return text.utf8.count <= 253
            && significant.allSatisfy { label in
                (1...63).contains(label.count)
                    && label.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
    }
}
