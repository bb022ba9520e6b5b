// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import TestSupport
import Testing

extension Integration {
    /// The daemon of labs as a program: who starts it, what it tells, what it takes.
    @Suite("The daemon of labs")
    struct LabDaemonTests {
        private static let one = "guests: {alice: {interfaces: {eth0: {segment: lan}}}}\nsegments: {lan: {}, wan: {}}"

        private func withLab(_ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(Self.one, needs: ["curl"], body)
        }

        /// The daemon's processes: those with a socket of that name.
        private func daemons(_ lab: RunningLab) throws -> [String] {
            let all = try lab.host.run(["pgrep", "-u", "\(HostNamespace.ordinaryUserID)", "-f", "etherloom-lab daemon"])
            // Other tests of this machine have theirs.
            let mark = Data("XDG_RUNTIME_DIR=\(lab.host.path("xdg-\(lab.user)"))\0".utf8)
            return all.output.split(separator: "\n").map(String.init).filter { process in
                let file = FileManager.default.contents(atPath: "/proc/\(process)/environ")
                return file?.range(of: mark) != nil
            }
        }

        @Test("the service manager's socket is served, kept, and the daemon on it ends when there is nothing to do")
        func activation() throws {
            try require("systemd-socket-activate", "pgrep")
            try withLab { lab in
                let socket = lab.runtime + "/daemon"
                try lab.host.check(["mkdir", "-m", "700", lab.runtime], as: lab.user)
                func activate() throws -> Program {
                    let manager = try lab.host.start(
                        [
                            "systemd-socket-activate", "-l", socket, "-E", "XDG_RUNTIME_DIR", "-E", "HOME",
                            lab.host.etherloom, "daemon", "--idle", "3",
                        ],
                        as: lab.user
                    )
                    try lab.host.waitUntilListening(socket, manager)
                    return manager
                }
                let manager = try activate()
                // The question of whether somebody listens was one that starts it.
                let inode = try FileStatus(path: socket).inode
                #expect(try lab.json("ps", "--all", "--format", "json").list?.isEmpty == true)
                #expect(try FileStatus(path: socket).inode == inode)
                #expect(try manager.waitForEnd() == .exited(0))
                #expect(try FileStatus(path: socket).inode == inode)
                try lab.host.check(["rm", socket], as: lab.user)

                // With a lab it stays; killed, the next one has the lab.
                let second = try activate()
                try lab.check("up")
                let process = try lab.json("inspect", "alice")["pid"]
                #expect(try daemons(lab) == ["\(second.processID)"])
                second.send(signal: SIGKILL)
                try second.waitForEnd()
                try lab.host.check(["rm", socket], as: lab.user)
                let third = try activate()
                #expect(try lab.json("inspect", "alice")["pid"] == process)
                try lab.check("down", "--grace", "1")
                #expect(try third.waitForEnd() == .exited(0))
                try lab.host.check(["rm", "-r", lab.runtime], as: lab.user)

                // What is no such socket is refused.
                let wrong = try lab.host.run(
                    ["sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" daemon 3</dev/null", lab.host.etherloom],
                    as: lab.user
                )
                #expect(wrong.end == .exited(1) && wrong.errorOutput.contains("LISTEN_FDS=1"), "\(wrong.transcript)")
                try lab.check("up")
            }
        }

        @Test("whoever comes first starts it; who comes at the same time finds it, and both are served")
        func onDemand() throws {
            try require("pgrep")
            try withLab { lab in
                func start(_ words: String...) throws -> Program {
                    try lab.host.start(
                        [lab.host.etherloom, words[0], "-C", lab.directory] + words.dropFirst(),
                        as: lab.user
                    )
                }
                let ups = try (0..<3).map { _ in try start("up") }
                for up in ups { #expect(try up.waitForEnd(seconds: 60) == .exited(0), "\(up.transcript)") }
                #expect(try daemons(lab).count == 1)
                // One of them did it, the others found it done.
                #expect(ups.filter { $0.errorOutput.contains("+ guest alice") }.count == 1)
                // Changes that are asked for at once are all made, one after the other.
                let changes = try (0..<6).map { number in
                    try lab.host.start(
                        [lab.host.etherloom, "segment", "add", "-C", lab.directory, "extra\(number)"],
                        as: lab.user
                    )
                }
                for change in changes { #expect(try change.waitForEnd() == .exited(0), "\(change.transcript)") }
                #expect(try lab.json("segment", "ls", "--format", "json").list?.count == 8)
                let downs = try (0..<2).map { _ in try start("down", "--grace", "1") }
                for down in downs { #expect(try down.waitForEnd(seconds: 60) == .exited(0), "\(down.transcript)") }
                try lab.check("up")
            }
        }

        @Test("events begin with what there is; they end with the lab, and with the daemon's death as an error")
        func events() throws {
            try withLab { lab in
                try lab.check("up")
                func listen(_ options: String...) throws -> Program {
                    let listener = try lab.host.start(
                        [lab.host.etherloom, "events", "-C", lab.directory] + options,
                        as: lab.user
                    )
                    try listener.wait(forOutput: "\n")
                    return listener
                }
                func lines(_ listener: Program) throws -> [JSON] {
                    try listener.output.split(separator: "\n").map { try JSON(parsing: String($0)) }
                }
                let listener = try listen()
                let all = try listen("--all")
                let snapshot = try #require(try lines(listener).first?["snapshot"]?.list?.first)
                #expect(snapshot["name"]?.text == "mesh")
                #expect(snapshot["guests"]?.list?.first?["state"]?.text == "running")
                try lab.check("link", "move", "alice:eth0", "wan", "--down-for", "0")
                try listener.wait(forOutput: "\"segment\":\"wan\"")
                try lab.check("guest", "stop", "alice", "--grace", "1")
                try listener.wait(forOutput: "\"state\":\"stopped\"")
                #expect(
                    try lines(listener).dropFirst().allSatisfy { $0["event"]?.text != nil && $0["lab"]?.text == "mesh" }
                )
                // One that counts ends by itself.
                #expect(try lab.run(["events", "--count", "0"]).output.split(separator: "\n").count == 1)
                let last = try listen()
                #expect(
                    try lines(last).first?["snapshot"]?.list?.first?["guests"]?.list?[0]["state"]?.text == "stopped"
                )
                try lab.endDaemon(SIGKILL)
                for listener in [listener, all, last] {
                    #expect(try listener.waitForEnd() == .exited(1))
                    #expect(listener.errorLines.count == 1 && listener.errorOutput.contains("daemon"))
                }
                // The lab's end is theirs; whoever looks at all goes on.
                let another = try listen()
                let everything = try listen("--all")
                try lab.check("down", "--grace", "1")
                #expect(try another.waitForEnd() == .exited(0), "\(another.transcript)")
                try everything.wait(forOutput: "\"state\":\"down\"")
                #expect(everything.poll() == nil)
                try everything.stop(SIGINT)
                try lab.check("up")
            }
        }

        @Test("the document is the one that is published, and each request in it is taken")
        func document() throws {
            try withLab { lab in
                try lab.check("up")
                func ask(_ method: String, _ path: String) throws -> (status: Int, body: String) {
                    let answer = try lab.host.check(
                        [
                            "curl", "-sS", "--max-time", "20", "--unix-socket", lab.runtime + "/daemon", "-X", method,
                            "-w",
                            "\n%{http_code}", "http://localhost" + path,
                        ],
                        as: lab.user
                    )
                    let end = try #require(answer.lastIndex(of: "\n"))
                    return (Int(answer[answer.index(after: end)...]) ?? 0, String(answer[..<end]))
                }
                let published = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                    .appendingPathComponent("../../../Documentation/openapi.json")
                let document = try JSON(parsing: String(contentsOf: published, encoding: .utf8))
                #expect(try JSON(parsing: ask("GET", "/openapi.json").body) == document)
                var count = 0
                for path in document["paths"]?.members ?? [] where !path.key.hasSuffix("events") {
                    for operation in path.value.members ?? [] {
                        count += 1
                        let place = path.key.replacing(/\{[a-z]+\}/, with: "none")
                        let (status, body) = try ask(operation.key.uppercased(), place)
                        // There is no lab of this name, or no body; never is there no such request.
                        #expect([200, 400, 409].contains(status), "\(operation.key) \(path.key): \(status) \(body)")
                        #expect((try? JSON(parsing: body)) != nil, "\(body)")
                    }
                }
                #expect(count > 12)
                for (method, path) in [("GET", "/nothing"), ("DELETE", "/labs"), ("GET", "/labs/mesh/guests")] {
                    let (status, body) = try ask(method, path)
                    #expect(status == 404, "\(method) \(path): \(status) \(body)")
                    #expect(try JSON(parsing: body)["error"]?.text?.contains("404") == true)
                }
                #expect(try ask("GET", "/labs/mesh/guests/alice").body.contains("\"state\":\"running\""))
            }
        }
    }
}
