// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@Suite("Headers of overlays")
struct OverlayHeaderTests {
    @Test("VXLAN: what RFC 7348 draws, and nothing else")
    func vxlan() {
        // Flags with I set, reserved, VNI 0x00002a, reserved.
        let packet: [UInt8] = [0x08, 0, 0, 0, 0, 0, 0x2a, 0]
        #expect(VXLANHeader.identifier(packet.span) == 42)
        var written = [UInt8](repeating: 0xff, count: 9)
        var span = written.mutableSpan
        #expect(VXLANHeader.emit(identifier: 42, into: &span) == 8)
        #expect(written == packet + [0xff])
        for position in 0..<8 where position < 4 || position == 7 {
            for bit in 0..<8 {
                var other = packet
                other[position] ^= 1 << bit
                #expect(VXLANHeader.identifier(other.span) == nil)
            }
        }
        for size in 0..<8 { #expect(VXLANHeader.identifier(Array(packet.prefix(size)).span) == nil) }
    }

    /// What `vec0:transport=l2tpv3,udp=1,…` of User Mode Linux puts before a frame.
    @Test(
        "L2TPv3: sessions, cookies of both sizes, counter",
        arguments: [
            (0, false, "0003000000000007"),
            (4, false, "0003000000000007deadbeef"),
            (8, false, "000300000000000701020304deadbeef"),
            (0, true, "000300000000000700000009"),
            (8, true, "000300000000000701020304deadbeef00000009"),
        ]
    )
    func l2tp(cookie: Int, counter: Bool, expected: String) {
        var framing = L2TPv3Framing(receiveSession: 7, sendSession: 7)
        framing.cookieByteCount = cookie
        framing.sendCookie = cookie == 8 ? 0x0102_0304_dead_beef : 0xdead_beef
        framing.receiveCookie = framing.sendCookie
        framing.hasCounter = counter
        var bytes = [UInt8](repeating: 0, count: 24)
        var span = bytes.mutableSpan
        let size = framing.emit(counter: 9, into: &span)
        #expect(size == framing.byteCount)
        let text = bytes.prefix(framing.byteCount).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(text == expected)
        #expect(framing.verify(bytes.span) == .valid)
        for length in 0..<framing.byteCount { #expect(framing.verify(Array(bytes.prefix(length)).span) == .malformed) }
        bytes[7] = 8
        #expect(framing.verify(bytes.span) == .otherSession)
        bytes[7] = 7
        if cookie > 0 {
            bytes[7 + cookie] ^= 1
            #expect(framing.verify(bytes.span) == .wrongCookie)
            bytes[7 + cookie] ^= 1
        }
        bytes[0] = 0x80  // A control message.
        #expect(framing.verify(bytes.span) == .malformed)
        bytes[0] = 0
        bytes[1] = 2  // L2TPv2.
        #expect(framing.verify(bytes.span) == .malformed)
    }

    /// A SYN from 10.7.0.1 to 10.7.0.2 whose checksum field holds `checksum`, and `extra` bytes of payload.
    private func segment(checksum: UInt16? = nil, extra: Int = 0) -> [UInt8] {
        let length = 20 + extra
        let total = 20 + length
        var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        frame += [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 7, 0, 1, 10, 7, 0, 2]
        let sum = InternetChecksum.checksum(frame.span, from: 14, to: 34)
        frame[24] = UInt8(sum >> 8)
        frame[25] = UInt8(sum & 255)
        let pseudo = InternetChecksum.fold(UInt64(0x0a07 + 1 + 0x0a07 + 2 + 6 + length))
        let field = checksum ?? pseudo
        frame += [0x1b, 0x59, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff]
        frame += [UInt8(field >> 8), UInt8(field & 255), 0, 0]
        return frame + (0..<extra).map { UInt8(truncatingIfNeeded: $0) }
    }

    @Test("A checksum that is only the pseudo-header's sum is known as unfinished")
    func unfinished() {
        let header = UnfinishedFrame.header(of: segment().span, packetByteLimit: 1450)
        #expect(header?.needsChecksum == true && header?.isSuperFrame == false)
        #expect(header?.checksumStart == 34 && header?.checksumOffset == 16)
        #expect(UnfinishedFrame.header(of: segment(checksum: 0x1234).span, packetByteLimit: 1450) == nil)
        let whole = segment()
        for size in 0..<whole.count {
            #expect(UnfinishedFrame.header(of: Array(whole.prefix(size)).span, packetByteLimit: 1450) == nil)
        }
    }

    @Test("A large packet of that kind becomes a super-frame whose segments fit the limit")
    func superFrame() throws {
        let frame = segment(extra: 4000)
        let found = UnfinishedFrame.header(of: frame.span, packetByteLimit: 1450)
        let header = try #require(found)
        #expect(header.gsoType == .tcpv4 && header.validate(frame: frame.span))
        let made = Segmenter(header: header, frame: frame.span)
        let segmenter = try #require(made)
        #expect(segmenter.segmentCount == 3)
        #expect(segmenter.maximumSegmentByteCount == 1450 + 14)
    }
}
