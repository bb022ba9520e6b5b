// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A set of signal numbers.
public struct SignalSet: Sendable, ExpressibleByArrayLiteral {
    public let mask: UInt64

    public init(arrayLiteral numbers: Int32...) {
        mask = numbers.reduce(0) { $0 | (1 << UInt64($1 - 1)) }
    }

    /// Keeps the signals from being delivered to this thread and those it starts: a `SignalFD` reads them instead.
    public func block() { _ = cel_signals_block(mask) }
}

/// Signals as readable events, signalfd(2).
public struct SignalFD: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Blocks `signals` and reads them from now on.
    public init(_ signals: SignalSet) throws(Errno) {
        signals.block()
        let mask = signals.mask
        descriptor = OwnedDescriptor(adopting: try systemCall { cel_signalfd(mask) })
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// One pending signal.
    public struct Signal: Sendable {
        public let number: Int32
        /// Sent by kill(2), not by the terminal or the kernel.
        public let isFromUser: Bool
    }

    /// The next pending signal, if there is one.
    public func next() -> Signal? { Self.next(from: descriptor.rawValue) }

    /// The same for whoever has the descriptor's number only, as a handler of a loop has.
    public static func next(from descriptor: Int32) -> Signal? {
        var fromUser: Int32 = 0
        let number = unsafe cel_signalfd_read(descriptor, &fromUser)
        return number > 0 ? Signal(number: number, isFromUser: fromUser != 0) : nil
    }
}
