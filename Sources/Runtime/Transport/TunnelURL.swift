// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What a tunnel does when it is not told.
public enum TunnelDefaults {
    /// Its UDP (and TCP) port.
    public static var port: UInt16 { 51_840 }
}

/// The URL of a tunnel: `tunnel://HOST:PORT/NAME=VALUE/…`.
///
/// Values may hold slashes (a key's path, base64), so that an option ends where the next known one begins.
struct TunnelURL {
    /// Empty: the peer comes to us.
    var host = ""
    var port: UInt16 = 0
    var listenHost = ""
    var listenPort: UInt16?
    private var values: [String: String] = [:]
    private let url: NetworkURL

    init(_ url: NetworkURL, known: [String]) throws(TransportError) {
        self.url = url
        let text = url.description
        var rest = text.firstRange(of: "://").map { String(text[$0.upperBound...]) } ?? text
        if rest.hasSuffix("]"), let bracket = rest.firstIndex(of: "["), rest[bracket...].contains("=") {
            rest = rest[..<bracket] + "/" + rest[rest.index(after: bracket)...].dropLast()
        }
        var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let place = parts.removeFirst()
        var name: String?
        for part in parts {
            let word = part.prefix { $0 != "=" }
            if known.contains(String(word)) {
                name = String(word)
                values[String(word)] = part.contains("=") ? String(part.dropFirst(word.count + 1)) : ""
            } else if let name {
                values[name]? += "/" + part
            } else if !part.isEmpty {
                throw TransportError(
                    .usage,
                    "\(url): unknown option \"\(word)\"; known are \(known.joined(separator: ", "))"
                )
            }
        }
        if !place.isEmpty { (host, port) = try Self.place(place, url, defaultPort: TunnelDefaults.port) }
        if let listen = values["listen"] {
            let (host, port) = try Self.place(listen, url, defaultPort: nil)
            (listenHost, listenPort) = (host, port)
        }
        if host.isEmpty, listenPort == nil {
            guard port != 0 else {
                throw TransportError(
                    .usage,
                    "\(url): where is the peer? give tunnel://HOST:PORT, or a port to listen on"
                )
            }
            listenPort = port
        }
    }

    func has(_ name: String) -> Bool { values[name] != nil }
    func value(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    func number(_ name: String, _ range: ClosedRange<Int>, default fallback: Int) throws(TransportError) -> Int {
        guard let text = values[name] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw TransportError(
                .usage,
                "\(url): \(name)=\(text): wants a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func isOn(_ name: String, default fallback: Bool) throws(TransportError) -> Bool {
        guard let value = values[name] else { return fallback }
        return try NetworkURL.isOn(value, name, in: "\(url)")
    }

    /// `HOST:PORT`, `:PORT`, `PORT` (when there is no default), `[2001:db8::1]:PORT`.
    private static func place(
        _ text: String,
        _ url: NetworkURL,
        defaultPort: UInt16?
    ) throws(TransportError) -> (String, UInt16) {
        var host = text[...]
        var port: Substring = ""
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        } else if defaultPort == nil {
            (host, port) = ("", text[...])
        }
        if port.isEmpty, let defaultPort { return (String(host), defaultPort) }
        guard let number = UInt16(port), number > 0 else {
            throw TransportError(.usage, "\(url): \"\(port)\" is no port: a number from 1 to 65535")
        }
        return (String(host), number)
    }

    /// The peer's address.
    func remoteAddress() throws(TransportError) -> InternetAddress? {
        guard !host.isEmpty else { return nil }
        do {
            return try url.lookUp(host, port: port)
        } catch {
            throw TransportError(.unreachable, "\(host): \(error)")
        }
    }

    /// The address to listen at; any port when none is given.
    func localAddress(for remote: InternetAddress?) throws(TransportError) -> InternetAddress {
        guard !listenHost.isEmpty else {
            return InternetAddress.any(isIPv6: remote?.isIPv6 ?? true, port: listenPort ?? 0)
        }
        do {
            return try url.lookUp(listenHost, port: listenPort ?? 0)
        } catch {
            throw TransportError(.usage, "\(listenHost): \(error)")
        }
    }
}
