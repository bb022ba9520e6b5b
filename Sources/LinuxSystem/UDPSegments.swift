// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// UDP in large portions: a buffer that is many datagrams of one size, in one call.
extension UDPSocket {
    /// A socket bound to a local address, whose datagrams are never fragmented on their way.
    ///
    /// - Parameter coalesces: the kernel may hand over several datagrams at once.
    public static func unfragmented(
        at address: InternetAddress,
        coalesces: Bool
    ) throws(Errno) -> OwnedDescriptor {
        let socket = try make(isIPv6: address.isIPv6)
        let fd = socket.rawValue
        if address.isIPv6, address.high == 0, address.low == 0 {
            // All addresses of this host: those of IPv4 too.
            _ = cel_set_option(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)
        }
        _ = cel_set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferByteCount)
        _ = cel_set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, bufferByteCount)
        // Don't-fragment on every datagram, and no trust in what anybody tells the kernel about the path: whoever wants to
        // know its MTU sends probes.
        _ = cel_set_option(fd, Int32(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        if address.isIPv6 { _ = cel_set_option(fd, Int32(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) }
        if coalesces { try coalesce(socket) }
        try bind(socket, to: address)
        return socket
    }

    /// Sends bytes as datagrams of `segment` bytes, or as one when that is 0: a count or `-errno`. The corresponding C
    /// function is `sendmsg`.
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>, segment: Int, to address: InternetAddress) -> Int {
        var peer = cel_peer(address)
        return unsafe bytes.withUnsafeBufferPointer {
            unsafe cel_segments_send(fd, $0.baseAddress, $0.count, UInt16(truncatingIfNeeded: segment), &peer)
        }
    }

    /// What one call has received.
    @frozen
    public struct Reception: Sendable {
        /// Bytes of all datagrams together, or `-errno`. More than the room when the kernel cut a datagram.
        public var byteCount: Int
        /// Bytes of each datagram but perhaps the last one.
        public var segment: Int
    }

    /// Receives one datagram or many of one size. The corresponding C function is `recvmsg`.
    public static func receive(
        _ fd: Int32,
        into bytes: inout MutableSpan<UInt8>,
        from address: inout InternetAddress
    ) -> Reception {
        var segment: UInt32 = 0
        var peer = cel_peer()
        let received = unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe cel_segments_receive(fd, $0.baseAddress, $0.count, &segment, &peer)
        }
        if received >= 0 { address = InternetAddress(peer) }
        return Reception(byteCount: received, segment: segment == 0 ? max(received, 0) : Int(segment))
    }
}

extension InternetAddress {
    /// Everything that tells it from another address, as bytes.
    public var octets: [UInt8] {
        [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port), isIPv6 ? 6 : 4]
            + (0..<8).map { UInt8(truncatingIfNeeded: high >> (8 * UInt64($0))) }
            + (0..<8).map { UInt8(truncatingIfNeeded: low >> (8 * UInt64($0))) }
            + (0..<4).map { UInt8(truncatingIfNeeded: scope >> (8 * UInt32($0))) }
    }

    /// The IPv4 address, also of one that is mapped into IPv6; nil for others.
    public var ipv4: UInt32? {
        if !isIPv6 { return UInt32(truncatingIfNeeded: low) }
        return high == 0 && low >> 32 == 0xffff ? UInt32(truncatingIfNeeded: low) : nil
    }
}
