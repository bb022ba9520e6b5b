// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Gives bytes to every parser of a protocol, as a hostile client would. Tests and fuzz targets share the probes; what
/// they check is that nothing traps, nothing loops for ever, and what a parser accepted keeps its promises.
public enum WireProbe {
    /// A frame, first as it is and then as a virtio-net header with a frame behind.
    ///
    /// - Returns: a number made of everything that was read, so that no reading is optimised away.
    @discardableResult
    public static func frame(_ bytes: [UInt8]) -> Int {
        var digest = packet(bytes.span)
        digest &+= reply(to: bytes)
        if let header = VirtioNetHeader.parse(bytes.span) {
            digest &+= header.hashValue
            digest &+= superFrame(header, Array(bytes.dropFirst(VirtioNetHeader.byteCount)))
        }
        return digest
    }

    private static func packet(_ bytes: Span<UInt8>) -> Int {
        guard let frame = EthernetFrame(bytes) else { return 0 }
        precondition(frame.payloadOffset >= Ethernet.headerByteCount && frame.payloadOffset <= bytes.count)
        precondition(frame.payload.count == bytes.count - frame.payloadOffset)
        var digest = frame.destination.hashValue &+ frame.source.hashValue &+ frame.type.hashValue
        digest &+= Int(frame.vlanIdentifier ?? 0)
        let offset = frame.payloadOffset
        // Every parser gets everything, whatever the type says.
        if let message = ARPMessage.parse(bytes, at: offset) { digest &+= message.hashValue }
        if let header = IPv4Header.parse(bytes, at: offset, verifyChecksum: false) {
            precondition(offset + header.totalByteCount <= bytes.count)
            digest &+= header.hashValue
            digest &+= transport(bytes, at: offset + header.headerByteCount, byteCount: header.payloadByteCount)
        }
        if let header = IPv6Header.parse(bytes, at: offset) {
            precondition(offset + header.totalByteCount <= bytes.count)
            digest &+= header.hashValue
            if let upper = header.upperLayer(bytes, at: offset) {
                precondition(upper.offset + upper.byteCount == offset + header.totalByteCount)
                digest &+= upper.hashValue
                digest &+= transport(bytes, at: upper.offset, byteCount: upper.byteCount)
            }
        }
        return digest
    }

    private static func transport(_ bytes: Span<UInt8>, at offset: Int, byteCount: Int) -> Int {
        var digest = 0
        if let header = TCPHeader.parse(bytes, at: offset, segmentByteCount: byteCount) {
            precondition(header.headerByteCount <= byteCount)
            digest &+= header.hashValue &+ header.options(bytes, at: offset).hashValue
        }
        if let header = UDPHeader.parse(bytes, at: offset, availableByteCount: byteCount) {
            precondition(header.byteCount <= byteCount)
            digest &+= header.hashValue
        }
        if let message = ICMPMessage.parse(bytes, at: offset, messageByteCount: byteCount, verifyChecksum: false) {
            digest &+= message.hashValue
        }
        return digest
    }

    /// What a gateway would send back: an echo reply and an error.
    private static func reply(to bytes: [UInt8]) -> Int {
        var copy = bytes
        var frame = copy.mutableSpan
        var digest = ICMPEcho.makeReply(inPlace: &frame) ? 1 : 0
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
            precondition(length <= Tunables.maximumICMPErrorByteCount)
            digest &+= length
        }
        return digest
    }

    private static func superFrame(_ header: VirtioNetHeader, _ bytes: [UInt8]) -> Int {
        var digest = 0
        var copy = bytes
        var frame = copy.mutableSpan
        let completed = ChecksumCompletion.complete(header, frame: &frame)
        precondition(completed || !header.validate(frame: bytes.span), "a valid header could not be completed")
        guard let segmenter = Segmenter(header: header, frame: bytes.span) else { return digest }
        var room = [UInt8](repeating: 0, count: segmenter.maximumSegmentByteCount)
        var payloadByteCount = 0
        for index in 0..<segmenter.segmentCount {
            var target = room.mutableSpan
            let length = segmenter.emit(index, from: bytes.span, into: &target)
            precondition(length >= segmenter.headerByteCount && length == segmenter.byteCount(ofSegment: index))
            payloadByteCount += length - segmenter.headerByteCount
            digest &+= packet(target.span.extracting(0..<length))
        }
        precondition(segmenter.headerByteCount + payloadByteCount <= bytes.count)
        return digest
    }

    /// A DHCP message; what is understood is written again and must mean the same.
    @discardableResult
    public static func dhcp(_ bytes: [UInt8]) -> Int {
        guard let message = DHCPMessage.parse(bytes.span) else { return 0 }
        var digest = message.hashValue &+ message.routers.count &+ message.domainNameServers.count
        digest &+= (message.hostName?.utf8.count ?? 0) &+ (message.domainName?.utf8.count ?? 0)
        digest &+= (message.requestedAddress?.hashValue ?? 0) &+ (message.serverIdentifier?.hashValue ?? 0)
        digest &+= Int(message.leaseTime ?? 0) &+ Int(message.renewalTime ?? 0) &+ Int(message.rebindingTime ?? 0)
        digest &+= Int(message.interfaceMTU ?? 0) &+ Int(message.maximumMessageSize ?? 0)
        digest &+= message.parameterRequestList.count &+ (message.clientIdentifier?.count ?? 0)
        digest &+= (message.domainSearch?.count ?? 0) &+ (message.message?.utf8.count ?? 0)
        digest &+= (message.subnetMask?.hashValue ?? 0)
        guard let type = message.messageType else { return digest }
        var builder = DHCPMessageBuilder(replyTo: message, messageType: type)
        builder.operation = message.operation
        for option in message.options where option.code != .messageType && option.code != .overload {
            builder.add(option.code, bytes: option.bytes)
        }
        var small = [UInt8](repeating: 0, count: 240)
        var smallSpan = small.mutableSpan
        precondition(builder.emit(into: &smallSpan) == nil)
        var room = [UInt8](repeating: 0, count: builder.byteCount)
        var target = room.mutableSpan
        precondition(builder.emit(into: &target) == builder.byteCount)
        guard let again = DHCPMessage.parse(room.span) else { preconditionFailure("own message does not parse") }
        precondition(again.messageType == type && again.hostName == message.hostName)
        precondition(again.routers == message.routers && again.leaseTime == message.leaseTime)
        return digest
    }

    /// A DNS query and the failure that answers it.
    @discardableResult
    public static func dns(_ bytes: [UInt8]) -> Int {
        guard let header = DNSHeader.parse(bytes.span) else { return 0 }
        var digest = header.hashValue &+ Int(header.opcode) &+ Int(header.responseCode)
        if let question = DNSQuestion.parse(bytes.span) {
            precondition(question.endOffset <= bytes.count)
            // Each of at most 255 bytes becomes at most the four characters of an escape.
            precondition(question.name.utf8.count <= 4 * Tunables.maximumDNSNameByteCount)
            digest &+= question.hashValue
        }
        var room = [UInt8](repeating: 0, count: 512)
        var target = room.mutableSpan
        if let length = DNSMessage.emitFailure(for: bytes.span, into: &target) {
            precondition(length <= bytes.count)
            guard let answer = DNSHeader.parse(target.span) else { preconditionFailure("own answer does not parse") }
            precondition(answer.isResponse && answer.identifier == header.identifier)
        }
        return digest
    }
}
