// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Who may use the server: whoever shows the token, at an address that is the server's own, from its own page.
struct RequestGuard: Sendable {
    let token: Secret
    /// Names of this host, in lower case, beside `localhost`.
    let names: Set<String>

    enum Refusal: Equatable {
        case host, origin, noToken, wrongToken

        /// For people.
        var message: String {
            switch self {
            case .host: "the address in the request is not this server's; use digits, localhost or the host's name"
            case .origin: "the request comes from another page"
            case .noToken: "the token is missing; open the address that `etherloom web` has printed"
            case .wrongToken: "the token is wrong; open the address that `etherloom web` has printed"
            }
        }
    }

    /// Why a request is refused, nil when it is not.
    ///
    /// - Parameters:
    ///   - authority: the field Host. A page of a stranger can make its own name lead to this server (DNS rebinding), and is of
    ///     one origin with it then; but its name is what the browser sends here, and addresses in digits cannot be rebound.
    ///   - origin: the page that asks, where the browser says so.
    ///   - authorization: `Bearer TOKEN`, RFC 6750.
    ///   - query: the parameter `token`, for the address that a person opens.
    func refusal(authority: String?, origin: String?, authorization: String?, query: String?) -> Refusal? {
        guard let authority = authority?.lowercased(), isOwn(authority) else { return .host }
        if let origin, origin.lowercased() != "http://\(authority)" { return .origin }
        var shown = query
        if let authorization {
            guard authorization.prefix(7).lowercased() == "bearer " else { return .wrongToken }
            shown = String(authorization.dropFirst(7))
        }
        guard let shown else { return .noToken }
        return token.matches(shown) ? nil : .wrongToken
    }

    private func isOwn(_ authority: String) -> Bool {
        var host = authority[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return false }
            let address = String(host[host.index(after: host.startIndex)..<end])
            return address.contains(":") && (try? SocketAddress(ipAddress: address, port: 0)) != nil
        }
        if let colon = host.firstIndex(of: ":") { host = host[..<colon] }
        let name = String(host)
        if name == "localhost" || names.contains(name) { return true }
        return (try? SocketAddress(ipAddress: name, port: 0)) != nil
    }
}
