// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct ICMPMessageTests {
    /// An echo request of Linux `ping`, shortened.
    let request = hex("08 00 d5 ee  12 34 00 01  de ad be ef 00")

    @Test func readsAndWrites() throws {
        var bytes = request
        bytes[2] = 0
        bytes[3] = 0
        let checksum = ChecksumOracle.checksum(bytes)
        bytes[2] = UInt8(checksum >> 8)
        bytes[3] = UInt8(checksum & 0xff)
        let message = try #require(ICMPMessage.parse(bytes))
        #expect(message == ICMPMessage(type: 8, identifier: 0x1234, sequence: 1))
        #expect(message.identifier == 0x1234 && message.sequence == 1)
        let written = emitted(13) { span in
            span.store(bytes.span, 8..<13, at: 8)
            message.emit(into: &span, at: 0, messageByteCount: 13)
            return 13
        }
        #expect(written == bytes)
        bytes[12] ^= 1
        #expect(ICMPMessage.parse(bytes) == nil)
        #expect(ICMPMessage.parse(bytes, verifyChecksum: false) == message)
    }

    @Test func refusesTruncations() {
        for length in 0..<8 { #expect(ICMPMessage.parse(Array(request[..<length]), verifyChecksum: false) == nil) }
        #expect(emitted(12) { ICMPMessage(type: 8).emit(into: &$0, at: 0, messageByteCount: 13) } == nil)
        #expect(emitted(12) { ICMPMessage(type: 8).emit(into: &$0, at: 0, messageByteCount: 7) } == nil)
    }
}

struct ICMPEchoTests {
    private func request(isIPv6: Bool, tag: Bool = false, length: Int = 56) -> [UInt8] {
        var frame = hex("02 00 00 00 00 02  02 00 00 00 00 01") + (tag ? hex("81 00 00 05") : [])
        var message = [isIPv6 ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 1] + (0..<length).map { UInt8($0) }
        if isIPv6 {
            let addresses = hex(
                "fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02"
            )
            let sum = ChecksumOracle.checksum(addresses + [0, 0, 0, UInt8(message.count), 0, 0, 0, 58] + message)
            message[2] = UInt8(sum >> 8)
            message[3] = UInt8(sum & 0xff)
            frame += hex("86 dd  60 00 00 00") + [0, UInt8(message.count), 58, 255] + addresses
        } else {
            let sum = ChecksumOracle.checksum(message)
            message[2] = UInt8(sum >> 8)
            message[3] = UInt8(sum & 0xff)
            var header =
                hex("45 00 00") + [UInt8(20 + message.count)] + hex("00 01 40 00 3f 01 00 00 0a 00 00 01 0a 00 00 02")
            let headerSum = ChecksumOracle.checksum(header)
            header[10] = UInt8(headerSum >> 8)
            header[11] = UInt8(headerSum & 0xff)
            frame += hex("08 00") + header
        }
        return frame + message
    }

    private func reply(_ frame: inout [UInt8]) -> Bool {
        var span = frame.mutableSpan
        return ICMPEcho.makeReply(inPlace: &span)
    }

    @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
    func answersInPlace(_ isIPv6: Bool, _ tag: Bool) {
        let request = request(isIPv6: isIPv6, tag: tag)
        var frame = request
        #expect(reply(&frame))
        #expect(Array(frame[0..<6]) == Array(request[6..<12]) && Array(frame[6..<12]) == Array(request[0..<6]))
        let network = tag ? 18 : 14
        let packet = Array(frame[network...]), asked = Array(request[network...])
        #expect(Array(frame[12..<network]) == Array(request[12..<network]))
        if isIPv6 {
            #expect(packet[8..<24] == asked[24..<40] && packet[24..<40] == asked[8..<24])
            #expect(packet[7] == 64 && packet[40] == 129)
            #expect(ChecksumOracle.transportIsIntact(ip: packet))
            #expect(packet[44...] == asked[44...])
        } else {
            #expect(packet[12..<16] == asked[16..<20] && packet[16..<20] == asked[12..<16])
            #expect(packet[8] == 64 && packet[20] == 0)
            #expect(ChecksumOracle.headerIsIntact(ipv4: packet))
            #expect(ChecksumOracle.sum(packet[20...]) == 0xffff)
            #expect(packet[24...] == asked[24...])
        }
    }

    @Test func aReplyIsNotAnsweredAgain() {
        var frame = request(isIPv6: false)
        #expect(reply(&frame))
        let answered = frame
        #expect(!reply(&frame))
        #expect(frame == answered)
    }

    @Test func truncationsAndGroupsAreNotAnswered() {
        for isIPv6 in [false, true] {
            let whole = request(isIPv6: isIPv6)
            for length in 0..<whole.count {
                var frame = Array(whole[..<length])
                #expect(!reply(&frame))
            }
        }
        var group = request(isIPv6: true)
        group[38] = 0xff
        #expect(!reply(&group))
    }
}

struct ICMPErrorTests {
    private func datagram(
        _ payloadByteCount: Int,
        protocolNumber: UInt8 = 17,
        _ change: (inout IPv4Header) -> Void = { _ in }
    ) -> [UInt8] {
        var header = IPv4Header(
            source: IPv4Address(10, 0, 0, 2),
            destination: IPv4Address(192, 0, 2, 1),
            protocolNumber: protocolNumber,
            totalByteCount: 20 + payloadByteCount
        )
        change(&header)
        var bytes = [UInt8](repeating: 0, count: 20 + payloadByteCount)
        for index in 20..<bytes.count { bytes[index] = UInt8(truncatingIfNeeded: index) }
        var span = bytes.mutableSpan
        header.emit(into: &span, at: 0)
        return bytes
    }

    private func report(_ error: ICMPError = .portUnreachable, about packet: [UInt8], room: Int = 600) -> [UInt8]? {
        emitted(room) { span in
            error.emit(source: IPv4Address(10, 0, 0, 1), quoting: packet.span, at: 0, into: &span, at: 0)
        }
    }

    @Test(arguments: [0, 1, 8, 100, 527, 528, 529, 1480, 9000])
    func quotesTheOriginalUpTo576Bytes(_ payloadByteCount: Int) throws {
        let original = datagram(payloadByteCount)
        let packet = try #require(report(about: original + [1, 2, 3]))  // padding is not quoted
        #expect(packet.count == min(28 + original.count, 576))
        #expect(ChecksumOracle.headerIsIntact(ipv4: packet))
        let header = try #require(IPv4Header.parse(packet))
        #expect(header.source == IPv4Address(10, 0, 0, 1) && header.destination == IPv4Address(10, 0, 0, 2))
        #expect(header.protocolNumber == IPProtocol.icmp && header.totalByteCount == packet.count)
        #expect(ICMPMessage.parse(packet, at: 20) == ICMPMessage(type: 3, code: 3))
        #expect(packet[28...] == original[..<(packet.count - 28)])
    }

    @Test func tellsTheNextHopsMTU() throws {
        let packet = try #require(report(.fragmentationNeeded(nextHopMTU: 1400), about: datagram(1480)))
        #expect(ICMPMessage.parse(packet, at: 20) == ICMPMessage(type: 3, code: 4, restOfHeader: 1400))
    }

    @Test func isNotSentAboutWhatMustNotBeReported() {
        #expect(report(about: datagram(8)) != nil)
        #expect(report(about: datagram(8) { $0.destination = .broadcast }) == nil)
        #expect(report(about: datagram(8) { $0.destination = IPv4Address(224, 0, 0, 251) }) == nil)
        #expect(report(about: datagram(8) { $0.source = .unspecified }) == nil)
        #expect(report(about: datagram(8) { $0.source = IPv4Address(127, 0, 0, 1) }) == nil)
        #expect(report(about: datagram(8) { $0.source = .broadcast }) == nil)
        #expect(report(about: datagram(8) { $0.fragmentOffset = 8 }) == nil)
        #expect(report(about: datagram(8) { $0.moreFragments = true }) != nil)
        var error = datagram(8, protocolNumber: 1)
        error[20] = ICMPMessage.Kind.destinationUnreachable
        #expect(report(about: error) == nil)
        error[20] = ICMPMessage.Kind.echoRequest
        #expect(report(about: error) != nil)
        #expect(report(about: datagram(0, protocolNumber: 1)) == nil)
    }

    @Test func quotesNothingThatWasNotReceived() {
        let original = datagram(100)
        for length in 0..<original.count { #expect(report(about: Array(original[..<length])) == nil) }
    }

    @Test func writesNothingThatDoesNotFit() {
        #expect(report(about: datagram(100), room: 147) == nil)
        #expect(report(about: datagram(100), room: 148)?.count == 148)
    }
}
