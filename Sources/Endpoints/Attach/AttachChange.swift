// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What a client changes of its filters while it is attached: a message of kind 4 on its connection, answered as a request
/// is. A filter takes the place of the one of its direction; one without instructions takes that one away, so that the client
/// gets what its port offers.
public struct AttachChange: Sendable, Equatable {
    public var filters: [AttachRequest.Filter]

    public init(filters: [AttachRequest.Filter]) { self.filters = filters }

    /// The bytes are a message of this kind, well-formed or not.
    public static func isChange(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 8 && AttachMessage.integer(bytes[0..<4]) == UInt64(AttachMessage.magic)
            && AttachMessage.integer(bytes[6..<8]) == UInt64(AttachMessage.Kind.change.rawValue)
    }

    public func encoded() -> [UInt8] {
        var writer = AttachMessage.Writer(.change)
        for filter in filters { writer.field(.filter, filter.encoded) }
        return writer.bytes
    }

    public static func parse(_ bytes: [UInt8]) throws(AttachMessage.Malformed) -> AttachChange {
        var change = AttachChange(filters: [])
        for (tag, contents) in try AttachMessage.fields(bytes, kind: .change) {
            guard AttachMessage.Tag(rawValue: tag) == .filter else { continue }
            guard let filter = AttachRequest.Filter(contents) else { throw .badField(tag) }
            change.filters.append(filter)
        }
        return change
    }
}
