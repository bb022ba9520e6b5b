// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import NIOCore

/// Where a server listens: `[ADDRESS:]PORT`, the address in digits or `localhost`, an IPv6 address in brackets.
struct ListenAddress: Equatable, Sendable {
    let host: String
    let port: Int
    let isLoopback: Bool

    /// Port 0 asks the kernel for a free one.
    static let local = ListenAddress(host: "127.0.0.1", port: 0, isLoopback: true)

    private init(host: String, port: Int, isLoopback: Bool) {
        self.host = host
        self.port = port
        self.isLoopback = isLoopback
    }

    /// Parses what `option` was given.
    init(_ text: String, option: String) throws(Failure) {
        func wrong(_ reason: String) -> Failure {
            Failure("\(option) \(text): \(reason), e.g. 8080, 127.0.0.1:8080, [::1]:8080", status: ExitStatus.usage)
        }
        var host = "127.0.0.1"
        var digits = text[...]
        if let colon = text.lastIndex(of: ":") {
            host = String(text[..<colon])
            digits = text[text.index(after: colon)...]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = String(host.dropFirst().dropLast())
                guard host.contains(":") else { throw wrong("brackets are for IPv6 addresses") }
            } else if host.contains(":") {
                throw wrong("an IPv6 address stands in brackets")
            }
            if host == "localhost" { host = "127.0.0.1" }
        }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
            throw wrong("a port is a number, 0 to 65535")
        }
        guard let address = try? SocketAddress(ipAddress: host, port: Int(port)), !host.contains("%") else {
            throw wrong("the address is to be given in digits")
        }
        self.host = host
        self.port = Int(port)
        switch address {
        case .v4: isLoopback = host.hasPrefix("127.")
        default: isLoopback = address == (try? SocketAddress(ipAddress: "::1", port: Int(port)))
        }
    }

    /// Every address of the host.
    var isAny: Bool { host == "0.0.0.0" || (host.contains(":") && host.allSatisfy { $0 == ":" || $0 == "0" }) }

    /// The address to connect to: the host's name where it listens everywhere.
    var name: String { isAny ? HostName.current ?? host : host }

    /// Name and port as they stand in a URL.
    func authority(port: Int) -> String {
        name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
    }

    /// Refuses an address that others reach, unless the user says that it is meant.
    func requireConsent(_ listensAnywhere: Bool, option: String) throws(Failure) {
        guard isLoopback || listensAnywhere else {
            throw Failure(
                "\(option): \(host) is reached from other hosts, unencrypted; if that is meant, add --listen-anywhere",
                status: ExitStatus.usage
            )
        }
    }
}

/// The name of this host, by which others may call it.
enum HostName {
    static let current: String? = {
        guard let bytes = try? FileSystem.contents("/proc/sys/kernel/hostname", limit: 256) else { return nil }
        let name = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self).lowercased()
        return name.isEmpty || name == "(none)" ? nil : name
    }()
}
