// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Numbers of DHCP options (RFC 2132 unless said otherwise).
public struct DHCPOption: RawRepresentable, Hashable, Sendable {
    /// The number as on the wire.
    public let rawValue: UInt8

    /// Any number is an option, known here or not.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Fills up; has no length.
    public static let pad = DHCPOption(rawValue: 0)
    /// The network mask.
    public static let subnetMask = DHCPOption(rawValue: 1)
    /// Routers, preferred first.
    public static let routers = DHCPOption(rawValue: 3)
    /// Name servers, preferred first.
    public static let domainNameServers = DHCPOption(rawValue: 6)
    /// The client's name.
    public static let hostName = DHCPOption(rawValue: 12)
    /// The domain in which names are looked up.
    public static let domainName = DHCPOption(rawValue: 15)
    /// The link's MTU, in bytes.
    public static let interfaceMTU = DHCPOption(rawValue: 26)
    /// The network's broadcast address.
    public static let broadcastAddress = DHCPOption(rawValue: 28)
    /// The address that the client would like.
    public static let requestedAddress = DHCPOption(rawValue: 50)
    /// Seconds.
    public static let leaseTime = DHCPOption(rawValue: 51)
    /// Whether `file` and `sname` hold options too.
    public static let overload = DHCPOption(rawValue: 52)
    /// What the message says; see `DHCPMessageType`.
    public static let messageType = DHCPOption(rawValue: 53)
    /// The server that is meant, or that speaks.
    public static let serverIdentifier = DHCPOption(rawValue: 54)
    /// Numbers of the options that the client wishes to be told.
    public static let parameterRequestList = DHCPOption(rawValue: 55)
    /// Why a request was refused, in words.
    public static let message = DHCPOption(rawValue: 56)
    /// Longest message that the client takes, in bytes of the IP packet.
    public static let maximumMessageSize = DHCPOption(rawValue: 57)
    /// Seconds until the client asks its own server again (T1).
    public static let renewalTime = DHCPOption(rawValue: 58)
    /// Seconds until the client asks any server (T2).
    public static let rebindingTime = DHCPOption(rawValue: 59)
    /// What kind of client this is.
    public static let vendorClassIdentifier = DHCPOption(rawValue: 60)
    /// What the client calls itself.
    public static let clientIdentifier = DHCPOption(rawValue: 61)
    /// RFC 3397.
    public static let domainSearch = DHCPOption(rawValue: 119)
    /// RFC 3442.
    public static let classlessStaticRoute = DHCPOption(rawValue: 121)
    /// Ends the options; has no length.
    public static let end = DHCPOption(rawValue: 255)
}

/// What a DHCP message says (RFC 2132 section 9.6).
public enum DHCPMessageType: UInt8, Hashable, Sendable {
    case discover = 1
    case offer = 2
    case request = 3
    case decline = 4
    case acknowledge = 5
    case negativeAcknowledge = 6
    case release = 7
    case inform = 8
}

/// Fixed numbers of DHCP over IPv4 (RFC 2131).
public enum DHCP {
    /// UDP port of servers.
    public static let serverPort: UInt16 = 67
    /// UDP port of clients.
    public static let clientPort: UInt16 = 68
    /// The four bytes that tell DHCP options from older vendor data (RFC 2132 section 2).
    public static let magicCookie: UInt32 = 0x6382_5363

    /// Where the fields of a BOOTP message lie (RFC 2131 figure 1).
    enum Offset {
        static let operation = 0
        static let hardwareType = 1
        static let hardwareLength = 2
        static let transactionIdentifier = 4
        static let seconds = 8
        static let flags = 10
        static let clientAddress = 12
        static let yourAddress = 16
        static let serverAddress = 20
        static let gatewayAddress = 24
        static let hardwareAddress = 28
        static let serverName = 44
        static let file = 108
        static let cookie = 236
        static let options = 240
    }
}
