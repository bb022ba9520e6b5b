// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import PacketFilter

/// A packet filter where the frame path reads it: a table that is never copied or counted.
public struct FilterTable: ~Copyable, @unchecked Sendable {
    private let steps: RigidTable<FilterStep>

    /// Nil: every frame passes.
    public init(_ program: FilterProgram?) {
        let source = program?.steps ?? []
        steps = RigidTable(count: source.count) { source[$0] }
    }

    /// The program wants the frame, or there is none.
    public func accepts(_ frame: Span<UInt8>) -> Bool {
        steps.count == 0
            || FilterMachine.run(steps.span, frame, length: UInt32(truncatingIfNeeded: frame.count)) != 0
    }
}

extension RigidTable where Element: BitwiseCopyable {
    /// All elements.
    var span: Span<Element> {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(storage), count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}
