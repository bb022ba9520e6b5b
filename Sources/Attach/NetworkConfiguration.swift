// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// One interface of a stack: the network that it joins and how it is configured there.
///
/// The whole fits one string: the network, then words separated by commas (see `init(parsing:)`).
///
///     vde:///tmp/vde,if=vd0,ip=192.168.77.100/24,gw=192.168.77.2,dns=192.168.77.3
///     /tmp/vde,dhcp
///     /tmp/vde,slaac
public struct NetworkConfiguration: Hashable, Sendable {
    /// The network to join, as given: a URL or a switch's directory. Empty: the interface is joined to nothing.
    public var network: String
    /// Nil: `vd` and the number of the interface in its stack.
    public var interfaceName: String?
    /// Nil: a random, locally administered one.
    public var hardwareAddress: MACAddress?
    /// Bytes of the largest packet; nil: 1500.
    public var mtu: Int?
    public var addresses: [InterfaceAddress] = []
    /// Default routes, at most one of each protocol.
    public var gateways: [IPAddress] = []
    public var nameServers: [IPAddress] = []
    /// Domains in which short names are looked up.
    public var searchDomains: [String] = []
    /// Asks for an IPv4 address by DHCP (RFC 2131).
    public var usesDHCP = false
    /// Waits for an IPv6 address by stateless autoconfiguration (RFC 4862).
    public var usesAutoconfiguration = false
    /// Of the two above, whichever answers first is enough.
    public var takesWhatComes = false

    /// An interface on `network` with no address.
    public init(network: String) { self.network = network }

    /// Nothing is asked for: the user configures with `ip`. The interface is brought up nevertheless.
    public var isUnconfigured: Bool { addresses.isEmpty && !usesDHCP && !usesAutoconfiguration }

    /// The limits that the kernel has for a tap: 65,535 bytes of frame less 14 of header (drivers/net/tun.c); 68 is the
    /// smallest of IPv4 (RFC 791).
    public static let mtuLimits = 68...65521
    /// Bytes of a name: IFNAMSIZ less its NUL.
    public static let maximumNameByteCount = 15
    /// Interfaces of one stack.
    public static let maximumCount = 16
}

/// What is wrong with a configuration: the word, its value and the limit, with a hint.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The word at fault, as written.
    public let word: String
    public let message: String
    public let hint: String?

    public init(word: String, message: String, hint: String? = nil) {
        self.word = word
        self.message = message
        self.hint = hint
    }

    public var description: String { "\"\(word)\": \(message)" + (hint.map { "; \($0)" } ?? "") }
}
