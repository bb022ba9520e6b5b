// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
import Glibc
public import LinuxSystem
import Wire

extension HostSockets {
    /// Binds the socket of another forward, whose number is that of one that was taken away, or the next.
    public mutating func addForward(_ forward: PortForward, number: Int) throws(HostSocketsError) {
        let socket = try open(forward, number: number)
        if number < listeners.count { listeners[number] = socket } else { listeners.append(socket) }
    }

    /// Closes a forward's socket. Connections that were accepted there stay.
    public mutating func removeForward(number: Int) {
        guard listeners.indices.contains(number) else { return }
        if let descriptor = release(listeners[number]) { InternetSocket.close(descriptor) }
    }

    /// Binds a forward's socket.
    mutating func open(_ forward: PortForward, number: Int) throws(HostSocketsError) -> HostSocket {
        let isTCP = forward.transport == .tcp
        let fd = isTCP ? InternetSocket.makeTCP() : InternetSocket.makeUDP()
        guard fd >= 0 else { throw HostSocketsError(forward, Errno(rawValue: -fd)) }
        var result = InternetSocket.bind(
            fd,
            address: forward.hostAddress.rawValue,
            port: forward.hostPort,
            // UDP sockets with this option would share a port silently.
            reuse: isTCP
        )
        if result >= 0, isTCP { result = InternetSocket.listen(fd, backlog: Self.backlog) }
        guard result >= 0 else {
            InternetSocket.close(fd)
            throw HostSocketsError(forward, Errno(rawValue: -result))
        }
        guard let socket = add(fd, .listener, token: .forward(number)) else {
            throw HostSocketsError(forward, .noMemory)
        }
        return socket
    }

    /// Connections that may wait while the loop is busy; the kernel grants at most `net.core.somaxconn`.
    private static var backlog: Int32 { 1024 }
}

/// Why the host's sockets could not be set up.
public struct HostSocketsError: Error, Sendable, CustomStringConvertible {
    /// The forward that could not be bound.
    public let forward: PortForward
    public let errno: Errno

    init(_ forward: PortForward, _ errno: Errno) {
        self.forward = forward
        self.errno = errno
    }

    public var description: String {
        let transport = forward.transport == .tcp ? "TCP" : "UDP"
        let port = "\(transport) port \(forward.hostPort)"
        return switch errno {
        case .addressInUse:
            "\(port) is in use on the host; choose another one for the forward to \(forward.guestAddress)"
        case .accessDenied, .notPermitted:
            "no permission for \(port): ports below net.ipv4.ip_unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE"
        case Errno(rawValue: EADDRNOTAVAIL): "\(forward.hostAddress) is not an address of this host"
        default: "cannot listen on \(port): \(errno)"
        }
    }
}
