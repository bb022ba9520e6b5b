// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// One message of a socket with the descriptors that came along (SCM_RIGHTS, unix(7)).
public struct ReceivedMessage: ~Copyable {
    public var bytes: [UInt8]
    /// The message was longer than the buffer; `bytes` is its beginning.
    public var isTruncated: Bool
    /// Descriptors were sent that did not come: this process, or the host, has as many as it may have.
    public var hasLostDescriptors: Bool
    private var rawDescriptors: [Int32]

    fileprivate init(bytes: [UInt8], cut: Int32, rawDescriptors: [Int32]) {
        self.bytes = bytes
        isTruncated = cut & CEL_CUT_BYTES != 0
        hasLostDescriptors = cut & CEL_CUT_DESCRIPTORS != 0
        self.rawDescriptors = rawDescriptors
    }

    deinit { for descriptor in rawDescriptors { _ = cel_close(descriptor) } }

    public var descriptorCount: Int { rawDescriptors.count }

    /// The next descriptor in the order sent. Those never taken are closed with the message.
    public mutating func takeDescriptor() -> OwnedDescriptor? {
        rawDescriptors.isEmpty ? nil : OwnedDescriptor(adopting: rawDescriptors.removeFirst())
    }
}

extension UnixSocket {
    /// Most descriptors that one message may carry here.
    public static var maximumDescriptorCount: Int { Int(CEL_DESCRIPTORS_MAX) }

    /// Sends one message, with duplicates of `descriptors` (which stay the caller's).
    public static func send(
        _ bytes: [UInt8],
        descriptors: [Int32] = [],
        to socket: borrowing OwnedDescriptor
    ) throws(Errno) {
        let fd = socket.rawValue
        try systemCall {
            unsafe cel_send_descriptors(fd, bytes, bytes.count, descriptors, Int32(descriptors.count))
        }
    }

    /// Receives one message of at most `limit` bytes. Throws `wouldBlock` when there is none; empty at the end.
    public static func receive(
        from socket: borrowing OwnedDescriptor,
        limit: Int
    ) throws(Errno) -> ReceivedMessage {
        var bytes = [UInt8](repeating: 0, count: limit)
        var descriptors = [Int32](repeating: -1, count: maximumDescriptorCount)
        var descriptorCount: Int32 = 0
        var truncated: Int32 = 0
        let fd = socket.rawValue
        let length = try systemCall {
            unsafe cel_receive_descriptors(
                fd,
                &bytes,
                limit,
                &descriptors,
                CEL_DESCRIPTORS_MAX,
                &descriptorCount,
                &truncated
            )
        }
        bytes.removeLast(limit - length)
        return ReceivedMessage(
            bytes: bytes,
            cut: truncated,
            rawDescriptors: Array(descriptors.prefix(Int(descriptorCount)))
        )
    }
}
