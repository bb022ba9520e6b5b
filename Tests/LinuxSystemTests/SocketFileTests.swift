// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import Testing

@Suite("A socket's file, held")
final class SocketFileTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/socket-file-\(UUID().uuidString.prefix(8))"
        try FileSystem.makeDirectory(folder, mode: 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func bound(_ path: String, _ kind: UnixSocket.Kind = .datagram) throws -> OwnedDescriptor {
        let socket = try UnixSocket.make(kind)
        try UnixSocket.bind(socket, to: try #require(UnixSocketAddress(path: path)))
        return socket
    }

    private func refusal(_ path: String) -> Errno? {
        do throws(Errno) {
            _ = try SocketFile(path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test("only sockets are held, and no link is followed")
    func onlySockets() throws {
        let socket = try bound(folder + "/socket")
        try "text".write(toFile: folder + "/text", atomically: false, encoding: .utf8)
        #expect(symlink(folder + "/socket", folder + "/link") == 0)
        #expect(refusal(folder + "/socket") == nil)
        for name in ["text", "link", "."] {
            #expect(refusal(folder + "/" + name) == Errno(rawValue: ENOTSOCK), "\(name)")
        }
        #expect(refusal(folder + "/none") == .noEntry)
        withExtendedLifetime(socket) {}
    }

    @Test("what takes the path's place is neither changed nor connected to")
    func heldFile() throws {
        let path = folder + "/socket"
        let mine = try bound(path)
        let file = try SocketFile(path: path)
        #expect(rename(path, folder + "/moved") == 0)
        let theirs = try bound(path)
        let before = try FileStatus(path: path)
        try file.setMode(0o617)
        #expect(try FileStatus(path: folder + "/moved").mode & 0o777 == 0o617)
        #expect(try FileStatus(path: path) == before)

        let sender = try UnixSocket.make(.datagram)
        try file.connect(sender)
        try UnixSocket.send([1, 2, 3], to: sender)
        #expect(try mine.read(atMost: 10) == [1, 2, 3])
        #expect(throws: Errno.wouldBlock) { try theirs.read(atMost: 10) }
    }

    @Test("a removed file's socket can still be connected to, an ended program's not")
    func removed() throws {
        let path = folder + "/socket"
        let mine = try bound(path)
        let file = try SocketFile(path: path)
        try FileSystem.remove(path)
        let sender = try UnixSocket.make(.datagram)
        try file.connect(sender)
        try mine.close()
        #expect(throws: Errno.connectionRefused) { try file.connect(sender) }
    }
}
