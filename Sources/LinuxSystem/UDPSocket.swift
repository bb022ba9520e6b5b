// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// UDP sockets of either family whose datagrams carry frames, udp(7).
///
/// Setting up throws; the batches, which the frame path calls, return a count or `-errno`, allocate nothing and wait for
/// nothing.
public enum UDPSocket {
    /// One datagram of a batch: where it lies in the slab, its size, and whom it is from or for. Has the layout of
    /// `struct cel_datagram`.
    @frozen
    public struct Datagram: Sendable {
        public var offset: UInt64
        /// To be received: the room; received: the datagram's true size, larger than the room when the kernel cut it.
        public var byteCount: UInt64
        public var peer: InternetAddress
        /// Received on a socket that coalesces: several datagrams of this size, the last one perhaps smaller. Else 0.
        public var segment: UInt64 = 0

        public init(offset: Int, byteCount: Int, peer: InternetAddress = .none) {
            self.offset = UInt64(offset)
            self.byteCount = UInt64(byteCount)
            self.peer = peer
        }
    }

    /// Most datagrams of one batch call.
    public static var batchLimit: Int { 32 }
    /// Room asked for in the kernel: bursts of super-frames cut to datagrams. The kernel grants what `rmem_max` and
    /// `wmem_max` allow.
    public static var bufferByteCount: Int32 { 4 << 20 }

    /// A socket that counts what its full buffer loses (SO_RXQ_OVFL).
    public static func make(isIPv6: Bool) throws(Errno) -> OwnedDescriptor {
        let family = isIPv6 ? AF_INET6 : AF_INET
        let socket = OwnedDescriptor(
            adopting: try systemCall { cel_socket(family, Int32(bitPattern: SOCK_DGRAM.rawValue), 0) }
        )
        let fd = socket.rawValue
        try systemCall { cel_set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) }
        _ = cel_set_option(fd, SOL_SOCKET, SO_RCVBUF, bufferByteCount)
        _ = cel_set_option(fd, SOL_SOCKET, SO_SNDBUF, bufferByteCount)
        if isIPv6 { _ = cel_set_option(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        return socket
    }

    /// - Parameter sharesPort: other sockets of this host may have the same address, as members of one group do.
    public static func bind(
        _ socket: borrowing OwnedDescriptor,
        to address: InternetAddress,
        sharesPort: Bool = false
    ) throws(Errno) {
        let fd = socket.rawValue
        if sharesPort { try systemCall { cel_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) } }
        var peer = cel_peer(address)
        try systemCall { unsafe cel_udp_bind(fd, &peer) }
    }

    /// Datagrams go to and come from one peer only from now on.
    public static func connect(_ socket: borrowing OwnedDescriptor, to address: InternetAddress) throws(Errno) {
        let fd = socket.rawValue
        var peer = cel_peer(address)
        try systemCall { unsafe cel_udp_connect(fd, &peer) }
    }

    /// What the socket is bound to.
    public static func localAddress(_ socket: borrowing OwnedDescriptor) throws(Errno) -> InternetAddress {
        let fd = socket.rawValue
        var peer = cel_peer()
        try systemCall { unsafe cel_udp_local(fd, &peer) }
        return InternetAddress(peer)
    }

    /// Joins a multicast group at an interface, 0 for the kernel's choice.
    public static func join(
        _ socket: borrowing OwnedDescriptor,
        _ group: InternetAddress,
        interface: Int32
    ) throws(Errno) {
        let fd = socket.rawValue
        var peer = cel_peer(group)
        try systemCall { unsafe cel_udp_join(fd, &peer, interface) }
    }

    /// How what is sent to a group leaves.
    ///
    /// - Parameters:
    ///   - interface: 0 for the kernel's choice.
    ///   - hops: TTL, or hop limit.
    ///   - loop: other sockets of this host that are members hear it too.
    public static func setMulticast(
        _ socket: borrowing OwnedDescriptor,
        isIPv6: Bool,
        interface: Int32,
        hops: Int32,
        loop: Bool
    ) throws(Errno) {
        let fd = socket.rawValue
        let family = isIPv6 ? AF_INET6 : AF_INET
        try systemCall { cel_udp_set_multicast(fd, family, interface, hops, loop ? 1 : 0) }
    }

    /// What is larger than the path's MTU is fragmented, here or on the way, rather than refused.
    public static func allowFragments(_ socket: borrowing OwnedDescriptor, isIPv6: Bool) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { cel_udp_allow_fragments(fd, isIPv6 ? AF_INET6 : AF_INET) }
    }

    /// Takes IPv6 datagrams without checksum too, as RFC 6935 allows for tunnels.
    public static func acceptZeroChecksum(_ socket: borrowing OwnedDescriptor) {
        _ = cel_set_option(socket.rawValue, Int32(IPPROTO_UDP), Int32(UDP_NO_CHECK6_RX), 1)
    }

    /// The kernel hands over neighbouring datagrams of one peer and size as one (UDP_GRO): room of 64 KiB is needed.
    public static func coalesce(_ socket: borrowing OwnedDescriptor) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { cel_set_option(fd, Int32(IPPROTO_UDP), Int32(UDP_GRO), 1) }
    }

    /// An address of this host: a socket can be bound to it. Makes a socket for the question.
    public static func isLocal(_ address: InternetAddress) -> Bool {
        let fd = cel_socket(address.isIPv6 ? AF_INET6 : AF_INET, Int32(bitPattern: SOCK_DGRAM.rawValue), 0)
        guard fd >= 0 else { return false }
        var peer = cel_peer(address)
        peer.port = 0
        let result = unsafe cel_udp_bind(fd, &peer)
        _ = cel_close(fd)
        return result >= 0
    }

    /// Sends one datagram: its size or `-errno`.
    @discardableResult
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>, to address: InternetAddress) -> Int {
        var peer = cel_peer(address)
        return unsafe bytes.withUnsafeBufferPointer {
            unsafe Int(cel_udp_send_to(fd, $0.baseAddress, $0.count, &peer))
        }
    }

    /// Receives datagrams into the first `count` parts: how many. The corresponding C function is `recvmmsg`.
    ///
    /// - Parameter overflow: the socket's count, modulo 2^32, of datagrams lost to its full buffer, where the kernel told it.
    public static func receiveBatch(
        _ fd: Int32,
        into slab: inout MutableSpan<UInt8>,
        _ parts: inout MutableSpan<Datagram>,
        count: Int,
        overflow: inout UInt32
    ) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        return unsafe slab.withUnsafeMutableBufferPointer { bytes in
            unsafe parts.withUnsafeMutableBufferPointer { parts in
                let raw = unsafe UnsafeMutableRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_datagram.self)
                return unsafe Int(
                    cel_udp_receive_batch(fd, bytes.baseAddress!, raw, Int32(truncatingIfNeeded: count), &overflow)
                )
            }
        }
    }

    /// What is put before each datagram of a batch.
    @frozen
    public struct Prefix: Sendable {
        /// Bytes of each prefix; 0 for none.
        public var byteCount: Int
        /// Distance between neighbouring datagrams' prefixes; 0 when all have the same.
        public var stride: Int
        @inlinable
        public init(byteCount: Int, stride: Int) {
            self.byteCount = byteCount
            self.stride = stride
        }
        public static var none: Prefix { Prefix(byteCount: 0, stride: 0) }
    }

    /// Sends the first `count` parts, each behind its prefix: how many went. Neighbours of one peer and size go as one
    /// message that the kernel cuts (UDP_SEGMENT), if they are at most `segmentLimit` bytes. The corresponding C function
    /// is `sendmmsg`.
    ///
    /// - Parameter attempted: when nothing went, how many datagrams the refused message consisted of.
    public static func sendBatch(
        _ fd: Int32,
        from slab: Span<UInt8>,
        _ parts: Span<Datagram>,
        count: Int,
        prefix: Prefix,
        prefixes: Span<UInt8>,
        segmentLimit: Int,
        attempted: inout Int
    ) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        precondition(prefix.byteCount >= 0 && prefix.stride >= 0)
        precondition(max(count - 1, 0) * prefix.stride + prefix.byteCount <= prefixes.count)
        var tried: Int32 = 0
        let result = unsafe slab.withUnsafeBufferPointer { bytes in
            unsafe prefixes.withUnsafeBufferPointer { prefixes in
                unsafe parts.withUnsafeBufferPointer { parts in
                    let raw = unsafe UnsafeRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_datagram.self)
                    return unsafe Int(
                        cel_udp_send_batch(
                            fd,
                            bytes.baseAddress!,
                            raw,
                            Int32(truncatingIfNeeded: count),
                            prefixes.baseAddress,
                            prefix.byteCount,
                            prefix.stride,
                            max(segmentLimit, 0),
                            &tried
                        )
                    )
                }
            }
        }
        attempted = Int(tried)
        return result
    }

    /// The invariant of both batches: the kernel is given addresses within the slab only.
    @inline(__always)
    private static func check(_ part: Datagram, within count: Int) {
        precondition(part.offset <= UInt64(count) && part.byteCount <= UInt64(count) - part.offset)
    }
}

extension cel_peer {
    init(_ address: InternetAddress) {
        self.init(
            high: address.high,
            low: address.low,
            scope: address.scope,
            port: address.port,
            family: UInt16(address.isIPv6 ? AF_INET6 : AF_INET)
        )
    }
}

extension InternetAddress {
    init(_ peer: cel_peer) {
        if peer.family == UInt16(AF_INET6) {
            self.init(ipv6High: peer.high, low: peer.low, scope: peer.scope, port: peer.port)
        } else {
            self.init(ipv4: UInt32(truncatingIfNeeded: peer.low), port: peer.port)
        }
    }
}
