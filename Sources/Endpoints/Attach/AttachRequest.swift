// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Wire

/// What a program of ours asks a switch for.
public struct AttachRequest: Sendable, Equatable {
    /// How frames go between the two.
    public enum Transport: UInt32, Sendable {
        /// The client passes a descriptor along, a tap, and the switch serves it itself: no process copies in between.
        case descriptor = 1
        /// The switch answers with one end of a SOCK_SEQPACKET pair; each message is a virtio-net header and a frame.
        case channel = 2
    }

    /// A filter that the client puts on itself: it can only narrow what it gets or sends.
    public struct Filter: Sendable, Equatable {
        public var isReceive: Bool
        public var priority: UInt32
        /// Classic BPF instructions, 8 bytes each.
        public var program: [UInt8]

        public init(isReceive: Bool, priority: UInt32, program: [UInt8]) {
            self.isReceive = isReceive
            self.priority = priority
            self.program = program
        }

        /// A field's contents: direction, priority, program.
        init?(_ contents: ArraySlice<UInt8>) {
            guard contents.count >= 8, contents.count % 8 == 0 else { return nil }
            let direction = AttachMessage.integer(contents.prefix(4))
            guard direction == 1 || direction == 2 else { return nil }
            isReceive = direction == 1
            priority = UInt32(truncatingIfNeeded: AttachMessage.integer(contents.dropFirst(4).prefix(4)))
            program = Array(contents.dropFirst(8))
        }

        var encoded: [UInt8] {
            [isReceive ? 1 : 2, priority].flatMap { value in
                stride(from: UInt32(0), to: 32, by: 8).map { UInt8(truncatingIfNeeded: value >> $0) }
            } + program
        }
    }

    /// Name of the port or interface; empty for any.
    public var name = ""
    public var description = ""
    public var transport: Transport
    public var capabilities: PortCapabilities = .all
    /// Port number, 0 for any.
    public var port = 0
    public var filters: [Filter] = []

    public init(transport: Transport, description: String) {
        self.transport = transport
        self.description = description
    }

    public func encoded() -> [UInt8] {
        var writer = AttachMessage.Writer(.request)
        if !name.isEmpty { writer.field(.name, name) }
        writer.field(.description, description)
        writer.field(.transport, transport.rawValue)
        writer.field(.capabilities, capabilities.rawValue)
        if port != 0 { writer.field(.port, UInt32(clamping: port)) }
        for filter in filters { writer.field(.filter, filter.encoded) }
        return writer.bytes
    }

    public static func parse(_ bytes: [UInt8]) throws(AttachMessage.Malformed) -> AttachRequest {
        var request = AttachRequest(transport: .channel, description: "")
        var hasTransport = false
        for (tag, contents) in try AttachMessage.fields(bytes, kind: .request) {
            switch AttachMessage.Tag(rawValue: tag) {
            case .name:
                // It is compared, and becomes a file's name: nothing is mended in it.
                guard contents.count <= 256, let name = String(validating: contents, as: UTF8.self) else {
                    throw .badField(tag)
                }
                request.name = name
            case .description: request.description = VDERequest.printable(contents.prefix(256))
            case .transport:
                guard contents.count == 4,
                    let transport = Transport(rawValue: UInt32(truncatingIfNeeded: AttachMessage.integer(contents)))
                else { throw .badField(tag) }
                request.transport = transport
                hasTransport = true
            case .capabilities:
                guard contents.count == 4 else { throw .badField(tag) }
                request.capabilities = PortCapabilities(
                    rawValue: UInt32(truncatingIfNeeded: AttachMessage.integer(contents))
                )
            case .port:
                guard contents.count == 4 else { throw .badField(tag) }
                request.port = Int(AttachMessage.integer(contents))
            case .filter:
                guard let filter = Filter(contents) else { throw .badField(tag) }
                request.filters.append(filter)
            default: break
            }
        }
        guard hasTransport else { throw .badField(AttachMessage.Tag.transport.rawValue) }
        return request
    }
}

/// A switch's answer to an `AttachRequest`.
public struct AttachAnswer: Sendable, Equatable {
    /// 0, or an errno(3) that says why not.
    public var status: Int32
    /// Why not, in words.
    public var message = ""
    /// The port's number.
    public var port = 0
    /// The address that the client is to use: an interface of a multiplexer has one.
    public var address: MACAddress?
    /// What ports are called, for a capture.
    public var portNames: [Int: String] = [:]

    public init(status: Int32, message: String = "", port: Int = 0) {
        self.status = status
        self.message = message
        self.port = port
    }

    public func encoded() -> [UInt8] {
        var writer = AttachMessage.Writer(.answer)
        writer.field(.status, UInt32(bitPattern: status))
        if !message.isEmpty { writer.field(.message, message) }
        if port != 0 { writer.field(.port, UInt32(clamping: port)) }
        if let address { writer.field(.address, (0..<6).map { address.octet($0) }) }
        for (port, name) in portNames.sorted(by: { $0.key < $1.key }) {
            let contents = (0..<4).map { UInt8(truncatingIfNeeded: port >> (8 * $0)) } + Array(name.utf8.prefix(255))
            // As many as fit; the others are known by their numbers.
            guard writer.bytes.count + contents.count + 4 <= AttachMessage.maximumByteCount else { break }
            writer.field(.portName, contents)
        }
        return writer.bytes
    }

    public static func parse(_ bytes: [UInt8]) throws(AttachMessage.Malformed) -> AttachAnswer {
        var answer = AttachAnswer(status: -1)
        for (tag, contents) in try AttachMessage.fields(bytes, kind: .answer) {
            switch AttachMessage.Tag(rawValue: tag) {
            case .status:
                guard contents.count == 4 else { throw .badField(tag) }
                answer.status = Int32(truncatingIfNeeded: AttachMessage.integer(contents))
            case .message: answer.message = VDERequest.printable(contents)
            case .port:
                guard contents.count == 4 else { throw .badField(tag) }
                answer.port = Int(AttachMessage.integer(contents))
            case .address:
                guard contents.count == 6 else { throw .badField(tag) }
                answer.address = MACAddress(rawValue: contents.reduce(0) { $0 << 8 | UInt64($1) })
            case .portName:
                guard contents.count >= 4 else { throw .badField(tag) }
                let number = Int(AttachMessage.integer(contents.prefix(4)))
                answer.portNames[number] = VDERequest.printable(contents.dropFirst(4))
            default: break
            }
        }
        guard answer.status >= 0 else { throw .badField(AttachMessage.Tag.status.rawValue) }
        return answer
    }
}
