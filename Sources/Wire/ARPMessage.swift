// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An address resolution message for IPv4 over Ethernet (RFC 826); other hardware and protocols do not parse.
@frozen
public struct ARPMessage: Hashable, Sendable {
    /// What a message asks or tells.
    @frozen
    public struct Operation: RawRepresentable, Hashable, Sendable {
        /// The number as on the wire.
        public let rawValue: UInt16

        /// Any number is an operation, known here or not.
        @inlinable
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// "Who has the target's IP address?"
        public static let request = Operation(rawValue: 1)
        /// "The sender has."
        public static let reply = Operation(rawValue: 2)
    }

    /// Bytes of a message for IPv4 over Ethernet. The frame around it may have padding behind.
    public static let byteCount = 28

    /// What is asked or told.
    public var operation: Operation
    /// The sender's Ethernet address.
    public var senderMAC: MACAddress
    /// The sender's address; 0.0.0.0 in a probe (RFC 5227).
    public var senderIP: IPv4Address
    /// Zero in a request.
    public var targetMAC: MACAddress
    /// The address that is asked for, in a request.
    public var targetIP: IPv4Address

    /// A message of these fields.
    @inlinable
    public init(
        operation: Operation,
        senderMAC: MACAddress,
        senderIP: IPv4Address,
        targetMAC: MACAddress,
        targetIP: IPv4Address
    ) {
        self.operation = operation
        self.senderMAC = senderMAC
        self.senderIP = senderIP
        self.targetMAC = targetMAC
        self.targetIP = targetIP
    }

    /// Reads the message at `offset`, or nil if it is cut short or not for IPv4 over Ethernet.
    @inlinable
    public static func parse(_ span: Span<UInt8>, at offset: Int) -> ARPMessage? {
        guard span.hasBytes(byteCount, at: offset),
            span.readUInt16(at: offset) == Fixed.hardwareEthernet,
            span.readUInt16(at: offset &+ 2) == EtherType.ipv4.rawValue,
            span[offset &+ 4] == 6, span[offset &+ 5] == 4
        else { return nil }
        return ARPMessage(
            operation: Operation(rawValue: span.readUInt16(at: offset &+ 6)),
            senderMAC: MACAddress(span, at: offset &+ 8),
            senderIP: IPv4Address(span, at: offset &+ 14),
            targetMAC: MACAddress(span, at: offset &+ 18),
            targetIP: IPv4Address(span, at: offset &+ 24)
        )
    }

    /// Writes the message at `offset` and returns its length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(ARPMessage.byteCount, at: offset) else { return nil }
        span.storeUInt16(Fixed.hardwareEthernet, at: offset)
        span.storeUInt16(EtherType.ipv4.rawValue, at: offset &+ 2)
        span[offset &+ 4] = 6
        span[offset &+ 5] = 4
        span.storeUInt16(operation.rawValue, at: offset &+ 6)
        senderMAC.store(to: &span, at: offset &+ 8)
        senderIP.store(to: &span, at: offset &+ 14)
        targetMAC.store(to: &span, at: offset &+ 18)
        targetIP.store(to: &span, at: offset &+ 24)
        return ARPMessage.byteCount
    }

    /// The reply that tells that `mac` has the wanted address.
    @inlinable
    public func reply(from mac: MACAddress) -> ARPMessage {
        ARPMessage(
            operation: .reply,
            senderMAC: mac,
            senderIP: targetIP,
            targetMAC: senderMAC,
            targetIP: senderIP
        )
    }

    /// Numbers that are the same in every message that we accept.
    @usableFromInline
    enum Fixed {
        @usableFromInline static let hardwareEthernet: UInt16 = 1
    }
}
