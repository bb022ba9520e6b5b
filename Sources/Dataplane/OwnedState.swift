// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A value on the heap with one owner, changed in place by whoever borrows the owner.
///
/// For the state of an endpoint: the endpoint lies in a table, is borrowed for each call, and is large; neither it nor its
/// state is ever moved.
///
/// Invariant: `storage` owns one initialised element for the life of this value. Only one thread uses it at a time (the
/// loop, once the endpoint is plugged in), and no access to `value` overlaps another: callers do not call back.
@safe
@frozen
public struct OwnedState<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let storage: UnsafeMutablePointer<Value>

    @inlinable
    public init(_ value: consuming Value) {
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: value)
    }

    @inlinable
    deinit {
        unsafe storage.deinitialize(count: 1)
        unsafe storage.deallocate()
    }

    @inlinable
    public var value: Value {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(storage) }
        @inline(__always)
        nonmutating unsafeMutableAddress { unsafe storage }
    }
}
