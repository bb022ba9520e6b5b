// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An address of either Internet protocol.
public enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(IPv4Address)
    case v6(IPv6Address)

    /// Parses dotted decimal or the text form of RFC 4291.
    public init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }

    /// In network order, as netlink wants them.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let address): (0..<4).map { UInt8(truncatingIfNeeded: address.rawValue >> UInt32(24 - 8 * $0)) }
        case .v6(let address):
            (0..<16).map {
                UInt8(truncatingIfNeeded: ($0 < 8 ? address.high : address.low) >> UInt64(56 - 8 * ($0 % 8)))
            }
        }
    }
}

/// An interface's address with the length of its network prefix.
public struct InterfaceAddress: Hashable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    public let prefixLength: Int

    /// Nil when the prefix is longer than the address.
    public init?(address: IPAddress, prefixLength: Int) {
        let limit = if case .v4 = address { 32 } else { 128 }
        guard (0...limit).contains(prefixLength) else { return nil }
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Parses `ADDRESS/PREFIX`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let length = Int(parts[1]) else { return nil }
        self.init(address: address, prefixLength: length)
    }

    public var description: String { "\(address)/\(prefixLength)" }

    /// Whether `other` is on this address's network.
    public func contains(_ other: IPAddress) -> Bool {
        let (mine, others) = (address.bytes, other.bytes)
        guard mine.count == others.count else { return false }
        for index in 0..<mine.count {
            let bits = min(max(prefixLength - 8 * index, 0), 8)
            let mask = ~UInt8(truncatingIfNeeded: 0xff >> bits)
            if (mine[index] ^ others[index]) & mask != 0 { return false }
        }
        return true
    }
}
