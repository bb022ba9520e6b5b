// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// AF_UNIX sockets, unix(7). All are made non-blocking and close-on-exec.
public enum UnixSocket {
    public enum Kind: Sendable {
        case stream, datagram, sequencedPacket

        fileprivate var rawValue: Int32 {
            switch self {
            case .stream: Int32(bitPattern: SOCK_STREAM.rawValue)
            case .datagram: Int32(bitPattern: SOCK_DGRAM.rawValue)
            case .sequencedPacket: Int32(bitPattern: SOCK_SEQPACKET.rawValue)
            }
        }
    }

    /// Who made the other end, as the kernel recorded it: SO_PEERCRED.
    public struct Credentials: Sendable, Equatable {
        public let processID: Int32
        public let userID: UInt32
        public let groupID: UInt32

        public init(processID: Int32, userID: UInt32, groupID: UInt32) {
            self.processID = processID
            self.userID = userID
            self.groupID = groupID
        }
    }

    /// Whether a descriptor is a stream socket of this family that is listened on: SO_ACCEPTCONN, SO_DOMAIN, SO_TYPE.
    public static func isListening(_ descriptor: Int32) -> Bool {
        func option(_ name: Int32) -> Int32 {
            var value: Int32 = -1
            var size = socklen_t(MemoryLayout<Int32>.size)
            return unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1
        }
        return option(SO_ACCEPTCONN) == 1 && option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == Kind.stream.rawValue
    }

    public static func make(_ kind: Kind) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try systemCall { cel_socket(AF_UNIX, kind.rawValue, 0) })
    }

    public static func pair(_ kind: Kind) throws(Errno) -> DescriptorPair {
        var ends: [Int32] = [0, 0]
        try systemCall { unsafe cel_socketpair(AF_UNIX, kind.rawValue, &ends) }
        return DescriptorPair(first: OwnedDescriptor(adopting: ends[0]), second: OwnedDescriptor(adopting: ends[1]))
    }

    public static func bind(_ socket: borrowing OwnedDescriptor, to address: UnixSocketAddress) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { unsafe cel_bind(fd, address.bytes, UInt32(address.bytes.count)) }
    }

    public static func connect(_ socket: borrowing OwnedDescriptor, to address: UnixSocketAddress) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { unsafe cel_connect(fd, address.bytes, UInt32(address.bytes.count)) }
    }

    /// A new socket with its other end at the address.
    public static func connection(_ kind: Kind, to address: UnixSocketAddress) throws(Errno) -> OwnedDescriptor {
        let socket = try make(kind)
        try connect(socket, to: address)
        return socket
    }

    public static func listen(_ socket: borrowing OwnedDescriptor, backlog: Int32 = 128) throws(Errno) {
        let fd = socket.rawValue
        try systemCall { cel_listen(fd, backlog) }
    }

    /// The next waiting connection, nil when none waits.
    public static func accept(_ socket: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor? {
        let fd = socket.rawValue
        do {
            return OwnedDescriptor(adopting: try systemCall { cel_accept(fd, nil, nil) })
        } catch {
            // A peer that gave up while it waited is nobody's fault.
            if error == .wouldBlock || error == Errno(rawValue: ECONNABORTED) { return nil }
            throw error
        }
    }

    public static func credentials(_ socket: borrowing OwnedDescriptor) throws(Errno) -> Credentials {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        let fd = socket.rawValue
        try systemCall { unsafe cel_peer_credentials(fd, &pid, &uid, &gid) }
        return Credentials(processID: pid, userID: uid, groupID: gid)
    }

    /// The other end sees the connection's end now, whoever else holds a descriptor of this one; shutdown(2).
    public static func shutDown(_ socket: borrowing OwnedDescriptor) {
        _ = cel_shutdown(socket.rawValue, Int32(SHUT_RDWR))
    }

    /// The other end sees that nothing more comes, and can still send; shutdown(2).
    public static func shutDownWriting(_ socket: borrowing OwnedDescriptor) {
        _ = cel_shutdown(socket.rawValue, Int32(SHUT_WR))
    }

    /// Nothing more is taken from the other end, which can still receive; shutdown(2).
    public static func shutDownReading(_ socket: borrowing OwnedDescriptor) {
        _ = cel_shutdown(socket.rawValue, Int32(SHUT_RD))
    }

    /// Memory of what was sent and the other end has not read yet, with the kernel's own share; 0 when all was read. SIOCOUTQ,
    /// whose number is TIOCOUTQ's; tcp(7).
    public static func untakenByteCount(_ socket: borrowing OwnedDescriptor) -> Int {
        var count: Int32 = 0
        guard unsafe ioctl(socket.rawValue, UInt(TIOCOUTQ), &count) == 0 else { return 0 }
        return Int(count)
    }

    /// Asks the kernel for room to queue what is sent; it grants at most `net.core.wmem_max`.
    public static func setSendBuffer(_ socket: borrowing OwnedDescriptor, byteCount: Int) {
        _ = cel_set_option(socket.rawValue, SOL_SOCKET, SO_SNDBUF, Int32(clamping: byteCount))
    }
}
