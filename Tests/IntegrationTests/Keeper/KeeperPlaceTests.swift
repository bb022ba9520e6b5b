// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// Who may look where, and whom one speaks to.
    @Suite("Places of labs")
    struct KeeperPlaceTests {
        @Test("directories are 0700, sockets and files 0600", arguments: KeeperTests.users)
        func modes(user: HostNamespace.User) throws {
            try KeptLab.with(user) { lab in
                try lab.ask("fabric", "segment-add", "lan", "kind=switch")
                let files = RuntimeFiles(directory: lab.runtime)
                let owner = try FileStatus(path: lab.directory).userID
                func expect(_ path: String, _ mode: UInt32) throws {
                    let status = try FileStatus(path: path, followLinks: false)
                    #expect(
                        status.mode & 0o7777 == mode && status.userID == owner,
                        "\(path): \(String(status.mode, radix: 8))"
                    )
                }
                for path in [files.directory, files.segments, files.vhost, files.roots] { try expect(path, 0o700) }
                for path in [files.keeper, files.fabric, files.keeperProcess, files.log] { try expect(path, 0o600) }
            }
        }

        private func start(_ host: HostNamespace, _ runtime: String) throws -> Program {
            let directory = host.data("lab")
            if !FileManager.default.fileExists(atPath: directory) {
                try host.check(["mkdir", directory], as: .ordinary)
            }
            return try host.run(
                [host.etherloom, "keeper", "--lab", "test", "--directory", directory, "--runtime", runtime],
                as: .ordinary
            )
        }

        @Test("a runtime directory that is somebody else's, or open to others, or a link, is refused and left as it is")
        func trap() throws {
            try require()
            try withHost { host in
                let place = host.data("place")
                try host.check(["mkdir", place], as: .ordinary)
                func expectRefusal(_ name: String) throws {
                    let program = try start(host, "\(place)/\(name)")
                    #expect(program.end == .exited(1), "\(program.transcript)")
                    #expect(program.errorLines.count == 1)
                    #expect(program.errorOutput.contains("\(place)/\(name) is not a directory that only user"))
                }
                try host.check(["mkdir", "-m", "777", "\(place)/open", "\(place)/target"], as: .ordinary)
                try host.check(["chmod", "700", "\(place)/target"], as: .ordinary)
                try host.check(["ln", "-s", "target", "\(place)/link"], as: .ordinary)
                try expectRefusal("open")
                try expectRefusal("link")
                if host.isRoot {
                    // As below /tmp, where anybody may have been first.
                    try host.check(["mkdir", "-m", "777", "\(place)/other"])
                    try expectRefusal("other")
                    try host.check(["chmod", "700", "\(place)/other"])
                    try expectRefusal("other")
                }
                for name in ["open", "target", "other"] {
                    #expect((try? FileManager.default.contentsOfDirectory(atPath: "\(place)/\(name)")) ?? [] == [])
                }
            }
        }

        @Test("a lab's directory that may not be read is named")
        func unreadable() throws {
            try require()
            try withHost { host in
                let directory = host.data("lab")
                try host.check(["mkdir", directory], as: .ordinary)
                try host.check(["chmod", "311", directory], as: .ordinary)
                let program = try start(host, host.path("R"))
                #expect(program.end == .exited(2), "\(program.transcript)")
                #expect(program.errorOutput.contains("\(directory): this user may not read"), "\(program.transcript)")
                #expect(!FileManager.default.fileExists(atPath: host.path("R")))
            }
        }

        @Test("a bridge that a lab has made on the host goes with the lab, but not when others have joined it")
        func joinedBridge() throws {
            try KeptLab.with(.runner) { lab in
                for isJoined in [false, true] {
                    try lab.ask("bridge-add", "lan", "host=etbr0")
                    try lab.ask("companion-add", "lan")
                    var plan = try lab.plan("alice", 0)
                    plan.interfaces[0].bridge = "lan"
                    try lab.define(plan)
                    try lab.start("alice")
                    if isJoined {
                        try lab.host.check(["ip", "tuntap", "add", "guest0", "mode", "tap"])
                        try lab.host.check(["ip", "link", "set", "guest0", "master", "etbr0"])
                    }
                    try lab.down()
                    #expect(try lab.host.links().contains("etbr0") == isJoined)
                    try lab.startAgain()
                }
                // The next keeper does not take it for its own either.
                #expect(try lab.host.links().contains("etbr0"))
                for link in ["guest0", "etbr0"] { try lab.host.check(["ip", "link", "del", link]) }
            }
        }

        @Test("a keeper's socket on which another user listens is not spoken to")
        func stranger() throws {
            try require("python3")
            try withHost { host in
                guard host.isRoot else { return }
                let lab = try RunningLab(host, as: .ordinary, "name: stranger\n" + RunningLab.two)
                let place = "\(lab.runtime)/\(LabPlaces.identifier(lab: "stranger"))"
                try host.check(["mkdir", "-p", "-m", "700", place], as: .ordinary)
                try lab.shell("printf 'stranger\\0\(lab.directory)\\0' >\(place)/lab")
                let program = """
                    import os, socket
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    s.bind("\(place)/keeper")
                    os.chmod("\(place)/keeper", 0o666)
                    os.setresuid(54322, 54322, 54322)
                    s.listen()
                    print("listening", flush=True)
                    print(s.accept()[0].recv(1000), flush=True)
                    """
                let stranger = try host.start(["python3", "-u", "-c", program])
                try stranger.wait(forOutput: "listening")
                let verb = try lab.run(["exec", "alice", "true"])
                #expect(verb.end == .exited(4), "\(verb.transcript)")
                #expect(verb.errorLines == ["etherloom: \(place)/keeper: belongs to another user; remove it"])
                try wait(for: "the connection's end", seconds: 10) { stranger.poll() != nil }
                #expect(stranger.output == "listening\nb''\n")
                try lab.endDaemon()
                try host.check(["rm", "-rf", place])
            }
        }
    }
}
