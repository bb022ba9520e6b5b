// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Guests

/// A keeper of a test's own, with a lab directory.
private final class KeptLab {
    let directory: String
    let client: KeeperClient
    private let keeper: ChildProgram

    init() throws {
        directory = NSTemporaryDirectory() + "el-kept-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory + "/R", withIntermediateDirectories: true)
        try FileSystem.setMode(directory + "/R", 0o700)
        let ready = try OwnedDescriptor.pipe()
        keeper = try ChildProgram(
            [
                EtherloomBinary.path, "keeper", "--lab", "test", "--directory", directory, "--runtime",
                directory + "/R",
                "--ready-fd", "3",
            ],
            third: ready.second.rawValue
        )
        try ready.second.close()
        _ = try ready.first.read(atMost: 100)
        client = try KeeperClient(runtimeDirectory: directory + "/R")
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ text: String, _ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path(name) as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: path(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    @discardableResult
    func ask(_ words: String...) throws -> [String] { try client.request(words, patience: 20_000_000_000).words }

    func define(_ guest: String) throws {
        try ask(
            "define",
            guest,
            "kind=process",
            "run=\(path("run/\(guest)"))",
            "master=\(path("master"))",
            "upper=\(path("host/\(guest)"))",
            "mount=\(path("mount/\(guest)"))",
            "hostname=\(guest)"
        )
    }

    func down() throws {
        try ask("down", "grace=100")
        #expect(try keeper.wait().exitCode == 0)
    }

    deinit {
        keeper.end()
        _ = try? RootWorker(.own, program: EtherloomBinary.path).run(["remove", directory])
    }
}

@Suite("Roots that a keeper keeps", .serialized)
struct KeeperRootsTests {
    @Test("snapshots of all guests, running or not; files go with their guest; nothing stays mounted")
    func life() throws {
        let lab = try KeptLab()
        try MasterBuilder(path: lab.path("master"), worker: RootWorker(.own, program: EtherloomBinary.path))
            .create(from: .busybox)
        try lab.write("1\n", "host/alice/etc/state")
        for guest in ["alice", "bob"] { try lab.define(guest) }
        #expect(lab.read("mount/alice/etc/hosts")?.contains("localhost") == true)
        try lab.ask("start", "alice")
        try lab.ask("wait", "alice", "running", "timeout=10000")
        try lab.ask("snapshot-save", "one")
        // It was paused, and goes on.
        #expect(KeeperState(words: try lab.ask("state")).guests.map(\.state) == [.running, .stopped])
        try lab.write("2\n", "mount/alice/etc/state")
        try FileManager.default.removeItem(atPath: lab.path("mount/bob/etc/hosts"))
        #expect(throws: GuestError.self) { try lab.ask("snapshot-restore", "one") }
        try lab.ask("stop", "alice", "grace=200")
        try lab.ask("wait", "alice", "stopped", "timeout=10000")
        #expect(lab.read("mount/alice/etc/state") == "2\n")
        try lab.ask("snapshot-restore", "one")
        #expect(lab.read("mount/alice/etc/state") == "1\n")
        #expect(lab.read("mount/bob/etc/hosts") != nil)
        #expect(lab.read("snapshots/before-restore/roots/alice/etc/state") == "2\n")
        let list = try lab.ask("snapshots")
        #expect(list.filter { $0.hasPrefix("snapshot=") } == ["snapshot=before-restore", "snapshot=one"])

        try lab.ask("delete", "alice", "files")
        for name in ["host/alice", "host/.work/alice", "run/alice"] {
            #expect(!FileManager.default.fileExists(atPath: lab.path(name)))
        }
        try lab.ask("layers", "bob", "layer=\(lab.path("snapshots/before-restore/roots/alice"))")
        #expect(lab.read("mount/bob/etc/state") == "2\n")
        try lab.down()
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.path("mount")) == [])
        #expect(lab.read("master/etc/hosts")?.contains("localhost") == true)
    }

    @Test("a restore that was interrupted is finished before a guest's root is mounted again")
    func interrupted() throws {
        let lab = try KeptLab()
        try lab.write("m\n", "master/m")
        try lab.write("old\n", "host/.replaced/alice/state")
        try lab.write("new\n", "host/.restore/alice/state")
        try lab.write("", "host/.restore/.ready/mark")
        try lab.define("alice")
        try lab.define("bob")
        #expect(lab.read("mount/alice/state") == "new\n")
        #expect(lab.read("snapshots/before-restore/roots/alice/state") == "old\n")
        #expect(!FileManager.default.fileExists(atPath: lab.path("host/.restore")))
        try lab.down()
    }
}
