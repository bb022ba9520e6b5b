// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An internet address with its port, of either family, as the bytes of its socket address.
public struct SocketAddress: Sendable, Equatable {
    public let bytes: [UInt8]
    public var isIPv6: Bool { bytes[0] == UInt8(AF_INET6) }

    /// Why a name has no address.
    public struct ResolveError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Finds the address of a host and a port, by number or name; getaddrinfo(3). May wait for name servers.
    ///
    /// - Parameters:
    ///   - host: empty for any address of this host, to listen on.
    ///   - isStream: TCP, not UDP.
    public init(host: String, port: String, isStream: Bool, isPassive: Bool = false) throws(ResolveError) {
        var bytes = [UInt8](repeating: 0, count: 128)
        let type = Int32(bitPattern: isStream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        let size = unsafe cel_resolve(host, port, type, isPassive ? 1 : 0, &bytes, 128)
        guard size > 0 else {
            let reason = unsafe String(cString: cel_resolve_error(size))
            throw ResolveError(description: "\(host):\(port): \(reason)")
        }
        self.bytes = Array(bytes.prefix(Int(size)))
    }

    /// The IPv4 address and the port, in host order; nil for IPv6.
    public var version4: (address: UInt32, port: UInt16)? {
        guard !isIPv6, bytes.count >= 8 else { return nil }
        let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        return (bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) }, port)
    }
}

extension UnixSocket {
    /// A socket of either family; SOCK_STREAM sends small segments at once.
    public static func makeInternet(for address: SocketAddress, isStream: Bool) throws(Errno) -> OwnedDescriptor {
        let type = Int32(bitPattern: isStream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        let family = address.isIPv6 ? AF_INET6 : AF_INET
        let socket = OwnedDescriptor(adopting: try systemCall { cel_socket(family, type, 0) })
        if isStream { setNoDelay(socket) }
        return socket
    }

    public static func setNoDelay(_ socket: borrowing OwnedDescriptor) {
        _ = cel_set_option(socket.rawValue, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // A dead peer of a silent stream is noticed some day.
        _ = cel_set_option(socket.rawValue, SOL_SOCKET, SO_KEEPALIVE, 1)
    }

    /// A peer that is gone without a word ends the connection within a minute (tcp(7)), whether something is on its way to it or
    /// not: the kernel alone would take two hours, or a quarter of one.
    public static func noticeDeadPeer(_ socket: borrowing OwnedDescriptor) {
        let tcp = Int32(IPPROTO_TCP)
        _ = cel_set_option(socket.rawValue, SOL_SOCKET, SO_KEEPALIVE, 1)
        _ = cel_set_option(socket.rawValue, tcp, TCP_KEEPIDLE, 20)
        _ = cel_set_option(socket.rawValue, tcp, TCP_KEEPINTVL, 10)
        _ = cel_set_option(socket.rawValue, tcp, TCP_KEEPCNT, 4)
        _ = cel_set_option(socket.rawValue, tcp, TCP_USER_TIMEOUT, 60_000)
    }

    public static func bind(_ socket: borrowing OwnedDescriptor, to address: SocketAddress) throws(Errno) {
        let fd = socket.rawValue
        _ = cel_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        try systemCall { unsafe cel_bind(fd, address.bytes, UInt32(address.bytes.count)) }
    }

    /// Connects, or begins to: false while it is in progress.
    public static func connect(_ socket: borrowing OwnedDescriptor, to address: SocketAddress) throws(Errno) -> Bool {
        let fd = socket.rawValue
        let result = unsafe cel_connect(fd, address.bytes, UInt32(address.bytes.count))
        if result == -EINPROGRESS { return false }
        if result < 0 { throw Errno(rawValue: -result) }
        return true
    }

    /// The address that an IPv4 socket sends from.
    public static func localAddress4(_ socket: borrowing OwnedDescriptor) -> (address: UInt32, port: UInt16)? {
        var address: UInt32 = 0
        var port: UInt16 = 0
        guard unsafe cel_local4(socket.rawValue, &address, &port) >= 0 else { return nil }
        return (address, port)
    }

    /// Joins an IPv4 multicast group.
    public static func join(_ socket: borrowing OwnedDescriptor, group: UInt32, interface: UInt32) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { cel_join_group4(fd, group, interface) }
    }

    /// Sets how group traffic leaves: by which interface's address (0: the kernel's choice), and how far.
    public static func setGroup(_ socket: borrowing OwnedDescriptor, interface: UInt32, ttl: Int32) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { cel_send_group4(fd, interface, ttl) }
    }

    /// A socket's type, as SOCK_STREAM; nil when it is none.
    public static func kind(ofDescriptor descriptor: Int32) -> Kind? {
        switch cel_get_option(descriptor, SOL_SOCKET, SO_TYPE) {
        case Int32(bitPattern: SOCK_STREAM.rawValue): .stream
        case Int32(bitPattern: SOCK_DGRAM.rawValue): .datagram
        case Int32(bitPattern: SOCK_SEQPACKET.rawValue): .sequencedPacket
        default: nil
        }
    }
}
