// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("What a guest has sent")
struct ReceivedTreeTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("received-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    private func write(_ text: String, _ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    private func read(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test("only what was asked for comes to its place, by its new name, and nothing is left beside it")
    func onlyThat() throws {
        try withDirectory { home in
            try write("mine", home + "/.profile")
            do {
                let received = try ReceivedTree(beside: home)
                #expect(try FileStatus(path: received.directory).mode & 0o777 == 0o700)
                try write("hosts", received.directory + "/hosts")
                try write("theirs", received.directory + "/.profile")
                try received.take("hosts", to: home, as: "copy")
                #expect(throws: GuestError.self) { try received.take("missing", to: home, as: "missing") }
            }
            #expect(read(home + "/copy") == "hosts")
            #expect(read(home + "/.profile") == "mine")
            #expect(try FileSystem.names(in: home).sorted() == [".profile", "copy"])
        }
    }

    @Test("directories are merged, files replaced, and a link of the host's is not followed")
    func merged() throws {
        try withDirectory { home in
            try write("old", home + "/tree/a/file")
            try write("kept", home + "/tree/a/other")
            try write("safe", home + "/elsewhere/file")
            try FileSystem.makeLink(home + "/tree/link", to: home + "/elsewhere")
            let received = try ReceivedTree(beside: home)
            try write("new", received.directory + "/tree/a/file")
            try write("more", received.directory + "/tree/b/file")
            try FileSystem.setMode(received.directory + "/tree/b", 0o555)
            try received.take("tree", to: home, as: "tree")
            #expect(read(home + "/tree/a/file") == "new")
            #expect(read(home + "/tree/a/other") == "kept")
            #expect(read(home + "/tree/b/file") == "more")
            #expect(try FileStatus(path: home + "/tree/b").mode & 0o777 == 0o555)
            try FileSystem.setMode(home + "/tree/b", 0o755)

            try write("evil", received.directory + "/tree/link/file")
            #expect(throws: GuestError.self) { try received.take("tree", to: home, as: "tree") }
            #expect(read(home + "/elsewhere/file") == "safe")
        }
    }

    @Test("what a process left that was killed is swept by the next one")
    func swept() throws {
        try withDirectory { home in
            try write("x", home + "/.etherloom-cp-999999999/tree/file")
            try write("x", home + "/.etherloom-cp-notes/file")
            _ = try ReceivedTree(beside: home)
            #expect(try FileSystem.names(in: home) == [".etherloom-cp-notes"])
        }
    }

    @Test("everything is merged into a directory; devices are left out", .enabled(if: getuid() == 0))
    func everything() throws {
        try withDirectory { home in
            let received = try ReceivedTree(beside: home)
            try write("one", received.directory + "/one")
            try #require(mknod(received.directory + "/null", S_IFCHR | 0o666, 0x103) == 0)
            try #require(mkdir(received.directory + "/dev", 0o755) == 0)
            try #require(mknod(received.directory + "/dev/null", S_IFCHR | 0o666, 0x103) == 0)
            try received.take(".", to: home, as: ".")
            #expect(try FileSystem.names(in: home).filter { !$0.hasPrefix(".") }.sorted() == ["dev", "one"])
            #expect(try FileSystem.names(in: home + "/dev").isEmpty)
        }
    }
}
