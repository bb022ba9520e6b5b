// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A table of fixed size whose elements may be non-copyable, and are never moved.
///
/// Invariant: `storage` owns `count` initialised elements; every index is checked.
@safe
@frozen
public struct RigidTable<Element: ~Copyable>: ~Copyable {
    public let count: Int
    @usableFromInline let storage: UnsafeMutablePointer<Element>

    /// - Parameter make: makes the element for an index.
    public init(count: Int, make: (Int) -> Element) {
        precondition(count >= 0)
        self.count = count
        unsafe storage = .allocate(capacity: max(count, 1))
        for index in 0..<count { unsafe (storage + index).initialize(to: make(index)) }
    }

    deinit {
        unsafe storage.deinitialize(count: count)
        unsafe storage.deallocate()
    }

    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < count)
            return unsafe UnsafePointer(storage + index)
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < count)
            return unsafe storage + index
        }
    }
}

// One owner, as of the elements themselves.
extension RigidTable: @unchecked Sendable where Element: Sendable & ~Copyable {}
