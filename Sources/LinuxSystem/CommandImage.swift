// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A command with its environment, encoded so that the process which will execute it needs no more than pointers into it
/// (clinux_namespace.h, `cel_join_request`).
public struct CommandImage: Sendable {
    let bytes: [UInt8]

    /// - Parameters:
    ///   - arguments: the program, found in the environment's PATH as by execvp(3), and its arguments; at least one.
    ///   - environment: as `NAME=value`.
    ///
    /// Nil when there is no program, or a string holds a NUL.
    public init?(arguments: [String], environment: [String]) {
        guard !arguments.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for count in [arguments.count, environment.count] {
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
        }
        for text in arguments + environment {
            guard !text.utf8.contains(0) else { return nil }
            bytes += Array(text.utf8)
            bytes.append(0)
        }
        self.bytes = bytes
    }
}

/// A set of capabilities, capabilities(7).
public struct CapabilitySet: OptionSet, Sendable {
    /// Bit n is capability n.
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static var bindService: CapabilitySet { CapabilitySet(rawValue: 1 << 10) }
    public static var broadcast: CapabilitySet { CapabilitySet(rawValue: 1 << 11) }
    public static var networkAdministration: CapabilitySet { CapabilitySet(rawValue: 1 << 12) }
    public static var rawNetwork: CapabilitySet { CapabilitySet(rawValue: 1 << 13) }
    public static var systemAdministration: CapabilitySet { CapabilitySet(rawValue: 1 << 21) }

    /// What the master of a network stack needs: everything about its network, nothing else.
    public static var network: CapabilitySet { [.bindService, .broadcast, .networkAdministration, .rawNetwork] }
}

extension CurrentProcess {
    /// The environment as `NAME=value`, in its order.
    ///
    /// Bytes that are no UTF-8 are replaced.
    public static var environment: [String] {
        var list: [String] = []
        guard var entry = unsafe cel_environment() else { return list }
        while let text = unsafe entry.pointee {
            list.append(unsafe String(cString: text))
            unsafe entry += 1
        }
        return list
    }
}
