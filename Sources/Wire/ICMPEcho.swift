// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Answers to echo requests ("ping"), made in the frame that asked (RFC 792, RFC 1122 section 3.2.2.6, RFC 4443).
public enum ICMPEcho {
    /// Turns the echo request frame into its reply: addresses of both layers swap, type and checksums follow.
    ///
    /// Swapping addresses leaves every checksum as it was. The data is not touched, so that a wrong checksum stays
    /// wrong and a checksum left to the device stays so.
    ///
    /// - Parameters:
    ///   - frame: an Ethernet frame with up to two VLAN tags and an IPv4 or IPv6 echo request.
    ///   - timeToLive: time to live, or hop limit, of the reply.
    /// - Returns: false, with nothing changed, if this is not a whole echo request to one host. Packets with IPv4
    ///   options or IPv6 extension headers, and requests to groups, are not answered here.
    public static func makeReply(inPlace frame: inout MutableSpan<UInt8>, timeToLive: UInt8 = 64) -> Bool {
        guard let place = locateRequest(frame.span) else { return false }
        let destination = MACAddress(frame.span, at: Ethernet.Offset.destination)
        let source = MACAddress(frame.span, at: Ethernet.Offset.source)
        source.store(to: &frame, at: Ethernet.Offset.destination)
        destination.store(to: &frame, at: Ethernet.Offset.source)
        if place.isIPv6 {
            let asker = IPv6Address(frame.span, at: place.network &+ 8)
            IPv6Address(frame.span, at: place.network &+ 24).store(to: &frame, at: place.network &+ 8)
            asker.store(to: &frame, at: place.network &+ 24)
            frame[place.network &+ 7] = timeToLive
        } else {
            let asker = IPv4Address(frame.span, at: place.network &+ 12)
            IPv4Address(frame.span, at: place.network &+ 16).store(to: &frame, at: place.network &+ 12)
            asker.store(to: &frame, at: place.network &+ 16)
            let oldWord = frame.readUInt16(at: place.network &+ 8)
            let newWord = UInt16(timeToLive) << 8 | oldWord & 0x00ff
            replaceWord(&frame, at: place.network &+ 8, with: newWord, checksumAt: place.network &+ 10)
        }
        let type = place.isIPv6 ? ICMPMessage.KindV6.echoReply : ICMPMessage.Kind.echoReply
        let newWord = UInt16(type) << 8 | frame.readUInt16(at: place.message) & 0x00ff
        replaceWord(
            &frame,
            at: place.message,
            with: newWord,
            checksumAt: place.message &+ ICMPMessage.checksumOffset
        )
        return true
    }

    /// Where the headers of a request lie.
    private struct Place {
        var isIPv6: Bool
        var network: Int
        var message: Int
    }

    private static func locateRequest(_ bytes: Span<UInt8>) -> Place? {
        guard let ethernet = EthernetFrame(bytes) else { return nil }
        let network = ethernet.payloadOffset
        if ethernet.type == .ipv4 {
            guard let header = IPv4Header.parse(bytes, at: network), header.protocolNumber == IPProtocol.icmp,
                header.headerByteCount == IPv4Header.byteCount, !header.isFragment, !header.destination.isMulticast,
                !header.destination.isBroadcast, header.payloadByteCount >= ICMPMessage.byteCount,
                bytes[network &+ IPv4Header.byteCount] == ICMPMessage.Kind.echoRequest
            else { return nil }
            return Place(isIPv6: false, network: network, message: network &+ IPv4Header.byteCount)
        }
        guard ethernet.type == .ipv6, let header = IPv6Header.parse(bytes, at: network),
            header.nextHeader == IPProtocol.icmpv6, !header.destination.isMulticast,
            header.payloadByteCount >= ICMPMessage.byteCount,
            bytes[network &+ IPv6Header.byteCount] == ICMPMessage.KindV6.echoRequest
        else { return nil }
        return Place(isIPv6: true, network: network, message: network &+ IPv6Header.byteCount)
    }

    /// Changes one word of the data and the checksum with it (RFC 1624).
    private static func replaceWord(
        _ span: inout MutableSpan<UInt8>,
        at offset: Int,
        with word: UInt16,
        checksumAt checksum: Int
    ) {
        let old = span.readUInt16(at: offset)
        let updated = InternetChecksum.update(span.readUInt16(at: checksum), replacing: old, with: word)
        span.storeUInt16(word, at: offset)
        span.storeUInt16(updated, at: checksum)
    }
}
