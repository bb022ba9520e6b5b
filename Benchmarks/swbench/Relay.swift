// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem

/// `relay`: the least that a switch of VDE's protocol can be, in one thread, until standard input ends.
///
/// It takes two clients, looks at no address and keeps no queue: what one sends is sent to the other, a system call each way, as
/// a plain loop in C would. What a real switch needs for a frame is read beside it.
func relay(_ options: Options) throws -> Report? {
    guard let path = options.text("sock") else { throw Failure("relay needs --sock\n\(usage)", status: 64) }
    guard unsafe mkdir(path, 0o700) == 0 else { throw Failure.systemCall("mkdir(\(path))", Errno(rawValue: errno)) }
    guard let control = UnixSocketAddress(path: path + "/ctl") else { throw Failure("\(path): the path is too long") }
    defer {
        for name in ["/ctl", "/001", "/002", ""] { _ = unsafe remove(path + name) }
    }
    let listener = try RelayPort.socket(SOCK_STREAM, bound: control)
    guard listen(listener, 4) == 0 else { throw Failure.systemCall("listen", Errno(rawValue: errno)) }
    let ports = [
        try RelayPort(accepting: listener, path: path + "/001"),
        try RelayPort(accepting: listener, path: path + "/002"),
    ]
    try relayFrames(ports)
    return nil
}

/// One client, attached as `VDEClient` does it.
private struct RelayPort {
    let data: Int32

    init(accepting listener: Int32, path: String) throws {
        let stream = unsafe accept(listener, __SOCKADDR_ARG(), nil)
        guard stream >= 0 else { throw Failure.systemCall("accept", Errno(rawValue: errno)) }
        var request = [UInt8](repeating: 0, count: 1024)
        let count = unsafe recv(stream, &request, request.count, 0)
        // Magic, version, port; then the client's address.
        let size = UnixSocketAddress.byteCount
        guard count >= 12 + size, let client = UnixSocketAddress(bytes: Array(request[12..<12 + size])),
            let own = UnixSocketAddress(path: path)
        else { throw Failure("a client's request is none") }
        data = try Self.socket(SOCK_DGRAM, bound: own)
        let status = unsafe cel_connect(data, client.bytes, UInt32(client.bytes.count))
        guard status == 0 else { throw Failure.systemCall("connect", Errno(rawValue: -status)) }
        let reply = own.bytes + [UInt8](repeating: 0, count: size - own.bytes.count)
        guard unsafe send(stream, reply, size, Int32(MSG_NOSIGNAL)) == size else {
            throw Failure.systemCall("send", Errno(rawValue: errno))
        }
    }

    static func socket(_ kind: __socket_type, bound address: UnixSocketAddress) throws -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(bitPattern: kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = unsafe cel_bind(descriptor, address.bytes, UInt32(address.bytes.count))
        guard status == 0 else { throw Failure.systemCall("bind", Errno(rawValue: -status)) }
        return descriptor
    }
}

private func relayFrames(_ ports: [RelayPort]) throws {
    let buffer = Buffer(byteCount: TestFrame.maximumByteCount)
    let (first, second) = (ports[0].data, ports[1].data)
    var waiting = [
        pollfd(fd: first, events: Int16(POLLIN), revents: 0), pollfd(fd: second, events: Int16(POLLIN), revents: 0),
        pollfd(fd: 0, events: Int16(POLLIN), revents: 0),
    ]
    while true {
        guard unsafe poll(&waiting, 3, -1) > 0 else { continue }
        if waiting[2].revents != 0 { return }
        for (from, to) in [(first, second), (second, first)] {
            // As many as a burst of ours.
            for _ in 0..<32 {
                let count = unsafe recv(from, buffer.bytes, buffer.byteCount, Int32(MSG_DONTWAIT))
                guard count > 0 else { break }
                _ = unsafe send(to, buffer.bytes, count, Int32(MSG_NOSIGNAL))
            }
        }
    }
}
