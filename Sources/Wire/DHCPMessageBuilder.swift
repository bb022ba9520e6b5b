// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Writes a DHCP message (RFC 2131, RFC 2132), of a client or of a server.
///
/// Options are collected in the order in which they are added; the message type goes first. Nothing is written unless
/// the whole message fits.
public struct DHCPMessageBuilder: Sendable {
    /// Who speaks.
    public var operation: DHCPMessage.Operation
    /// What the message says.
    public var messageType: DHCPMessageType
    /// Which question is asked or answered (`xid`).
    public var transactionIdentifier: UInt32
    /// Seconds since the client began; a server leaves it at 0.
    public var seconds: UInt16 = 0
    /// The client's flags; the highest bit asks for answers by broadcast.
    public var flags: UInt16 = 0
    /// The client's address, if it has one (`ciaddr`).
    public var clientAddress: IPv4Address = .unspecified
    /// The address that the server gives (`yiaddr`).
    public var yourAddress: IPv4Address = .unspecified
    /// The next server of a boot (`siaddr`).
    public var serverAddress: IPv4Address = .unspecified
    /// The relay (`giaddr`).
    public var gatewayAddress: IPv4Address = .unspecified
    /// The client's Ethernet address (`chaddr`).
    public var hardwareAddress: MACAddress

    /// Encoded options behind the message type.
    private var options: [UInt8] = []

    /// A message with nothing but what every message has.
    public init(
        operation: DHCPMessage.Operation,
        messageType: DHCPMessageType,
        transactionIdentifier: UInt32,
        hardwareAddress: MACAddress
    ) {
        self.operation = operation
        self.messageType = messageType
        self.transactionIdentifier = transactionIdentifier
        self.hardwareAddress = hardwareAddress
    }

    /// A server's reply to `request`: what RFC 2131 table 3 wants copied is copied.
    public init(replyTo request: DHCPMessage, messageType: DHCPMessageType) {
        self.init(
            operation: .reply,
            messageType: messageType,
            transactionIdentifier: request.transactionIdentifier,
            hardwareAddress: request.hardwareAddress
        )
        flags = request.flags
        gatewayAddress = request.gatewayAddress
    }

    /// Adds an option. Longer values than one option holds are split (RFC 3396); an empty value stays an empty option.
    public mutating func add(_ code: DHCPOption, bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        repeat {
            let part = rest.prefix(255)
            options.append(code.rawValue)
            options.append(UInt8(part.count))
            options.append(contentsOf: part)
            rest = rest.dropFirst(255)
        } while !rest.isEmpty
    }

    /// Adds an address.
    public mutating func add(_ code: DHCPOption, _ address: IPv4Address) {
        add(code, [address])
    }

    /// Adds a list of addresses; an empty list adds nothing, as such options must not be empty.
    public mutating func add(_ code: DHCPOption, _ addresses: [IPv4Address]) {
        guard !addresses.isEmpty else { return }
        add(code, bytes: addresses.flatMap { bigEndianBytes($0.rawValue, count: 4) })
    }

    /// Adds a number of 32 bits, such as seconds.
    public mutating func add(_ code: DHCPOption, _ number: UInt32) {
        add(code, bytes: bigEndianBytes(number, count: 4))
    }

    /// Adds a number of 16 bits, such as an MTU.
    public mutating func add(_ code: DHCPOption, _ number: UInt16) {
        add(code, bytes: bigEndianBytes(UInt32(number), count: 2))
    }

    /// Adds text without a final zero; an empty text adds nothing.
    public mutating func add(_ code: DHCPOption, _ text: String) {
        guard !text.isEmpty else { return }
        add(code, bytes: text.utf8)
    }

    /// Bytes of the message, padded to what BOOTP asks for (300).
    public var byteCount: Int {
        // Message type (3 bytes) and end mark (1 byte) frame the options.
        max(DHCP.Offset.options + 3 + options.count + 1, WireTunables.minimumBOOTPByteCount)
    }

    /// Writes the message at `offset` and returns its length, or nil, with nothing written, if it does not fit.
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        let byteCount = self.byteCount
        guard span.hasRoom(byteCount, at: offset) else { return nil }
        for index in offset..<(offset + byteCount) { span[index] = 0 }
        span[offset + DHCP.Offset.operation] = operation.rawValue
        span[offset + DHCP.Offset.hardwareType] = 1
        span[offset + DHCP.Offset.hardwareLength] = 6
        span.storeUInt32(transactionIdentifier, at: offset + DHCP.Offset.transactionIdentifier)
        span.storeUInt16(seconds, at: offset + DHCP.Offset.seconds)
        span.storeUInt16(flags, at: offset + DHCP.Offset.flags)
        clientAddress.store(to: &span, at: offset + DHCP.Offset.clientAddress)
        yourAddress.store(to: &span, at: offset + DHCP.Offset.yourAddress)
        serverAddress.store(to: &span, at: offset + DHCP.Offset.serverAddress)
        gatewayAddress.store(to: &span, at: offset + DHCP.Offset.gatewayAddress)
        hardwareAddress.store(to: &span, at: offset + DHCP.Offset.hardwareAddress)
        span.storeUInt32(DHCP.magicCookie, at: offset + DHCP.Offset.cookie)
        var position = offset + DHCP.Offset.options
        span[position] = DHCPOption.messageType.rawValue
        span[position + 1] = 1
        span[position + 2] = messageType.rawValue
        position += 3
        span.store(options.span, at: position)
        span[position + options.count] = DHCPOption.end.rawValue
        return byteCount
    }

    private func bigEndianBytes(_ number: UInt32, count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> UInt32(8 * $0)) }
    }
}
