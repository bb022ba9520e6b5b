// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The ports of a switch, read from the data of `port/print`.
struct PortTable: Equatable, Sendable {
    struct Endpoint: Equatable, Sendable {
        var number = ""
        var module = ""
        var description = ""
    }

    struct Port: Equatable, Sendable {
        var number = 0
        var vlan = ""
        var isActive = false
        var receivedPackets: UInt64 = 0
        var receivedBytes: UInt64 = 0
        var sentPackets: UInt64 = 0
        var sentBytes: UInt64 = 0
        var endpoints: [Endpoint] = []
    }

    var ports: [Port] = []

    /// Reads the lines; one that is not understood is passed over, because newer switches may say more.
    init(_ lines: [String]) {
        for line in lines {
            let words = line.split(separator: " ")
            if line.hasPrefix("Port "), words.count > 1, let number = Int(words[1]) {
                var port = Port()
                port.number = number
                for word in words.dropFirst(2) {
                    if word.hasPrefix("untagged_vlan=") { port.vlan = Self.withoutZeros(word.dropFirst(14)) }
                    if word == "ACTIVE" { port.isActive = true }
                }
                ports.append(port)
            } else if ports.isEmpty {
                continue
            } else if words.count == 5, words[1] == "pkts", words[3] == "bytes" {
                let packets = UInt64(words[2]) ?? 0
                let bytes = UInt64(words[4]) ?? 0
                if words[0] == "IN:" {
                    ports[ports.count - 1].receivedPackets = packets
                    ports[ports.count - 1].receivedBytes = bytes
                } else if words[0] == "OUT:" {
                    ports[ports.count - 1].sentPackets = packets
                    ports[ports.count - 1].sentBytes = bytes
                }
            } else if words.count > 3, words[0] == "--", words[1] == "endpoint", words[2] == "ID" {
                ports[ports.count - 1].endpoints.append(Self.endpoint(line, number: words[3]))
            }
        }
    }

    /// `  -- endpoint ID 0006 module unix prog   : user=a PID=1`
    private static func endpoint(_ line: String, number: Substring) -> Endpoint {
        var endpoint = Endpoint()
        endpoint.number = withoutZeros(number)
        let rest = line.drop { $0 != ":" }.dropFirst()
        endpoint.description = String(rest.drop { $0 == " " })
        let words = line.prefix { $0 != ":" }.split(separator: " ")
        if let at = words.firstIndex(of: "module") {
            endpoint.module = words[(at + 1)...].joined(separator: " ")
        }
        return endpoint
    }

    private static func withoutZeros(_ text: Substring) -> String {
        let rest = text.drop { $0 == "0" }
        return rest.isEmpty ? "0" : String(rest)
    }
}
