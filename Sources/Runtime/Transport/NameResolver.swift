// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Looks host names up beside everything else: name servers may take seconds to answer, or not to, and the control thread
/// has consoles and clients to serve.
final class NameResolver {
    /// Addresses of each name, the resolver's first choice first; none for a name that has none.
    typealias Addresses = [String: [InternetAddress]]

    /// What both threads see.
    private final class Work: Sendable {
        let done: EventFD
        let addresses = Mutex(Addresses())

        init() throws(Errno) { done = try EventFD() }

        func run(_ names: [String]) {
            for name in names {
                var found: [InternetAddress] = []
                for family in [NameLookUp.Family.any, .ipv4, .ipv6] {
                    if let address = try? NameLookUp.address(name, port: 0, family: family), !found.contains(address) {
                        found.append(address)
                    }
                }
                addresses.withLock { $0[name] = found }
            }
            done.signal()
        }
    }

    private let work: Work
    private let loop: ControlLoop
    private var token: ControlLoop.Token?

    /// - Parameter completion: runs on the control thread once all names have been asked for, unless this is cancelled before.
    init(_ names: [String], _ loop: ControlLoop, completion: @escaping (Addresses) -> Void) throws(Errno) {
        let work = try Work()
        self.work = work
        self.loop = loop
        token = try loop.watch(work.done.rawDescriptor) { [weak self] _ in
            self?.cancel()
            completion(work.addresses.withLock { $0 })
        }
        do throws(Errno) {
            // Nobody waits for its end: the resolver library cannot be interrupted.
            try Thread.start(name: "look-up") { work.run(names) }.detach()
        } catch {
            cancel()
            throw error
        }
    }

    func cancel() {
        if let token = token.take() { loop.cancel(token) }
    }

    deinit { cancel() }
}

extension NetworkURL {
    /// The host names in the URL that have to be looked up; addresses in numbers are none.
    var hostNames: [String] {
        let hosts: [Substring?]
        switch scheme {
        case "stream", "tunnel", "umlswitch2":
            guard !address.contains("/") || scheme != "stream" else { return nested.map(Self.names) ?? [] }
            hosts = [Self.host(address.prefix { $0 != "/" })]
        case "udp", "l2tpv3", "dgram":
            guard let arrow = address.firstRange(of: "->"), !address.contains("/") || scheme != "dgram" else {
                return []
            }
            hosts = [Self.host(address[..<arrow.lowerBound]), Self.host(address[arrow.upperBound...])]
        case "vxlan", "vxvde":
            let peers = value("peers") ?? ""
            hosts = [address.prefix { $0 != "/" }, value("local").map { $0[...] }] + peers.split(separator: ",")
        default: return nested.map(Self.names) ?? []
        }
        return hosts.compactMap { $0 }.filter { Self.isName($0) }.map(String.init)
    }

    private static func names(in text: String) -> [String] { (try? NetworkURL(text))?.hostNames ?? [] }

    /// In front of the last colon.
    private static func host(_ text: Substring) -> Substring? { text.lastIndex(of: ":").map { text[..<$0] } }

    private static func isName(_ host: Substring) -> Bool {
        !host.isEmpty && !host.contains(":") && !host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// The address of a host of the URL: what was looked up before, else looked up now.
    func lookUp(
        _ name: String,
        port: UInt16,
        family: NameLookUp.Family = .any
    ) throws(NameLookUp.Failure) -> InternetAddress {
        guard let addresses = resolved?[name] else {
            return try NameLookUp.address(name, port: port, family: family)
        }
        let found = addresses.first { family == .any || $0.isIPv6 == (family == .ipv6) }
        guard var found else { throw NameLookUp.Failure(description: "no address was found for this name") }
        found.port = port
        return found
    }

    /// A host of the URL as getaddrinfo(3) is to see it: as an address once it was looked up.
    func numericHost(_ name: String) -> String {
        guard let addresses = resolved?[name] else { return name }
        // Nobody has this name: what the resolver said, without asking again.
        guard let address = addresses.first else { return "host.invalid" }
        return address.hostText
    }
}
