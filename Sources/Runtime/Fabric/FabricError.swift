// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Why a fabric did not do what it was asked: one line, and the status that a command would end with.
public struct FabricError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1: failed, 2: the request is wrong, 4: this host cannot.
    public let status: Int32
    public let message: String

    public init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    static func usage(_ message: String) -> FabricError { FabricError(message, status: 2) }

    init(_ error: TransportError) {
        message = error.description
        status =
            switch error.kind {
            case .usage: 2
            case .unsupported: 4
            case .unreachable, .failed: 1
            }
    }

    public var description: String { message }
}

/// Names of segments, ports, patches and gateways.
enum FabricName {
    static var maximumByteCount: Int { 128 }

    /// What is wrong with it; nil: nothing.
    static func check(_ name: String, _ what: String) throws(FabricError) {
        guard !name.isEmpty, name.utf8.count <= maximumByteCount else {
            throw .usage("\(what) \"\(name)\": a name has 1 to \(maximumByteCount) bytes")
        }
        guard name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "=") }), name != "-" else {
            throw .usage("\(what) \"\(name)\": a name has no blanks, control characters or \"=\", and is not \"-\"")
        }
    }
}
