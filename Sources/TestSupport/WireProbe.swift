// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Gives bytes to every parser of a protocol, as a hostile client would. Tests and fuzz targets share the probes; what
/// they check is that nothing traps, nothing loops for ever, and what a parser accepted keeps its promises.
public enum WireProbe {
    /// What came of a probe.
    public struct Findings: Sendable {
        /// Parsers that accepted something.
        public var accepted: Parsers = []
        /// A number made of everything that was read, so that no reading is optimised away.
        public var digest = 0

        mutating func note(_ parser: Parsers, _ value: some Hashable) {
            accepted.insert(parser)
            digest &+= value.hashValue
        }
    }

    /// Parsers that a probe goes through.
    public struct Parsers: OptionSet, Sendable {
        public let rawValue: Int

        public init(rawValue: Int) {
            self.rawValue = rawValue
        }

        public static let ethernet = Parsers(rawValue: 1 << 0)
        public static let arp = Parsers(rawValue: 1 << 1)
        public static let ipv4 = Parsers(rawValue: 1 << 2)
        public static let ipv6 = Parsers(rawValue: 1 << 3)
        public static let upperLayer = Parsers(rawValue: 1 << 4)
        public static let tcp = Parsers(rawValue: 1 << 5)
        public static let udp = Parsers(rawValue: 1 << 6)
        public static let icmp = Parsers(rawValue: 1 << 7)
        public static let echoReply = Parsers(rawValue: 1 << 8)
        public static let icmpError = Parsers(rawValue: 1 << 9)
        public static let virtioNet = Parsers(rawValue: 1 << 10)
        public static let completion = Parsers(rawValue: 1 << 11)
        public static let segmenter = Parsers(rawValue: 1 << 12)
        public static let dhcp = Parsers(rawValue: 1 << 13)
        public static let dhcpBuilder = Parsers(rawValue: 1 << 14)
        public static let dnsHeader = Parsers(rawValue: 1 << 15)
        public static let dnsQuestion = Parsers(rawValue: 1 << 16)
        public static let dnsFailure = Parsers(rawValue: 1 << 17)
    }

    /// A frame, first as it is and then as a virtio-net header with a frame behind.
    @discardableResult
    public static func frame(_ bytes: [UInt8]) -> Findings {
        var findings = Findings()
        packet(bytes.span, &findings)
        reply(to: bytes, &findings)
        if let header = VirtioNetHeader.parse(bytes.span) {
            findings.note(.virtioNet, header)
            superFrame(header, Array(bytes.dropFirst(VirtioNetHeader.byteCount)), &findings)
        }
        return findings
    }

    private static func packet(_ bytes: Span<UInt8>, _ findings: inout Findings) {
        guard let frame = EthernetFrame(bytes) else { return }
        precondition(frame.payloadOffset >= Ethernet.headerByteCount && frame.payloadOffset <= bytes.count)
        precondition(frame.payload.count == bytes.count - frame.payloadOffset)
        findings.note(.ethernet, EthernetHeader(destination: frame.destination, source: frame.source, type: frame.type))
        findings.digest &+= Int(frame.vlanIdentifier ?? 0)
        let offset = frame.payloadOffset
        // Every parser gets everything, whatever the type says.
        if let message = ARPMessage.parse(bytes, at: offset) { findings.note(.arp, message) }
        if let header = IPv4Header.parse(bytes, at: offset, verifyChecksum: false) {
            precondition(offset + header.totalByteCount <= bytes.count)
            findings.note(.ipv4, header)
            transport(bytes, at: offset + header.headerByteCount, byteCount: header.payloadByteCount, &findings)
        }
        if let header = IPv6Header.parse(bytes, at: offset) {
            precondition(offset + header.totalByteCount <= bytes.count)
            findings.note(.ipv6, header)
            if let upper = header.upperLayer(bytes, at: offset) {
                precondition(upper.offset + upper.byteCount == offset + header.totalByteCount)
                findings.note(.upperLayer, upper)
                transport(bytes, at: upper.offset, byteCount: upper.byteCount, &findings)
            }
        }
    }

    private static func transport(
        _ bytes: Span<UInt8>,
        at offset: Int,
        byteCount: Int,
        _ findings: inout Findings
    ) {
        if let header = TCPHeader.parse(bytes, at: offset, segmentByteCount: byteCount) {
            precondition(header.headerByteCount <= byteCount)
            findings.note(.tcp, header)
            findings.note(.tcp, header.options(bytes, at: offset))
        }
        if let header = UDPHeader.parse(bytes, at: offset, availableByteCount: byteCount) {
            precondition(header.byteCount <= byteCount)
            findings.note(.udp, header)
        }
        if let message = ICMPMessage.parse(bytes, at: offset, messageByteCount: byteCount, verifyChecksum: false) {
            findings.note(.icmp, message)
        }
    }

    /// What a gateway would send back: an echo reply and an error.
    private static func reply(to bytes: [UInt8], _ findings: inout Findings) {
        var copy = bytes
        var frame = copy.mutableSpan
        if ICMPEcho.makeReply(inPlace: &frame) { findings.note(.echoReply, bytes.count) }
        var room = [UInt8](repeating: 0, count: 600)
        var target = room.mutableSpan
        let length = ICMPError.portUnreachable.emit(
            source: IPv4Address(192, 0, 2, 1),
            quoting: bytes.span,
            at: Ethernet.headerByteCount,
            into: &target,
            at: 3
        )
        if let length {
            precondition(length <= WireTunables.maximumICMPErrorByteCount)
            findings.note(.icmpError, length)
        }
    }

    private static func superFrame(_ header: VirtioNetHeader, _ bytes: [UInt8], _ findings: inout Findings) {
        var copy = bytes
        var frame = copy.mutableSpan
        let completed = ChecksumCompletion.complete(header, frame: &frame)
        precondition(completed || !header.validate(frame: bytes.span), "a valid header could not be completed")
        if completed && header.needsChecksum { findings.note(.completion, frame[frame.count - 1]) }
        guard let segmenter = Segmenter(header: header, frame: bytes.span) else { return }
        var room = [UInt8](repeating: 0, count: segmenter.maximumSegmentByteCount)
        var payloadByteCount = 0
        for index in 0..<segmenter.segmentCount {
            var target = room.mutableSpan
            let length = segmenter.emit(index, from: bytes.span, into: &target)
            precondition(length >= segmenter.headerByteCount && length == segmenter.byteCount(ofSegment: index))
            payloadByteCount += length - segmenter.headerByteCount
            packet(target.span.extracting(0..<length), &findings)
        }
        precondition(segmenter.headerByteCount + payloadByteCount <= bytes.count)
        findings.note(.segmenter, payloadByteCount)
    }

    /// A DHCP message; what is understood is written again and must mean the same.
    @discardableResult
    public static func dhcp(_ bytes: [UInt8]) -> Findings {
        var findings = Findings()
        guard let message = DHCPMessage.parse(bytes.span) else { return findings }
        findings.note(.dhcp, message)
        findings.note(.dhcp, [message.requestedAddress, message.serverIdentifier, message.subnetMask])
        findings.note(.dhcp, [message.leaseTime, message.renewalTime, message.rebindingTime])
        findings.note(.dhcp, [message.hostName, message.domainName, message.message])
        findings.note(.dhcp, [message.interfaceMTU, message.maximumMessageSize])
        findings.note(.dhcp, [message.routers, message.domainNameServers])
        findings.note(.dhcp, [message.clientIdentifier, message.domainSearch])
        findings.note(.dhcp, message.parameterRequestList)
        guard let type = message.messageType else { return findings }
        var builder = DHCPMessageBuilder(replyTo: message, messageType: type)
        builder.operation = message.operation
        for option in message.options where option.code != .messageType && option.code != .overload {
            builder.add(option.code, bytes: option.bytes)
        }
        var small = [UInt8](repeating: 0, count: builder.byteCount - 1)
        var smallSpan = small.mutableSpan
        precondition(builder.emit(into: &smallSpan) == nil)
        var room = [UInt8](repeating: 0, count: builder.byteCount)
        var target = room.mutableSpan
        precondition(builder.emit(into: &target) == builder.byteCount)
        guard let again = DHCPMessage.parse(room.span) else { preconditionFailure("own message does not parse") }
        precondition(again.messageType == type && again.hostName == message.hostName)
        precondition(again.routers == message.routers && again.leaseTime == message.leaseTime)
        findings.note(.dhcpBuilder, builder.byteCount)
        return findings
    }

    /// A DNS query and the failure that answers it.
    @discardableResult
    public static func dns(_ bytes: [UInt8]) -> Findings {
        var findings = Findings()
        guard let header = DNSHeader.parse(bytes.span) else { return findings }
        findings.note(.dnsHeader, header)
        findings.note(.dnsHeader, [header.opcode, header.responseCode])
        if let question = DNSQuestion.parse(bytes.span) {
            precondition(question.endOffset <= bytes.count)
            // Each of at most 255 bytes becomes at most the four characters of an escape.
            precondition(question.name.utf8.count <= 4 * WireTunables.maximumDNSNameByteCount)
            findings.note(.dnsQuestion, question)
        }
        var room = [UInt8](repeating: 0, count: 512)
        var target = room.mutableSpan
        if let length = DNSMessage.emitFailure(for: bytes.span, into: &target) {
            precondition(length <= bytes.count)
            guard let answer = DNSHeader.parse(target.span) else { preconditionFailure("own answer does not parse") }
            precondition(answer.isResponse && answer.identifier == header.identifier)
            findings.note(.dnsFailure, length)
        }
        return findings
    }
}
