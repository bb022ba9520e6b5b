// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Attach

/// What a server would have to say, one field at a time changeable.
struct Reply {
    var type = DHCPMessageType.offer
    var transaction: UInt32
    var hardwareAddress: MACAddress
    var operation = DHCPMessage.Operation.reply
    var address: IPv4Address = IPv4Address(192, 168, 77, 100)
    var server: IPv4Address? = IPv4Address(192, 168, 77, 2)
    var mask: IPv4Address? = IPv4Address(255, 255, 255, 0)
    var seconds: UInt32? = 3600
    var options: [(DHCPOption, [UInt8])] = []

    init(to request: DHCPMessage, type: DHCPMessageType) {
        self.type = type
        transaction = request.transactionIdentifier
        hardwareAddress = request.hardwareAddress
    }

    /// For tests of what a lease makes of it.
    init() {
        transaction = 1
        hardwareAddress = MACAddress(rawValue: 0x0200_0000_0001)
    }

    var builder: DHCPMessageBuilder {
        var builder = DHCPMessageBuilder(
            operation: operation,
            messageType: type,
            transactionIdentifier: transaction,
            hardwareAddress: hardwareAddress
        )
        builder.yourAddress = address
        if let server { builder.add(.serverIdentifier, server) }
        if let mask { builder.add(.subnetMask, mask) }
        if let seconds { builder.add(.leaseTime, seconds) }
        for (code, bytes) in options { builder.add(code, bytes: bytes) }
        return builder
    }

    /// As it arrives: through the bytes of the wire.
    var message: DHCPMessage {
        get throws { try builder.parsed }
    }
}

extension DHCPMessageBuilder {
    var parsed: DHCPMessage {
        get throws {
            var bytes = [UInt8](repeating: 0, count: byteCount)
            var span = bytes.mutableSpan
            let written = emit(into: &span)
            try #require(written == bytes.count)
            let message = DHCPMessage.parse(bytes.span)
            return try #require(message)
        }
    }
}
