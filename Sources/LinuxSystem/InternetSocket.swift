// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// TCP and UDP sockets over IPv4 as a gateway uses them: raw descriptors, addresses and ports in host order; a count, a
/// descriptor or `-errno` comes back. Nothing waits, allocates or throws.
///
/// Descriptors are the caller's to close.
public enum InternetSocket {
    /// A TCP socket that sends small segments at once (TCP_NODELAY). Buffer sizes stay the kernel's to tune.
    public static func makeTCP() -> Int32 {
        let fd = cel_socket(AF_INET, Int32(bitPattern: SOCK_STREAM.rawValue), 0)
        if fd >= 0 { disableDelay(fd) }
        return fd
    }

    public static func makeUDP() -> Int32 { cel_socket(AF_INET, Int32(bitPattern: SOCK_DGRAM.rawValue), 0) }

    private static func disableDelay(_ fd: Int32) { _ = cel_set_option(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// The corresponding C function is `connect`.
    public static func connect(_ fd: Int32, address: UInt32, port: UInt16) -> Int32 { cel_connect4(fd, address, port) }

    /// Binds, letting a port be used again while old connections of it rest.
    public static func bind(_ fd: Int32, address: UInt32, port: UInt16, reuse: Bool) -> Int32 {
        if reuse { _ = cel_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) }
        return cel_bind4(fd, address, port)
    }

    public static func listen(_ fd: Int32, backlog: Int32) -> Int32 { cel_listen(fd, backlog) }

    /// The port that a socket is bound to.
    public static func localPort(_ fd: Int32) -> UInt16? {
        var address: UInt32 = 0
        var port: UInt16 = 0
        return unsafe cel_local4(fd, &address, &port) >= 0 ? port : nil
    }

    /// The next waiting connection.
    public static func accept(_ fd: Int32, from address: inout UInt32, _ port: inout UInt16) -> Int32 {
        let accepted = unsafe cel_accept4(fd, &address, &port)
        if accepted >= 0 { disableDelay(accepted) }
        return accepted
    }

    /// How a connection attempt stands: 0 when connected, `-EINPROGRESS`, or why it failed.
    public static func connectionResult(_ fd: Int32) -> Int32 {
        let pending = cel_get_option(fd, SOL_SOCKET, SO_ERROR)
        if pending != 0 { return pending > 0 ? -pending : pending }
        var storage: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var size = UInt32(MemoryLayout.size(ofValue: storage))
        let result = unsafe cel_getpeername(fd, &storage, &size)
        return result == -ENOTCONN ? -EINPROGRESS : result
    }

    /// The corresponding C function is `send`.
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe cel_send(fd, $0.baseAddress, $0.count, 0) }
    }

    /// Sends, and lets the kernel wait for more (MSG_MORE).
    public static func sendMore(_ fd: Int32, _ bytes: Span<UInt8>) -> Int {
        let flags = Int32(truncatingIfNeeded: MSG_MORE)
        return unsafe bytes.withUnsafeBufferPointer { unsafe cel_send(fd, $0.baseAddress, $0.count, flags) }
    }

    /// Sends what waits for more: setting TCP_NODELAY, even again, does so (tcp(7)).
    public static func push(_ fd: Int32) { disableDelay(fd) }

    /// Sends several datagrams of `segment` bytes.
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>, segment: UInt16) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe cel_send_segments(fd, $0.baseAddress, $0.count, segment) }
    }

    /// The corresponding C function is `sendto`.
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>, to address: UInt32, port: UInt16) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe cel_send_to4(fd, $0.baseAddress, $0.count, address, port) }
    }

    /// The corresponding C function is `recv`; with `peek` the data stays received.
    public static func receive(_ fd: Int32, into buffer: inout MutableSpan<UInt8>, peek: Bool) -> Int {
        let flags = peek ? Int32(truncatingIfNeeded: MSG_PEEK) : 0
        return unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe cel_receive(fd, $0.baseAddress, $0.count, flags)
        }
    }

    /// The corresponding C function is `recvfrom`.
    public static func receive(
        _ fd: Int32,
        into buffer: inout MutableSpan<UInt8>,
        from address: inout UInt32,
        _ port: inout UInt16
    ) -> Int {
        unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe cel_receive_from4(fd, $0.baseAddress, $0.count, &address, &port)
        }
    }

    /// Peeks behind `skip` bytes, on any kernel: how many bytes were found, the skipped ones included.
    public static func peek(
        _ fd: Int32,
        skip: Int,
        scratch: inout MutableSpan<UInt8>,
        into buffer: inout MutableSpan<UInt8>
    ) -> Int {
        unsafe buffer.withUnsafeMutableBufferPointer { target in
            unsafe scratch.withUnsafeMutableBufferPointer { waste in
                unsafe cel_peek_skipping(
                    fd,
                    skip,
                    waste.baseAddress,
                    waste.count,
                    target.baseAddress,
                    target.count
                )
            }
        }
    }

    /// Throws received bytes away.
    public static func discard(_ fd: Int32, byteCount: Int) -> Int { cel_discard(fd, byteCount) }

    /// From where peeks read, SO_PEEK_OFF. Peeking moves it on, receiving moves it back. -EOPNOTSUPP on TCP before 6.9.
    public static func setPeekOffset(_ fd: Int32, _ offset: Int32) -> Int32 {
        cel_set_option(fd, SOL_SOCKET, SO_PEEK_OFF, offset)
    }

    /// Whether the peer's FIN has arrived.
    public static func hasReadHangUp(_ fd: Int32) -> Bool { cel_has_read_hang_up(fd) != 0 }

    public static func shutdownWrite(_ fd: Int32) { _ = cel_shutdown(fd, Int32(SHUT_WR)) }

    public static func close(_ fd: Int32) { _ = cel_close(fd) }

    /// Closes so that the peer gets a reset (SO_LINGER of zero, socket(7)).
    public static func reset(_ fd: Int32) {
        _ = cel_set_linger_zero(fd)
        _ = cel_close(fd)
    }

    // Error numbers, in the form in which they come back.
    public static var wouldBlock: Int { Int(-EAGAIN) }
    public static var inProgress: Int32 { -EINPROGRESS }
}

extension Epoll {
    /// Watches a descriptor with an epoll instance that somebody else owns: 0 or `-errno`.
    public static func add(to epoll: Int32, _ fd: Int32, _ events: Events, word: UInt64) -> Int32 {
        cel_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events.rawValue, word)
    }

    /// Watches it anew, so that what is ready is reported again.
    public static func modify(in epoll: Int32, _ fd: Int32, _ events: Events, word: UInt64) -> Int32 {
        cel_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, events.rawValue, word)
    }
}

extension Epoll.Events {
    /// Urgent data.
    public static var urgent: Epoll.Events { Epoll.Events(rawValue: 0x002) }
}
