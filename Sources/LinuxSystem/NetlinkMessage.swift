// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A netlink request under construction: header, fixed part, attributes (netlink(7)). Numbers are in host order, which
/// is little endian on every port of Swift to Linux.
struct NetlinkRequest {
    private(set) var bytes: [UInt8]

    /// Starts a request; `flags` are added to NLM_F_REQUEST.
    init(type: Int, flags: Int = 0, sequence: UInt32) {
        bytes = []
        append(UInt32(0))
        append(UInt16(type))
        append(UInt16(flags | Int(NLM_F_REQUEST)))
        append(sequence)
        append(UInt32(0))
    }

    mutating func append(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func attribute(_ type: Int, _ payload: [UInt8]) {
        append(UInt16(clamping: payload.count + 4))
        append(UInt16(truncatingIfNeeded: type))
        bytes += payload
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func attribute(_ type: Int, _ value: UInt32) {
        attribute(type, (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    mutating func attribute(_ type: Int, text: String) { attribute(type, Array(text.utf8) + [0]) }

    /// The whole message, its length filled in.
    var finished: [UInt8] {
        var message = bytes
        for index in 0..<4 { message[index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index)) }
        return message
    }
}

/// One message out of a netlink datagram.
struct NetlinkMessage {
    static let headerByteCount = 16

    var type: Int
    var flags: Int
    var sequence: UInt32
    /// What follows the header.
    var payload: ArraySlice<UInt8>

    /// The messages of a datagram; reading stops at the first whose length lies.
    static func split(_ datagram: ArraySlice<UInt8>) -> [NetlinkMessage] {
        var rest = datagram
        var messages: [NetlinkMessage] = []
        while let length = rest.integer(at: 0, byteCount: 4).map(Int.init),
            length >= headerByteCount, length <= rest.count,
            let type = rest.integer(at: 4, byteCount: 2), let flags = rest.integer(at: 6, byteCount: 2),
            let sequence = rest.integer(at: 8, byteCount: 4)
        {
            let payload = rest.dropFirst(headerByteCount).prefix(length - headerByteCount)
            messages.append(
                NetlinkMessage(
                    type: Int(type),
                    flags: Int(flags),
                    sequence: UInt32(truncatingIfNeeded: sequence),
                    payload: payload
                )
            )
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return messages
    }

    /// The attributes behind a fixed part of `offset` bytes, in order; reading stops at the first whose length lies.
    func attributes(from offset: Int) -> [(type: Int, payload: ArraySlice<UInt8>)] {
        var rest = payload.dropFirst(offset)
        var attributes: [(type: Int, payload: ArraySlice<UInt8>)] = []
        while let length = rest.integer(at: 0, byteCount: 2).map(Int.init), length >= 4, length <= rest.count,
            let type = rest.integer(at: 2, byteCount: 2)
        {
            // The two highest bits say "nested" and "network byte order".
            attributes.append((Int(type & 0x3fff), rest.dropFirst(4).prefix(length - 4)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return attributes
    }
}

extension ArraySlice<UInt8> {
    /// The integer of `byteCount` bytes at `offset` from the slice's start, nil when it is not all there.
    func integer(at offset: Int, byteCount: Int) -> UInt64? {
        guard offset >= 0, offset + byteCount <= count else { return nil }
        var value: UInt64 = 0
        for index in 0..<byteCount { value |= UInt64(self[startIndex + offset + index]) << UInt64(8 * index) }
        return value
    }

    /// Text up to the first NUL.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
