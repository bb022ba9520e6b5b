// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An IPv4 or IPv6 address and a port, in host order: where a datagram is from or goes to. Has the layout of
/// `struct cel_peer`.
@frozen
public struct InternetAddress: Sendable, Hashable, CustomStringConvertible {
    /// The first eight octets of an IPv6 address.
    public let high: UInt64
    /// Its last eight octets, or the four of an IPv4 address.
    public let low: UInt64
    /// The interface that a link-local address belongs to, 0 for others.
    public let scope: UInt32
    public var port: UInt16
    private let family: UInt16

    public init(ipv4 address: UInt32, port: UInt16) {
        high = 0
        low = UInt64(address)
        scope = 0
        self.port = port
        family = UInt16(AF_INET)
    }

    public init(ipv6High high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
        family = UInt16(AF_INET6)
    }

    /// No address at all.
    public static var none: InternetAddress { InternetAddress(ipv4: 0, port: 0) }

    /// Any address of this host.
    public static func any(isIPv6: Bool, port: UInt16) -> InternetAddress {
        isIPv6 ? InternetAddress(ipv6High: 0, low: 0, port: port) : InternetAddress(ipv4: 0, port: port)
    }

    public var isIPv6: Bool { family == UInt16(AF_INET6) }

    /// 224.0.0.0/4 or ff00::/8.
    public var isMulticast: Bool { isIPv6 ? high >> 56 == 0xff : low >> 28 == 0xe }

    /// The same host, whatever the port.
    @inline(__always)
    public func isSameHost(as other: InternetAddress) -> Bool {
        high == other.high && low == other.low && family == other.family && (scope == other.scope || scope == 0)
    }

    /// Well mixed bits of the address, the port excluded.
    public var hash: UInt64 { (high &* 0x9e37_79b9_7f4a_7c15) ^ low }

    /// `192.0.2.1:4789`, `[2001:db8::1]:4789`.
    public var description: String { isIPv6 ? "[\(hostText)]:\(port)" : "\(hostText):\(port)" }

    /// `192.0.2.1`, `2001:db8::1`.
    public var hostText: String {
        var text = [CChar](repeating: 0, count: 64)
        if isIPv6 {
            var address = in6_addr()
            unsafe withUnsafeMutableBytes(of: &address) { bytes in
                unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            unsafe inet_ntop(AF_INET6, &address, &text, 64)
        } else {
            var address = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
            unsafe inet_ntop(AF_INET, &address, &text, 64)
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Names to addresses, getaddrinfo(3). It asks name servers and waits: for the control thread only.
public enum NameLookUp {
    /// Why a name has no address, in the resolver's words.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    public enum Family: Sendable {
        case any, ipv4, ipv6

        fileprivate var number: Int32 {
            switch self {
            case .any: AF_UNSPEC
            case .ipv4: AF_INET
            case .ipv6: AF_INET6
            }
        }
    }

    /// The first address of a name, or the address that a text is: `192.0.2.1`, `fe80::1%eth0`, `[::1]`.
    public static func address(
        _ name: String,
        port: UInt16,
        family: Family = .any
    ) throws(Failure) -> InternetAddress {
        var name = Substring(name)
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        guard !name.isEmpty else { throw Failure(description: "an empty host name") }
        var found = cel_peer()
        let result = unsafe cel_look_up(String(name), family.number, &found)
        guard result == 0 else {
            throw Failure(description: unsafe String(cString: gai_strerror(result)))
        }
        return found.family == UInt16(AF_INET6)
            ? InternetAddress(ipv6High: found.high, low: found.low, scope: found.scope, port: port)
            : InternetAddress(ipv4: UInt32(truncatingIfNeeded: found.low), port: port)
    }
}

/// Interfaces of the caller's network namespace.
public enum NetworkInterface {
    /// The number of a name, if_nametoindex(3).
    public static func index(_ name: String) throws(Errno) -> Int32 {
        try systemCall { unsafe cel_interface_index(name) }
    }
}
