// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An address with the length of its network prefix, as `192.168.77.1/24` (CIDR notation, RFC 4632).
///
/// The host part of the address is kept: the same value says "this interface's address" and "this network".
@frozen
public struct IPv4Network: Hashable, Sendable {
    /// The address as given, host part included.
    public let address: IPv4Address

    /// Bits of the network prefix, 0 to 32.
    public let prefixLength: Int

    /// A network of `prefixLength` bits around `address`, or nil if the length is not in 0...32.
    @inlinable
    public init?(address: IPv4Address, prefixLength: Int) {
        guard prefixLength >= 0, prefixLength <= 32 else { return nil }
        self.address = address
        self.prefixLength = prefixLength
    }

    /// A network of `mask` around `address`, or nil if the mask's ones are not contiguous.
    @inlinable
    public init?(address: IPv4Address, mask: IPv4Address) {
        let hostBits = ~mask.rawValue
        guard hostBits & (hostBits &+ 1) == 0 else { return nil }
        self.init(address: address, prefixLength: hostBits.leadingZeroBitCount)
    }

    /// The network mask: 255.255.255.0 for /24.
    @inlinable
    public var mask: IPv4Address {
        IPv4Address(rawValue: prefixLength == 0 ? 0 : UInt32.max << UInt32(truncatingIfNeeded: 32 &- prefixLength))
    }

    /// The address with a zero host part.
    @inlinable
    public var networkAddress: IPv4Address { IPv4Address(rawValue: address.rawValue & mask.rawValue) }

    /// The address with a host part of ones, to which the whole network listens.
    ///
    /// Networks of 31 and 32 bits have none (RFC 3021); for them this is the last address.
    @inlinable
    public var broadcastAddress: IPv4Address { IPv4Address(rawValue: address.rawValue | ~mask.rawValue) }

    /// Whether `other` has the same network prefix.
    @inlinable
    public func contains(_ other: IPv4Address) -> Bool {
        (other.rawValue ^ address.rawValue) & mask.rawValue == 0
    }

    /// The `number`th address of the network, host(0) being the network address; nil when it is outside of it.
    @inlinable
    public func host(_ number: Int) -> IPv4Address? {
        guard number >= 0, UInt64(truncatingIfNeeded: number) <= UInt64(~mask.rawValue) else { return nil }
        return IPv4Address(rawValue: networkAddress.rawValue | UInt32(truncatingIfNeeded: number))
    }
}

extension IPv4Network: CustomStringConvertible, LosslessStringConvertible {
    /// Parses `address/length`; a bare address is a network of 32 bits.
    public init?(_ text: some StringProtocol) {
        let parts = Substring(text).split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPv4Address(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(address: address, prefixLength: 32)
            return
        }
        guard let length = strictDecimal(parts[1], limit: 32) else { return nil }
        self.init(address: address, prefixLength: length)
    }

    /// Parses `address/length`.
    public init?(_ description: String) {
        self.init(description[...])
    }

    /// `address/length`, with the address as given.
    public var description: String { "\(address)/\(prefixLength)" }
}
