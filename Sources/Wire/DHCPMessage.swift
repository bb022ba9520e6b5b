// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Theory of Operation
//
// A DHCP message (RFC 2131) is a BOOTP message of fixed fields with a list of options behind. The same value serves the
// server, which reads what clients sent, and the client, which reads what servers sent; `DHCPMessageBuilder` writes for
// both.
//
// Parsing walks the options once, over a copy of their bytes. The walk is bounded by the received bytes; an option that
// is cut short ends it. With option 52 the `file` and `sname` fields hold options as well (RFC 2131 section 4.1). An
// option that occurs more than once is one long option (RFC 3396). Accessors give nil for an option that is absent or
// has an impossible length: what a client says wrongly counts as not said.

/// A received DHCP message.
public struct DHCPMessage: Hashable, Sendable {
    /// Who speaks.
    public enum Operation: UInt8, Hashable, Sendable {
        /// A client.
        case request = 1
        /// A server.
        case reply = 2
    }

    /// Who speaks.
    public var operation: Operation
    /// Chosen by the client to find answers to its question (`xid`).
    public var transactionIdentifier: UInt32
    /// Seconds since the client began.
    public var seconds: UInt16
    /// The highest bit asks for answers by broadcast; the others are zero.
    public var flags: UInt16
    /// The client's address, if it has one and can answer ARP (`ciaddr`).
    public var clientAddress: IPv4Address
    /// The address that the server gives (`yiaddr`).
    public var yourAddress: IPv4Address
    /// The next server of a boot (`siaddr`).
    public var serverAddress: IPv4Address
    /// The relay through which the client speaks (`giaddr`).
    public var gatewayAddress: IPv4Address
    /// The client's Ethernet address (`chaddr`).
    public var hardwareAddress: MACAddress
    /// Options in the order of their first occurrence.
    public var options: [Option]

    /// One option, parts joined.
    public struct Option: Hashable, Sendable {
        /// The number.
        public var code: DHCPOption
        /// The value without number and length.
        public var bytes: [UInt8]

        /// An option of that number and value.
        public init(code: DHCPOption, bytes: [UInt8]) {
            self.code = code
            self.bytes = bytes
        }
    }

    /// Bytes of the fixed fields and the magic cookie.
    public static let minimumByteCount = 240

    /// Reads the payload of a UDP datagram.
    ///
    /// - Returns: nil if it is cut short, not for Ethernet, or without the magic cookie (plain BOOTP).
    public static func parse(_ span: Span<UInt8>) -> DHCPMessage? {
        guard span.count >= minimumByteCount,
            let operation = Operation(rawValue: span[DHCP.Offset.operation]),
            span[DHCP.Offset.hardwareType] == 1, span[DHCP.Offset.hardwareLength] == 6,
            span.readUInt32(at: DHCP.Offset.cookie) == DHCP.magicCookie
        else { return nil }
        return DHCPMessage(
            operation: operation,
            transactionIdentifier: span.readUInt32(at: DHCP.Offset.transactionIdentifier),
            seconds: span.readUInt16(at: DHCP.Offset.seconds),
            flags: span.readUInt16(at: DHCP.Offset.flags),
            clientAddress: IPv4Address(span, at: DHCP.Offset.clientAddress),
            yourAddress: IPv4Address(span, at: DHCP.Offset.yourAddress),
            serverAddress: IPv4Address(span, at: DHCP.Offset.serverAddress),
            gatewayAddress: IPv4Address(span, at: DHCP.Offset.gatewayAddress),
            hardwareAddress: MACAddress(span, at: DHCP.Offset.hardwareAddress),
            options: parseOptions(span)
        )
    }

    private static func parseOptions(_ span: Span<UInt8>) -> [Option] {
        var options: [Option] = []
        append(to: &options, from: span, DHCP.Offset.options..<span.count)
        let overload = options.first { $0.code == .overload }?.bytes.first ?? 0
        // RFC 2131 section 4.1: first the options field, then file, then sname.
        if overload & 1 != 0 { append(to: &options, from: span, DHCP.Offset.file..<DHCP.Offset.cookie) }
        if overload & 2 != 0 { append(to: &options, from: span, DHCP.Offset.serverName..<DHCP.Offset.file) }
        return options
    }

    private static func append(to options: inout [Option], from span: Span<UInt8>, _ range: Range<Int>) {
        var position = range.lowerBound
        while position < range.upperBound {
            let code = DHCPOption(rawValue: span[position])
            position += 1
            if code == .end { return }
            if code == .pad { continue }
            guard position < range.upperBound else { return }
            let length = Int(span[position])
            position += 1
            guard length <= range.upperBound - position else { return }
            let index =
                options.firstIndex { $0.code == code }
                ?? {
                    options.append(Option(code: code, bytes: []))
                    return options.count - 1
                }()
            for offset in position..<(position + length) { options[index].bytes.append(span[offset]) }
            position += length
        }
    }
}
