// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What a guest did with a ring that no driver does. The ring is stopped for it.
@frozen
public enum VhostFault: UInt64, Error, Sendable, CustomStringConvertible {
    case tooManyAvailable = 1
    case badHead = 2
    case badLink = 3
    case endlessChain = 4
    case badAddress = 5
    case badIndirect = 6
    case wrongDirection = 7
    case emptyBuffer = 8
    case memoryGone = 9
    case badRingAddress = 10

    public var description: String {
        switch self {
        case .tooManyAvailable: "more buffers are available than the ring has room for"
        case .badHead: "the number of a buffer is beyond the table"
        case .badLink: "a descriptor's successor is beyond the table"
        case .endlessChain: "a chain of descriptors does not end"
        case .badAddress: "a buffer is outside of the guest's memory"
        case .badIndirect: "an indirect table is no table"
        case .wrongDirection: "a buffer to be written is among those to be read, or the other way round"
        case .emptyBuffer: "a receive buffer has no room"
        case .memoryGone: "the guest's memory is gone: its file was cut short"
        case .badRingAddress: "the ring is outside of the guest's memory"
        }
    }

    /// The text for the number in a notice.
    public static func description(_ value: UInt64) -> String { VhostFault(rawValue: value)?.description ?? "unknown" }
}
