// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// An address of either family, as the log of addresses knows it.
public enum LoggedAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(IPv4Address)
    case v6(IPv6Address)

    init?(_ text: String) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    /// The source of the packet in a frame; nil when it holds none, or none that names somebody.
    public init?(sourceOf frame: borrowing EthernetFrame) {
        let payload = frame.payload
        switch frame.type {
        case .ipv4:
            guard payload.count >= IPv4Header.byteCount, payload[0] >> 4 == 4 else { return nil }
            let address = IPv4Address(payload, at: 12)
            if address.rawValue == 0 { return nil }
            self = .v4(address)
        case .ipv6:
            guard payload.count >= IPv6Header.byteCount, payload[0] >> 4 == 6 else { return nil }
            let address = IPv6Address(payload, at: 8)
            if address.isUnspecified { return nil }
            self = .v6(address)
        default: return nil
        }
    }

    public var isVersion4: Bool { if case .v4 = self { true } else { false } }

    /// The address of its network: without the bits behind the prefix.
    fileprivate func network(_ prefixLength: Int) -> LoggedAddress {
        /// The upper bits of a half of so many.
        func mask(_ count: Int) -> UInt64 { count <= 0 ? 0 : count >= 64 ? .max : .max << UInt64(64 - count) }
        switch self {
        case .v4(let address):
            return .v4(IPv4Address(rawValue: address.rawValue & UInt32(truncatingIfNeeded: mask(prefixLength) >> 32)))
        case .v6(let address):
            return .v6(
                IPv6Address(high: address.high & mask(prefixLength), low: address.low & mask(prefixLength - 64))
            )
        }
    }

    public var description: String {
        switch self {
        case .v4(let address): "\(address)"
        case .v6(let address): "\(address)"
        }
    }

    /// As the log writes it: `ipv4 10.0.0.5`.
    var logText: String { (isVersion4 ? "ipv4 " : "ipv6 ") + description }
}

/// The addresses that are logged: one network.
struct AddressRange: Hashable {
    let address: LoggedAddress
    let prefixLength: Int

    /// `10.0.0.0/24`, `10.0.0.0/255.255.255.0`, `fc00::/64`, or one address; what follows a blank is passed over.
    init?(_ text: String) {
        let parts = text.prefix { !ConsoleArgument.isBlank($0) }.split(
            separator: "/",
            maxSplits: 1,
            omittingEmptySubsequences: false
        ).map(String.init)
        guard let address = LoggedAddress(parts[0]) else { return nil }
        let width = address.isVersion4 ? 32 : 128
        var length = width
        if parts.count == 2 {
            if let number = Int(parts[1]), (0...width).contains(number) {
                length = number
            } else if let mask = IPv4Address(parts[1]), case .v4(let network) = address,
                let parsed = IPv4Network(address: network, mask: mask)
            {
                length = parsed.prefixLength
            } else {
                return nil
            }
        }
        self.address = address.network(length)
        prefixLength = length
    }

    func contains(_ other: LoggedAddress) -> Bool {
        guard other.isVersion4 == address.isVersion4 else { return false }
        return other.network(prefixLength) == address
    }

    /// As `iplog/list` shows it.
    var listText: String { "  \(address.isVersion4 ? "ipv4" : "ipv6"): \(address)/\(prefixLength)" }
}
