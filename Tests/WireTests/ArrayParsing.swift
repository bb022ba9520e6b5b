// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

// Parsers over arrays: `#expect` and `#require` keep copies of what they are given, which spans do not allow.

extension ARPMessage {
    static func parse(_ bytes: [UInt8], at offset: Int = 0) -> ARPMessage? { parse(bytes.span, at: offset) }
}

extension IPv4Header {
    static func parse(
        _ bytes: [UInt8],
        at offset: Int = 0,
        availableByteCount: Int? = nil,
        verifyChecksum: Bool = true
    ) -> IPv4Header? {
        parse(bytes.span, at: offset, availableByteCount: availableByteCount, verifyChecksum: verifyChecksum)
    }
}

extension IPv6Header {
    static func parse(_ bytes: [UInt8], at offset: Int = 0, availableByteCount: Int? = nil) -> IPv6Header? {
        parse(bytes.span, at: offset, availableByteCount: availableByteCount)
    }

    static func upperLayer(_ bytes: [UInt8], at offset: Int = 0) -> IPv6UpperLayer? {
        parse(bytes.span, at: offset)?.upperLayer(bytes.span, at: offset)
    }
}

extension TCPHeader {
    static func parse(_ bytes: [UInt8], at offset: Int = 0, segmentByteCount: Int? = nil) -> TCPHeader? {
        parse(bytes.span, at: offset, segmentByteCount: segmentByteCount ?? bytes.count - offset)
    }

    static func options(_ bytes: [UInt8], at offset: Int = 0) -> TCPOptions? {
        parse(bytes, at: offset)?.options(bytes.span, at: offset)
    }
}

extension TCPOptions {
    static func parse(_ bytes: [UInt8]) -> TCPOptions { parse(bytes.span, from: 0, to: bytes.count) }
}

extension UDPHeader {
    static func parse(_ bytes: [UInt8], at offset: Int = 0, availableByteCount: Int? = nil) -> UDPHeader? {
        parse(bytes.span, at: offset, availableByteCount: availableByteCount ?? bytes.count - offset)
    }
}

extension ICMPMessage {
    static func parse(_ bytes: [UInt8], at offset: Int = 0, verifyChecksum: Bool = true) -> ICMPMessage? {
        parse(bytes.span, at: offset, messageByteCount: bytes.count - offset, verifyChecksum: verifyChecksum)
    }
}

extension VirtioNetHeader {
    static func parse(_ bytes: [UInt8]) -> VirtioNetHeader? { parse(bytes.span) }
}

extension Segmenter {
    init?(header: VirtioNetHeader, frame: [UInt8]) {
        self.init(header: header, frame: frame.span)
    }

    /// All segments, in order.
    func segments(of frame: [UInt8]) -> [[UInt8]] {
        (0..<segmentCount).map { index in
            var room = [UInt8](repeating: 0xee, count: maximumSegmentByteCount)
            var target = room.mutableSpan
            let length = emit(index, from: frame.span, into: &target)
            return Array(room[..<length])
        }
    }
}

extension DHCPMessage {
    static func parse(_ bytes: [UInt8]) -> DHCPMessage? { parse(bytes.span) }
}

extension DNSHeader {
    static func parse(_ bytes: [UInt8]) -> DNSHeader? { parse(bytes.span) }
}

extension DNSQuestion {
    static func parse(_ bytes: [UInt8], at offset: Int = DNSHeader.byteCount) -> DNSQuestion? {
        parse(bytes.span, at: offset)
    }
}
