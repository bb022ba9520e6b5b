// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// JSON as the page reads it, RFC 8259.
enum JSONText {
    static func string(_ text: String) -> String { JSON.string(text).description }

    /// `[["data","…"],["prompt","vde$ "]]`
    static func items(_ items: [ConsoleItem]) -> String {
        let list = items.map { "[\"\($0.kind.rawValue)\",\(string($0.text))]" }
        return "[\(list.joined(separator: ","))]"
    }

    /// A list of objects. Counters are decimal strings: a number of JavaScript ends at 2^53.
    static func ports(_ table: PortTable) -> String {
        let list = table.ports.map { port in
            let endpoints = port.endpoints.map { endpoint in
                """
                {"id":\(string(endpoint.number)),"module":\(string(endpoint.module)),\
                "text":\(string(endpoint.description))}
                """
            }
            return """
                {"port":\(port.number),"vlan":\(string(port.vlan)),"active":\(port.isActive),\
                "in":["\(port.receivedPackets)","\(port.receivedBytes)"],\
                "out":["\(port.sentPackets)","\(port.sentBytes)"],\
                "endpoints":[\(endpoints.joined(separator: ","))]}
                """
        }
        return "[\(list.joined(separator: ","))]"
    }
}
