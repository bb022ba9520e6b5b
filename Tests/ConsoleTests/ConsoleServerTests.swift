// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Console

@Suite struct ConsoleServerTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("s" + UUID().uuidString.prefix(8)).path
    private var path: String { folder + "/mgmt" }

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private func refusal(_ fixture: ConsoleFixture, path: String) -> String? {
        do {
            _ = try ConsoleServer(fixture.console, path: path)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `the socket has mode and group, is shown, and goes at the end`() throws {
        let fixture = try ConsoleFixture()
        let server = try ConsoleServer(fixture.console, path: path, mode: 0o660, groupID: CurrentProcess.groupID)
        let status = try FileStatus(path: path)
        #expect(status.isSocket && status.mode & 0o777 == 0o660 && status.groupID == CurrentProcess.groupID)
        #expect(fixture.console.execute("showinfo")?.lines?.last == "mgmt \(server.path) perm 0660")
        server.close()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(fixture.console.execute("showinfo")?.lines?.last?.hasPrefix("pid ") == true)
        server.close()
    }

    @Test func `the default mode lets the owner in and nobody else`() throws {
        let fixture = try ConsoleFixture()
        let server = try ConsoleServer(fixture.console, path: path)
        #expect(try FileStatus(path: path).mode & 0o777 == 0o600)
        server.close()
    }

    @Test func `a dead console's socket is taken over`() throws {
        let dead = try UnixSocket.make(.stream)
        try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: path)))
        try dead.close()
        let server = try ConsoleServer(try ConsoleFixture().console, path: path)
        server.close()
    }

    @Test func `a living console keeps its place`() throws {
        let live = try ConsoleServer(try ConsoleFixture().console, path: path)
        let before = try FileStatus(path: path)
        #expect(
            refusal(try ConsoleFixture(), path: path)
                == "\(path): another console is there; stop it or choose another path with -M"
        )
        #expect(try FileStatus(path: path) == before)
        live.close()
    }

    @Test func `nothing but a socket is removed`() throws {
        try "precious".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(
            refusal(try ConsoleFixture(), path: path)
                == "\(path): exists and is no socket; choose another path with -M"
        )
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func `what stands in the socket's place later is left alone`() throws {
        let server = try ConsoleServer(try ConsoleFixture().console, path: path)
        try FileSystem.remove(path)
        try "other".write(toFile: path, atomically: false, encoding: .utf8)
        server.close()
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func `errors name the path`() throws {
        let missing = folder + "/none/mgmt"
        #expect(
            refusal(try ConsoleFixture(), path: missing)
                == "\(missing): cannot make the console's socket: No such file or directory; "
                + "choose another path with -M"
        )
        let long = folder + "/" + String(repeating: "x", count: 120)
        #expect(refusal(try ConsoleFixture(), path: long) == "\(long): not a path for a socket: at most 107 bytes")
    }
}
