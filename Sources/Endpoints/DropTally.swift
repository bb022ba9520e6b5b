// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem

/// Frames lost during one burst, by cause: a few words on the stack, added to the counters when the burst is done.
@frozen
public struct DropTally: Sendable {
    private var counts: [20 of UInt32] = InlineArray(repeating: 0)
    public private(set) var isEmpty = true

    public init() {}

    public mutating func count(_ cause: DropCause, _ frames: Int = 1) {
        counts[cause.rawValue] &+= UInt32(truncatingIfNeeded: frames)
        isEmpty = false
    }

    public subscript(cause: DropCause) -> Int { Int(counts[cause.rawValue]) }

    /// Adds everything to an endpoint's counters and starts anew.
    public mutating func flush(to table: PortTable, endpoint: Int) {
        if isEmpty { return }
        for index in counts.indices where counts[index] != 0 {
            table.countDrop(endpoint: endpoint, DropCause(rawValue: index)!, frames: Int(counts[index]))
            counts[index] = 0
        }
        isEmpty = true
    }

    /// The cause that a failed system call stands for.
    public static func cause(of error: Errno) -> DropCause {
        switch error {
        case .noBuffers, .noMemory: .noBuffers
        case .messageTooLarge: .tooLarge
        case .connectionRefused, .connectionReset, .brokenPipe, .notConnected, .noEntry: .peerGone
        // A tap whose interface is down answers EIO: its user has pulled the cable.
        case Errno(rawValue: 5): .peerGone
        default: .sendFailed
        }
    }
}
