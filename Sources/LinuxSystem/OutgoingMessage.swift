// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A message that a socket had no room for, with descriptors of its own to go along.
public final class OutgoingMessage {
    private let bytes: [UInt8]
    private let descriptors: DescriptorList

    /// - Parameter rawValues: stay the caller's.
    public init(_ bytes: [UInt8], duplicating rawValues: [Int32]) throws(Errno) {
        self.bytes = bytes
        var descriptors = DescriptorList()
        for rawValue in rawValues { descriptors.append(try OwnedDescriptor.duplicate(of: rawValue)) }
        self.descriptors = descriptors
    }

    /// Throws `wouldBlock` when there is still no room.
    public func send(to socket: borrowing OwnedDescriptor) throws(Errno) {
        try UnixSocket.send(bytes, descriptors: descriptors.borrowedRawValues, to: socket)
    }
}
