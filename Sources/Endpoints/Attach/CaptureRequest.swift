// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// What an observer asks of a switch on its `attach` socket: a message of kind 3, answered as an attach request is. With the
/// answer come two descriptors, the ring's memory file and an event that tells that something came. Closing the connection
/// ends the capture.
public struct CaptureRequest: Sendable, Equatable {
    /// Port numbers; none for all of them.
    public var ports: [Int] = []
    public var isInbound = true
    public var isOutbound = false
    /// Bytes kept of each frame, 0 for all.
    public var snapLength = 0
    /// Classic BPF instructions, 8 bytes each; empty for none.
    public var filter: [UInt8] = []

    /// Most ports named in one request.
    public static var maximumPortCount: Int { 1024 }

    public init() {}

    /// The bytes are a message of this kind, well-formed or not.
    public static func isRequest(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 8 && AttachMessage.integer(bytes[0..<4]) == UInt64(AttachMessage.magic)
            && AttachMessage.integer(bytes[6..<8]) == UInt64(AttachMessage.Kind.capture.rawValue)
    }

    public func encoded() -> [UInt8] {
        var writer = AttachMessage.Writer(.capture)
        for port in ports { writer.field(.port, UInt32(clamping: port)) }
        writer.field(.direction, (isInbound ? 1 : 0) | (isOutbound ? 2 : 0))
        if snapLength > 0 { writer.field(.snapLength, UInt32(clamping: snapLength)) }
        if !filter.isEmpty { writer.field(.filter, filter) }
        return writer.bytes
    }

    public static func parse(_ bytes: [UInt8]) throws(AttachMessage.Malformed) -> CaptureRequest {
        var request = CaptureRequest()
        for (tag, contents) in try AttachMessage.fields(bytes, kind: .capture) {
            let number = contents.count == 4 ? AttachMessage.integer(contents) : nil
            switch AttachMessage.Tag(rawValue: tag) {
            case .port:
                guard let number, request.ports.count < maximumPortCount else { throw .badField(tag) }
                request.ports.append(Int(number))
            case .direction:
                guard let number, number & 3 != 0 else { throw .badField(tag) }
                request.isInbound = number & 1 != 0
                request.isOutbound = number & 2 != 0
            case .snapLength:
                guard let number else { throw .badField(tag) }
                request.snapLength = Int(number)
            case .filter:
                guard contents.count % 8 == 0 else { throw .badField(tag) }
                request.filter = Array(contents)
            default: break
            }
        }
        return request
    }
}
