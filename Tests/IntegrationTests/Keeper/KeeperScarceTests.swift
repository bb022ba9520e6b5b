// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// A keeper that has too little of something for a while.
    @Suite("Keepers in need")
    struct KeeperScarceTests {
        private func limitDescriptors(_ lab: KeptLab, _ count: Int) throws {
            // The soft limit: whoever is no root can raise that again.
            try lab.host.check(
                ["prlimit", "--pid", "\(try lab.processID("pid"))", "--nofile=\(count):"],
                as: lab.user
            )
        }

        private func message(_ what: String, _ body: () throws -> Void) -> GuestError? {
            let error = #expect(throws: GuestError.self, "\(what)", performing: body)
            #expect(error?.message.contains("\n") == false)
            return error
        }

        @Test("without descriptors it says so, lives on, and works again with some")
        func descriptors() throws {
            try require("prlimit")
            try KeptLab.with(.ordinary) { lab in
                for name in ["alice", "bob"] { try lab.define(try lab.plan(name, 0, interfaces: 0)) }
                try lab.start("alice")
                let before = try lab.another()
                let keeper = try lab.processID("pid")
                let used = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(keeper)/fd")
                    .compactMap { Int($0) }
                let free = try #require((0...).first { !used.contains($0) })
                try limitDescriptors(lab, free)

                // Whoever comes now.
                for _ in 0..<20 {
                    let refused = message("a connection") { _ = try lab.another().state() }
                    #expect(refused?.status == 4 && refused?.message.contains("no descriptor left") == true)
                }
                // Those who are there.
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                for usesTerminal in [false, true] {
                    var command = GuestCommand(["true"])
                    command.usesTerminal = usesTerminal
                    let exec = message("exec") {
                        try before.start(command, guest: "alice", input: null, output: null, error: null)
                    }
                    #expect(exec?.status == 4 && exec?.message.contains("no descriptor left") == true)
                }
                #expect(message("console") { try lab.ask("console", "alice") }?.message.contains("open files") == true)
                try lab.ask("start", "bob")
                let start = message("start") { try lab.client.wait("bob", for: .running, milliseconds: 10_000) }
                #expect(start?.message.contains("open files") == true, "\(start?.message ?? "")")
                #expect(try lab.client.state().guest("alice")?.state == .running)

                try limitDescriptors(lab, 1024)
                #expect(try lab.run("alice", "echo", "again").output == "again\n")
                try lab.start("bob")
                let last = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(keeper)/fd").count
                // What bob has, and nothing that was begun for those who were refused.
                #expect(last <= used.count + 12, "\(last) descriptors, \(used.count) before")
            }
        }

        /// A control group of processes, with a limit of how many there may be; nil where this machine gives none.
        private final class ProcessGroup {
            private let path: String
            private static let names = ["pids.max", "pids.current", "cgroup.procs"]

            init?() {
                let name = "etherloom-test-\(getpid())"
                let paths = ["/sys/fs/cgroup/pids/\(name)", "/sys/fs/cgroup/\(name)"]
                let found = paths.first { path in
                    guard mkdir(path, 0o755) == 0 else { return false }
                    if Self.names.allSatisfy({ access("\(path)/\($0)", F_OK) == 0 }) { return true }
                    rmdir(path)
                    return false
                }
                guard let found else { return nil }
                path = found
            }

            func write(_ text: String, to name: String) throws {
                try FileSystem.write(text, to: "\(path)/\(name)")
            }

            var count: String {
                get throws { String(decoding: try FileSystem.contents("\(path)/pids.current"), as: UTF8.self) }
            }

            /// When all of its processes have ended.
            func remove() throws {
                try TestSupport.wait(for: "the end of a control group", seconds: 10) {
                    rmdir(path) == 0 || errno != EBUSY
                }
            }
        }

        @Test("at the limit of a control group's processes each request that needs one is an error; then it goes on")
        func processes() throws {
            guard let group = ProcessGroup() else { try skip("no control group with a limit of processes") }
            try KeptLab.with(.ordinary) { lab in
                for name in ["alice", "bob"] { try lab.define(try lab.plan(name, 0, interfaces: 0)) }
                try lab.start("alice")
                let keeper = try lab.processID("pid")
                let children = try String(contentsOfFile: "/proc/\(keeper)/task/\(keeper)/children", encoding: .utf8)
                for process in [String(keeper)] + children.split(separator: " ").map(String.init) {
                    try group.write(process, to: "cgroup.procs")
                }
                try group.write(try group.count, to: "pids.max")
                for usesTerminal in [false, true] {
                    var command = GuestCommand(["true"])
                    command.usesTerminal = usesTerminal
                    let exec = message("exec") { _ = try lab.run("alice", command) }
                    #expect(exec?.message == "cannot start true: Resource temporarily unavailable")
                }
                try lab.ask("start", "bob")
                let start = message("start") { try lab.client.wait("bob", for: .running, milliseconds: 10_000) }
                #expect(start?.message.contains("temporarily unavailable") == true && start?.status == 4)
                let element = message("element") { try lab.ask("element-start", "x", "sleep", "1000") }
                #expect(element?.message.contains("temporarily unavailable") == true, "\(element?.message ?? "")")
                let snapshot = message("snapshot") { try lab.ask("snapshot-save", "one") }
                #expect(snapshot?.message.contains("temporarily unavailable") == true, "\(snapshot?.message ?? "")")
                #expect(try lab.client.state().guest("alice")?.state == .running)

                try group.write("max", to: "pids.max")
                #expect(try lab.run("alice", "echo", "again").output == "again\n")
                try lab.start("bob")
                try lab.ask("snapshot-save", "one")
                try lab.down()
            }
            try group.remove()
        }

        @Test("a guest with very many routes is an error for who lists them, and for nobody else")
        func routes() throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0))
                try lab.start("alice")
                let script =
                    "i=0; while [ $i -lt 60000 ]; do "
                    + "echo route add 10.$((1 + i / 65536)).$((i / 256 % 256)).$((i % 256))/32 dev eth0; i=$((i + 1)); done"
                #expect(try lab.run("alice", "sh", "-c", "(\(script)) | ip -batch -").status == 0)
                let refusal = message("routes") { try lab.ask("network", "alice", "route") }
                #expect(refusal?.message.contains("lines") == true && refusal?.status == 1, "\(refusal?.message ?? "")")
                #expect(try lab.ask("network", "alice", "addr").contains { $0.hasPrefix("eth0 inet 10.0.0.1/16") })
                #expect(try lab.client.state().guest("alice")?.state == .running)
            }
        }

        @Test("a guest that is frozen takes no more than so many commands, and answers them when it thaws")
        func frozen() throws {
            // Its first process is stopped from outside, as a control group's freezer would.
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                try lab.start("alice")
                let first = try #require(lab.client.state().guest("alice")?.processID)
                #expect(kill(first, SIGSTOP) == 0)
                let null = open("/dev/null", O_RDWR)
                defer { close(null) }
                let command = GuestCommand(["true", String(repeating: "x", count: 100_000)])
                var waiting: [KeeperClient] = []
                var refusal: GuestError?
                for _ in 0..<100 where refusal == nil {
                    let connection = try lab.another()
                    try connection.start(command, guest: "alice", input: null, output: null, error: null)
                    waiting.append(connection)
                    // A refusal comes right behind the answer.
                    let soon = MonotonicClock.nanoseconds + 20_000_000
                    if let words = try? connection.receive(deadline: soon).words {
                        #expect(words.first == "failed")
                        refusal = GuestError(words.last ?? "")
                        waiting.removeLast()
                    }
                }
                #expect(refusal?.message == "cannot start true: No buffer space available")
                #expect(waiting.count > 30)
                #expect(kill(first, SIGCONT) == 0)
                for connection in waiting { #expect(try connection.waitForEnd().shellStatus == 0) }
                #expect(try lab.run("alice", "echo", "again").output == "again\n")
            }
        }

        @Test("a terminal for which there is no descriptor left is an error, not a command that nobody sees")
        func terminalWithoutDescriptors() throws {
            try require("prlimit")
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                try lab.start("alice")
                let keeper = try lab.processID("pid")
                var failures = 0
                // One more each time, until it works: whatever step it is that fails.
                for spare in 0..<24 {
                    try limitDescriptors(lab, 1024)
                    let connection = try lab.another()
                    let used = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(keeper)/fd")
                        .compactMap { Int($0) }
                    try limitDescriptors(lab, (used.max() ?? 0) + 1 + spare)
                    var ends: [Int32] = [0, 0]
                    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
                    defer { for end in ends { close(end) } }
                    var command = GuestCommand(["echo", "seen"])
                    command.usesTerminal = true
                    var status: Int32 = -1
                    do {
                        try connection.start(command, guest: "alice", input: ends[1], output: ends[1], error: ends[1])
                        status = try connection.waitForEnd().shellStatus
                    } catch let error as GuestError {
                        failures += 1
                        #expect(error.message.contains("descriptor") || error.message.contains("open files"))
                        continue
                    }
                    var bytes = [UInt8](repeating: 0, count: 100)
                    let count = recv(ends[0], &bytes, bytes.count, Int32(MSG_DONTWAIT))
                    let seen = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
                    #expect(status == 0 && seen == "seen\r\n", "with \(spare) more: \(status) \(seen)")
                }
                try limitDescriptors(lab, 1024)
                #expect((1..<24).contains(failures))
            }
        }
    }
}
