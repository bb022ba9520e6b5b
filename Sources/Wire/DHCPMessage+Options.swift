// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension DHCPMessage {
    /// The bytes of an option, or nil if it is absent.
    public func bytes(of code: DHCPOption) -> [UInt8]? {
        options.first { $0.code == code }?.bytes
    }

    /// Whether the client can only be reached by broadcast before it has its address (RFC 2131 section 2).
    public var wantsBroadcast: Bool { flags & 0x8000 != 0 }

    /// What the message says (option 53).
    public var messageType: DHCPMessageType? {
        guard let bytes = bytes(of: .messageType), bytes.count == 1 else { return nil }
        return DHCPMessageType(rawValue: bytes[0])
    }

    /// The address that the client would like (option 50).
    public var requestedAddress: IPv4Address? { address(.requestedAddress) }

    /// The server that is meant, or that speaks (option 54).
    public var serverIdentifier: IPv4Address? { address(.serverIdentifier) }

    /// Seconds of the lease, wished or given (option 51); `UInt32.max` is for ever.
    public var leaseTime: UInt32? { number(.leaseTime) }

    /// Seconds until the client renews, T1 (option 58).
    public var renewalTime: UInt32? { number(.renewalTime) }

    /// Seconds until the client rebinds, T2 (option 59).
    public var rebindingTime: UInt32? { number(.rebindingTime) }

    /// The network mask (option 1).
    public var subnetMask: IPv4Address? { address(.subnetMask) }

    /// Routers, preferred first (option 3).
    public var routers: [IPv4Address] { addresses(.routers) }

    /// Name servers, preferred first (option 6).
    public var domainNameServers: [IPv4Address] { addresses(.domainNameServers) }

    /// The client's name (option 12).
    public var hostName: String? { text(.hostName) }

    /// The domain in which names are looked up (option 15).
    public var domainName: String? { text(.domainName) }

    /// Why the server refuses, in words (option 56).
    public var message: String? { text(.message) }

    /// The link's MTU, at least 68 (option 26).
    public var interfaceMTU: UInt16? {
        guard let value = shortNumber(.interfaceMTU), value >= 68 else { return nil }
        return value
    }

    /// Bytes of the longest IP packet that the client takes, at least 576 (option 57).
    public var maximumMessageSize: UInt16? {
        guard let value = shortNumber(.maximumMessageSize), value >= UInt16(WireTunables.minimumDHCPLimit) else {
            return nil
        }
        return value
    }

    /// Options that the client wishes to be told, in its order (option 55).
    public var parameterRequestList: [DHCPOption] {
        (bytes(of: .parameterRequestList) ?? []).map(DHCPOption.init(rawValue:))
    }

    /// What the client calls itself, at least two bytes: a type and a value (option 61).
    public var clientIdentifier: [UInt8]? {
        guard let bytes = bytes(of: .clientIdentifier), bytes.count >= 2 else { return nil }
        return bytes
    }

    /// The search list in the compressed form of RFC 3397, as received (option 119).
    public var domainSearch: [UInt8]? { bytes(of: .domainSearch) }

    private func address(_ code: DHCPOption) -> IPv4Address? {
        number(code).map(IPv4Address.init(rawValue:))
    }

    private func addresses(_ code: DHCPOption) -> [IPv4Address] {
        guard let bytes = bytes(of: code), bytes.count % 4 == 0 else { return [] }
        return stride(from: 0, to: bytes.count, by: 4).map { IPv4Address(bytes.span, at: $0) }
    }

    private func number(_ code: DHCPOption) -> UInt32? {
        guard let bytes = bytes(of: code), bytes.count == 4 else { return nil }
        return bytes.span.readUInt32(at: 0)
    }

    private func shortNumber(_ code: DHCPOption) -> UInt16? {
        guard let bytes = bytes(of: code), bytes.count == 2 else { return nil }
        return bytes.span.readUInt16(at: 0)
    }

    /// A name of at most 255 bytes without its final zero. It ends up in logs and files, so that anything but printable
    /// ASCII counts as not said.
    private func text(_ code: DHCPOption) -> String? {
        guard var bytes = bytes(of: code) else { return nil }
        while bytes.last == 0 { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 >= 0x20 && $0 <= 0x7e }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
