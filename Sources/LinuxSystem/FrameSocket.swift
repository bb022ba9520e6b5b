// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Packet sockets that carry whole frames of an interface, each behind a virtio-net header: packet(7), SOCK_RAW with
/// PACKET_VNET_HDR.
///
/// All frames that arrive at the interface come, whomever they are for; those that this host itself sends do not. The
/// batches return a count or `-errno`, allocate nothing and wait for nothing.
public enum FrameSocket {
    /// One frame of a batch. Has the layout of `struct cel_frame`.
    @frozen
    public struct Part: Sendable {
        /// Where the frame's first byte lies in the slab, its header of twelve bytes before it.
        public var offset: UInt64
        /// To be received: the room; received: the frame's true size.
        public var byteCount: UInt64
        /// The VLAN tag that the kernel took out, type in the upper half; 0 for none.
        public var tag: UInt32 = 0
        /// Not zero: this host has sent it.
        public var isOutgoing: UInt32 = 0

        public init(offset: Int, byteCount: Int) {
            self.offset = UInt64(offset)
            self.byteCount = UInt64(byteCount)
        }
    }

    public static var batchLimit: Int { 32 }

    /// A socket at an interface; needs CAP_NET_RAW.
    public static func make(interface: Int32) throws(Errno) -> OwnedDescriptor {
        let socket = OwnedDescriptor(adopting: try systemCall { cel_frame_socket(interface) })
        let fd = socket.rawValue
        _ = cel_set_option(fd, SOL_SOCKET, SO_RCVBUF, UDPSocket.bufferByteCount)
        _ = cel_set_option(fd, SOL_SOCKET, SO_SNDBUF, UDPSocket.bufferByteCount)
        return socket
    }

    /// Has frames come as well that leave at the interface, marked as such.
    public static func includeOutgoing(_ socket: borrowing OwnedDescriptor) throws(Errno) {
        let fd = socket.rawValue
        // PACKET_IGNORE_OUTGOING (include/uapi/linux/if_packet.h, Linux 4.20).
        try systemCall { cel_set_option(fd, SOL_PACKET, 23, 0) }
    }

    /// Receives frames into the first `count` parts: how many. The kernel writes the first ten bytes of each header.
    ///
    /// - Parameter overflow: the socket's count, modulo 2^32, of frames lost to its full buffer, where the kernel told it.
    public static func receiveBatch(
        _ fd: Int32,
        into slab: inout MutableSpan<UInt8>,
        _ parts: inout MutableSpan<Part>,
        count: Int,
        overflow: inout UInt32
    ) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        return unsafe slab.withUnsafeMutableBufferPointer { bytes in
            unsafe parts.withUnsafeMutableBufferPointer { parts in
                let raw = unsafe UnsafeMutableRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_frame.self)
                return unsafe Int(
                    cel_frame_receive_batch(fd, bytes.baseAddress!, raw, Int32(truncatingIfNeeded: count), &overflow)
                )
            }
        }
    }

    /// Sends the first `count` parts: how many went.
    public static func sendBatch(_ fd: Int32, from slab: Span<UInt8>, _ parts: Span<Part>, count: Int) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        return unsafe slab.withUnsafeBufferPointer { bytes in
            unsafe parts.withUnsafeBufferPointer { parts in
                let raw = unsafe UnsafeRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_frame.self)
                return unsafe Int(cel_frame_send_batch(fd, bytes.baseAddress!, raw, Int32(truncatingIfNeeded: count)))
            }
        }
    }

    /// The invariant of both batches: the kernel is given addresses within the slab only, the header's included.
    @inline(__always)
    private static func check(_ part: Part, within count: Int) {
        precondition(part.offset >= 12 && part.offset <= UInt64(count) && part.byteCount <= UInt64(count) - part.offset)
    }
}
