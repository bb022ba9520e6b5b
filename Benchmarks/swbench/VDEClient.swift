// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// A client of a VDE switch that does on the wire what libvdeplug 4 does: the request on the stream socket, both data
/// sockets connected to each other, the client's name unlinked at once, and plain blocking `send` and `recv` from then on.
enum VDEClient {
    private static let magic: UInt32 = 0xfeed_face
    private static let version: UInt32 = 3
    private static let serial = Atomic(0)

    /// Attaches to a free port of the switch with the directory `path`, or to the interface of a multiplexer whose socket it
    /// is.
    static func attach(_ path: String, description: String) throws -> (data: Int32, control: Int32) {
        let isInterface = (try? FileStatus(path: path))?.isSocket ?? false
        let socketPath = isInterface ? path : path + "/ctl"
        let path = isInterface ? path.split(separator: "/").dropLast().map { "/\($0)" }.joined() : path
        guard let control = UnixSocketAddress(path: socketPath) else {
            throw Failure("\(path): the path is too long")
        }
        let stream = try open(SOCK_STREAM)
        try call("connect(\(socketPath))") { unsafe cel_connect(stream, control.bytes, UInt32(control.bytes.count)) }

        let number = serial.wrappingAdd(1, ordering: .relaxed).newValue
        guard let own = UnixSocketAddress(path: "\(path)/.swbench-\(CurrentProcess.id)-\(number)") else {
            throw Failure("\(path): the path is too long")
        }
        let data = try open(SOCK_DGRAM)
        try call("bind(\(own.path ?? ""))") { unsafe cel_bind(data, own.bytes, UInt32(own.bytes.count)) }
        defer { if let name = own.path { unsafe _ = unlink(name) } }

        var request: [UInt8] = []
        for word in [magic, version, 0] {
            for shift in [0, 8, 16, 24] { request.append(UInt8(truncatingIfNeeded: word >> UInt32(shift))) }
        }
        request += own.bytes
        request += Array(description.utf8)
        let sent = unsafe send(stream, request, request.count, Int32(MSG_NOSIGNAL))
        guard sent == request.count else { throw Failure("\(path): the switch does not take the request") }

        Link.limit(stream, option: SO_RCVTIMEO, milliseconds: 5000)
        var reply = [UInt8](repeating: 0, count: UnixSocketAddress.byteCount)
        let received = unsafe recv(stream, &reply, reply.count, Int32(MSG_WAITALL))
        guard received == reply.count, let peer = UnixSocketAddress(bytes: reply) else {
            throw Failure("\(path): the switch refuses the request (all ports in use?)")
        }
        try call("connect(\(peer.path ?? "abstract name"))") {
            unsafe cel_connect(data, peer.bytes, UInt32(peer.bytes.count))
        }
        return (data, stream)
    }

    private static func open(_ kind: __socket_type) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(bitPattern: kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.systemCall("socket", Errno(rawValue: errno)) }
        return descriptor
    }

    private static func call(_ name: String, _ body: () -> Int32) throws {
        let result = body()
        guard result == 0 else { throw Failure.systemCall(name, Errno(rawValue: -result)) }
    }
}

/// Attaches ports that stay silent, says so on standard output, and waits for standard input to end.
func hold(_ options: Options) throws -> Report? {
    guard let path = options.text("sock") else { throw Failure("hold needs --sock\n\(usage)", status: 64) }
    let count = try options.count("ports", in: 1...4096) ?? 1
    var ports: [(data: Int32, control: Int32)] = []
    for _ in 0..<count { ports.append(try VDEClient.attach(path, description: "swbench idle")) }
    print("{\"ports\": \(count)}")
    fflush(nil)
    while getchar() != EOF {}
    for port in ports {
        close(port.data)
        close(port.control)
    }
    return nil
}
