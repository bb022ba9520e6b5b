// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A descriptor that closures and collections can hold: closed when the last of them lets go. For the control plane.
public final class SharedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    public init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    public var rawValue: Int32 { descriptor.rawValue }

    /// A second descriptor of the same file description.
    public func duplicate() throws(Errno) -> OwnedDescriptor { try descriptor.duplicate() }

    /// Looks at it as its owner does.
    public func withDescriptor<Value, Failure: Error>(
        _ body: (borrowing OwnedDescriptor) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try body(descriptor)
    }
}
