// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

extension Integration {
    /// What a lab tells of itself.
    @Suite("Reports of labs")
    struct LabReports {
        private static let file = """
            guests:
              alice:
                labels: {role: client}
                command: "echo 'first <words>'; while read line; do echo got $$line; done; sleep 1000"
                interfaces:
                  eth0: {segment: lan, address: 10.1.0.1/24}
                  eth1: {address: 10.3.0.1/30}
              bob:
                interfaces:
                  eth0: {segment: lan, address: 10.1.0.2/24, mac: "02:00:00:00:00:02"}
                  eth1: {address: 10.3.0.2/30}
              carol: {}
            segments: {lan: {}, wan: {kind: hub}}
            links:
              - {ends: ["alice:eth1", "bob:eth1"], impair: {delay: 1ms}}
            gateways:
              gate: {segment: lan, address: 10.1.0.254/24, forward: "127.0.0.1:8080:bob:80"}
            """

        private func withLab(_ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(Self.file, needs: ["ping"], body)
        }

        @Test("a console is logged from the first byte, and read when guest and lab have ended")
        func logs() throws {
            try withLab { lab in
                let early = try lab.run(["logs", "alice"])
                #expect(early.end == .exited(1) && early.errorLines.count == 1, "\(early.transcript)")
                try lab.check("up")
                let follower = try lab.start(["logs", "--follow", "alice"])
                try follower.wait(forOutput: "first <words>")
                try lab.check("guest", "type", "alice", "hello")
                try follower.wait(forOutput: "got hello")
                // A terminal's lines.
                let log = try lab.check("logs", "alice").components(separatedBy: "\r\n")
                #expect(log.first == "first <words>" && log.contains("got hello"), "\(log)")
                // The keeper has it: the daemon's end changes nothing.
                try lab.endDaemon(SIGKILL)
                try lab.check("guest", "type", "alice", "again")
                try follower.wait(forOutput: "got again")
                try lab.check("guest", "stop", "alice")
                #expect(try lab.check("logs", "alice").contains("got again"))
                try follower.stop()
                let nobody = try lab.run(["logs", "nobody"])
                #expect(nobody.end == .exited(1) && nobody.errorLines.count == 1, "\(nobody.transcript)")
                // Another start goes on behind it; the lab's own log says what happened to it.
                try lab.check("guest", "start", "alice")
                try wait(for: "another line") {
                    try lab.check("logs", "alice").components(separatedBy: "first <words>").count == 3
                }
                kill(pid_t(try lab.json("inspect")["fabric"]?.text ?? "") ?? 0, SIGKILL)
                try wait(for: "a line in the lab's log") { try lab.check("logs").contains("fabric") }
                try lab.end()
                #expect(try lab.check("logs", "alice").contains("got again"))
                let after = try lab.run(["logs"])
                #expect(after.end == .exited(1) && after.errorLines.count == 1, "\(after.transcript)")
            }
        }

        @Test("ps and inspect say the same, for people and for programs")
        func inspect() throws {
            try withLab { lab in
                let early = try lab.run(["ps"])
                #expect(early.end == .exited(1) && early.errorLines.count == 1, "\(early.transcript)")
                try lab.check("up")
                let table = try lab.check("ps").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(table.map { $0.first } == ["GUEST", "alice", "bob", "carol"])
                let guests = try lab.json("ps", "--format", "json").list ?? []
                for (row, guest) in zip(table.dropFirst(), guests) {
                    #expect(row[0] == guest["name"]?.text && row[1] == "process" && row[2] == "running")
                    #expect(row[3] == guest["pid"]?.integer.map(String.init), "\(row)")
                    // The process is there, and is nobody else's.
                    #expect(try lab.check("exec", row[0], "hostname") == row[0] + "\n")
                }
                let whole = try lab.json("inspect")
                #expect(whole["name"]?.text == "mesh" && whole["directory"]?.text == lab.directory)
                #expect(whole["guests"]?.list?.count == 3 && whole["segments"]?.list?.count == 2)
                for place in ["keeper", "fabric", "holder"] {
                    let number = pid_t(whole[place]?.text ?? "") ?? 0
                    #expect(number > 0 && kill(number, 0) == 0, "\(place)")
                }
                #expect(try lab.json("inspect", "alice")["labels"]?["role"]?.text == "client")
                let interface = try lab.json("inspect", "bob:eth0")
                #expect(interface["mac"]?.text == "02:00:00:00:00:02" && interface["segment"]?.text == "lan")
                #expect(interface["carrier"]?.flag == true && interface["host"]?.text == "bob-eth0")
                #expect(try lab.json("inspect", "lan")["members"]?.texts == ["alice:eth0", "bob:eth0"])
                #expect(try lab.json("inspect", "gate")["forwards"]?.texts?.count == 1)
                let nothing = try lab.run(["inspect", "nothing"])
                #expect(nothing.end == .exited(2) && nothing.errorLines.count == 1, "\(nothing.transcript)")
                try lab.check("guest", "pause", "alice")
                try lab.check("guest", "stop", "bob")
                let states = try lab.json("ps", "--format", "json").list?.map { $0["state"]?.text }
                #expect(states == ["paused", "stopped", "running"])
                let labs = try lab.json("ps", "--all", "--format", "json").list ?? []
                #expect(labs.count == 1 && labs[0]["running"]?.integer == 1 && labs[0]["guests"]?.integer == 3)
                try lab.end()
            }
        }

        @Test(
            "a graph has all guests, segments and cables, in each form",
            arguments: ["text", "mermaid", "dot", "svg"]
        )
        func graph(format: String) throws {
            try withLab { lab in
                try lab.check("up")
                try lab.check("link", "down", "bob:eth0")
                let graph = try lab.check("graph", "--format", format)
                for word in ["alice", "bob", "carol", "lan", "wan", "gate", "10.1.0.1/24", "delay=1"] {
                    #expect(graph.contains(word), "\(word) in \(graph)")
                }
                switch format {
                case "text": #expect(graph.hasPrefix("lab mesh\n") && graph.contains("(down)"))
                case "mermaid": #expect(graph.hasPrefix("graph TD\n") && graph.contains("-.-"))
                case "dot":
                    #expect(graph.hasPrefix("graph \"mesh\" {\n") && graph.hasSuffix("}\n"))
                    #expect(graph.filter { $0 == "\"" }.count % 2 == 0)
                default:
                    // Whole XML: each element that is opened is closed.
                    let parser = XMLCheck(Data(graph.utf8))
                    #expect(parser.isWellFormed && parser.elements["rect"] == 6, "\(graph)")
                }
                let other = try lab.run(["graph", "--format", "png"])
                #expect(other.end == .exited(2) && other.errorLines.count == 1, "\(other.transcript)")
                try lab.end()
            }
        }
    }
}

/// Elements of a document without comments and sections, as far as the graph's are: names, and whether they nest.
private struct XMLCheck {
    private(set) var elements: [String: Int] = [:]
    private(set) var isWellFormed = true

    init(_ data: Data) {
        var open: [String] = []
        var rest = Substring(String(decoding: data, as: UTF8.self))
        while let start = rest.firstIndex(of: "<") {
            let text = rest[..<start]
            if text.contains(">") { isWellFormed = false }
            guard let end = rest[start...].firstIndex(of: ">") else {
                isWellFormed = false
                return
            }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                if open.popLast() != String(tag.dropFirst()) { isWellFormed = false }
                continue
            }
            let name = String(tag.prefix { $0.isLetter })
            elements[name, default: 0] += 1
            if !tag.hasSuffix("/") { open.append(name) }
        }
        if !open.isEmpty { isWellFormed = false }
    }
}
