// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime
import Testing

@Suite("Sockets at a path")
struct SocketPathTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.path + "/socket" }

    init() throws { folder = try TemporaryDirectory() }

    private func refusal(_ path: String, _ kind: UnixSocket.Kind = .stream) -> SocketPath.BindError? {
        do throws(SocketPath.BindError) {
            _ = try SocketPath(path).makeSocket(kind, mode: 0o600)
            return nil
        } catch {
            return error
        }
    }

    /// Whether a program that serves the path would be found out.
    @Test(
        "a socket in use is left alone, whatever its kind",
        arguments: [UnixSocket.Kind.stream, .datagram, .sequencedPacket]
    )
    func inUse(_ kind: UnixSocket.Kind) throws {
        let mine = try SocketPath(path)
        let socket = try mine.makeSocket(kind, mode: 0o640)
        if kind != .datagram { try UnixSocket.listen(socket) }
        let status = try FileStatus(path: path)
        #expect(status.mode & 0o777 == 0o640)
        #expect(refusal(path, kind) == .inUse(path))
        #expect(try FileStatus(path: path) == status)
        mine.remove()
        #expect(folder.names.isEmpty)
        withExtendedLifetime(socket) {}
    }

    @Test("a dead program's socket is replaced", arguments: [UnixSocket.Kind.stream, .datagram, .sequencedPacket])
    func dead(_ kind: UnixSocket.Kind) throws {
        let socket = try UnixSocket.make(kind)
        try UnixSocket.bind(socket, to: try #require(UnixSocketAddress(path: path)))
        try socket.close()
        #expect(folder.names == ["socket"])
        #expect(refusal(path, kind) == nil)
        #expect(folder.names.isEmpty)
    }

    @Test("anything else in the place is named and kept")
    func occupied() throws {
        try FileSystem.makeDirectory(path, mode: 0o700)
        #expect(refusal(path) == .occupied(path))
        // A link that leads to a dead socket is not ours to remove either.
        let target = folder.path + "/target"
        let socket = try UnixSocket.make(.stream)
        try UnixSocket.bind(socket, to: try #require(UnixSocketAddress(path: target)))
        try socket.close()
        let link = folder.path + "/link"
        #expect(symlink(target, link) == 0)
        #expect(refusal(link) == .occupied(link))
        #expect(folder.names == ["socket", "target", "link"])
    }

    @Test("what cannot be has its reason")
    func reasons() {
        let long = "/" + String(repeating: "x", count: 200)
        #expect(refusal(long) == .unusable(long))
        #expect(refusal("") == .unusable(""))
        let missing = folder.path + "/none/socket"
        #expect(refusal(missing) == .failed(missing, .noEntry))
    }

    @Test("a successor's file survives the predecessor's end")
    func successor() throws {
        let first = try SocketPath(path)
        let socket = try first.makeSocket(.datagram, mode: 0o600)
        try FileSystem.remove(path)
        let second = try SocketPath(path)
        let other = try second.makeSocket(.datagram, mode: 0o600)
        first.remove()
        #expect(folder.names == ["socket"])
        second.remove()
        #expect(folder.names.isEmpty)
        withExtendedLifetime(socket) {}
        withExtendedLifetime(other) {}
    }
}
