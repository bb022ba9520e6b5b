// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A kind of network URL and how it is opened.
public struct TransportScheme {
    public let name: String
    /// One line for help and documentation: `udp://[SOURCE:]PORT->HOST:PORT`.
    public let syntax: String
    public let open: (NetworkURL, TransportContext) throws -> any Transport

    public init(
        _ name: String,
        syntax: String,
        open: @escaping (NetworkURL, TransportContext) throws -> any Transport
    ) {
        self.name = name
        self.syntax = syntax
        self.open = open
    }
}

/// All kinds of network URLs that this program knows. Each family adds its own in a file of its own.
public enum TransportRegistry {
    public static var schemes: [TransportScheme] {
        localSchemes + streamSchemes + messageSchemes + vhostSchemes
            + overlaySchemes + tunnelSchemes + uplinkSchemes + nodeSchemes
    }

    public static func scheme(_ name: String) -> TransportScheme? { schemes.first { $0.name == name } }

    /// Opens what a URL stands for. Throws `TransportError`.
    public static func open(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        var url = url
        // Files that name each other would go on for ever.
        for _ in 0..<4 {
            guard let inner = try url.readFromFile() else { break }
            url = inner
        }
        guard let scheme = scheme(url.scheme) else { throw unknown(url) }
        if url.has("reconnect") {
            guard let once = url.without("reconnect") else {
                throw TransportError(.usage, "\(url): reconnect is a word in brackets at the end: URL[reconnect]")
            }
            return try PersistentTransport([once], context, isKept: true)
        }
        return try scheme.open(url, context)
    }

    /// What to say about a scheme that is not there.
    public static func unknown(_ url: NetworkURL) -> TransportError {
        let known = schemes.map { "\($0.name)://" }.joined(separator: " ")
        return TransportError(.usage, "\(url): unknown scheme \"\(url.scheme)\"; known are \(known)")
    }
}
