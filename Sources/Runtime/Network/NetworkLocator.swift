// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// Where a network is: what users write after `--net`, `-s`, and as a cable's ends.
///
/// `/tmp/vde`, `vde:///tmp/vde` and `/tmp/vde[5]` (a port of it) are switches; `tap://NAME` is a tap of this host.
public struct NetworkLocator: Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// A switch's directory, and the port wanted there (0: any).
        case vde(directory: String, port: Int)
        case tap(name: String)
    }

    public let kind: Kind

    public init(kind: Kind) { self.kind = kind }

    /// Why a text names no network.
    public struct ParseError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    public init(_ text: String) throws(ParseError) {
        guard !text.isEmpty else { throw ParseError(description: "an empty network name: give a switch's directory") }
        var rest = Substring(text)
        var scheme = "vde"
        if let mark = text.firstRange(of: "://") {
            scheme = String(text[..<mark.lowerBound])
            rest = text[mark.upperBound...]
        }
        switch scheme {
        case "vde":
            var port = 0
            if rest.hasSuffix("]"), let bracket = rest.lastIndex(of: "[") {
                let inside = rest[rest.index(after: bracket)..<rest.index(before: rest.endIndex)]
                rest = rest[..<bracket]
                if !inside.isEmpty {
                    guard let number = Int(inside), number > 0, number < 1 << 24 else {
                        throw ParseError(description: "\(text): \"\(inside)\" is no port number")
                    }
                    port = number
                }
            }
            guard !rest.isEmpty else { throw ParseError(description: "\(text): the switch's directory is missing") }
            kind = .vde(directory: String(rest), port: port)
        case "tap":
            guard !rest.isEmpty, rest.utf8.count < 16, !rest.contains("/"), !rest.contains(" ") else {
                throw ParseError(
                    description: "\(text): an interface name has 1 to 15 characters without \"/\" or blank"
                )
            }
            kind = .tap(name: String(rest))
        default:
            throw ParseError(description: "\(text): unknown scheme \"\(scheme)\"; this version knows vde:// and tap://")
        }
    }

    public var description: String {
        switch kind {
        case .vde(let directory, let port): port == 0 ? directory : "\(directory)[\(port)]"
        case .tap(let name): "tap://\(name)"
        }
    }
}
