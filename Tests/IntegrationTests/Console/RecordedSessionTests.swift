// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Sessions recorded from Debian's vde_switch 2.3.2 by `Sessions/session.py --record`, played to ours by the same program:
/// every command of every menu, right and wrong arguments, several consoles and clients at once.
private enum RecordedSessions {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Sessions")

    static var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".script") }.map { String($0.dropLast(".script".count)) }.sorted()
    }

    static func text(_ file: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
    }

    /// What a switch says to a script.
    static func play(_ name: String, _ program: String, _ host: HostNamespace) throws -> String {
        let player = try host.write(try text("session.py"), data: "session.py")
        let session = try host.write(try text("\(name).script"), data: "\(name).script")
        return try host.check(["python3", player, "--program", program, session], seconds: 150)
    }
}

/// The first line in which two transcripts differ, for people.
func firstDifference(_ ours: String, _ theirs: String) -> String {
    let (ours, theirs) = (ours.components(separatedBy: "\n"), theirs.components(separatedBy: "\n"))
    guard let line = zip(ours, theirs).enumerated().first(where: { $1.0 != $1.1 }) else { return "length" }
    let step = ours[...line.offset].last { $0.hasPrefix(">>> ") } ?? ""
    return "line \(line.offset + 1), after \(step): \(line.element.0.debugDescription), recorded "
        + line.element.1.debugDescription
}

extension Integration {
    @Suite("Recorded console sessions")
    struct ConsoleSessions {
        /// Where ours is meant to answer otherwise, for reasons that Documentation/Compatibility.md gives.
        static let differing = ["differences", "trees"]

        @Test("ours answers byte for byte as Debian's did", arguments: RecordedSessions.names)
        func replay(name: String) throws {
            try require("python3")
            // Clients of other users are in it.
            if geteuid() != 0 { try skip("only root can be several users") }
            try withHost { host in
                let ours = try RecordedSessions.play(name, host.compatible("vde_switch"), host)
                let expected = try RecordedSessions.text(
                    name + (Self.differing.contains(name) ? ".ours" : ".transcript")
                )
                #expect(ours == expected, "\(firstDifference(ours, expected))")
            }
        }

        @Test("Debian's still answers as recorded", arguments: ["root", "vlan", "differences", "events", "trees"])
        func original(name: String) throws {
            try require("python3", "vde_switch")
            if geteuid() != 0 { try skip("only root can be several users") }
            try withHost { host in
                let theirs = try RecordedSessions.play(name, "vde_switch", host)
                let expected = try RecordedSessions.text(name + ".transcript")
                #expect(theirs == expected, "\(firstDifference(theirs, expected))")
            }
        }

        /// Its help lists 041 and 042 as well, which it never sends.
        @Test("every kind of event that Debian's sends occurs")
        func events() throws {
            let transcripts = try RecordedSessions.names.map { try RecordedSessions.text("\($0).transcript") }
            let lines = Set(transcripts.joined().components(separatedBy: "\n").map { String($0.prefix(5)) })
            for tag in ["011", "012", "021", "022", "023", "031", "032", "044", "045"] {
                #expect(lines.contains("3\(tag) "), "\(tag)")
            }
        }

        @Test("every command that Debian's help lists occurs")
        func coverage() throws {
            let lines = try RecordedSessions.text("root.transcript").components(separatedBy: "\n")
            let words = lines.map { $0.prefix { $0 != " " } }
            let commands = words.filter { $0.contains("/") && $0.first?.isLetter == true }
            let scripts = try RecordedSessions.names.map { try RecordedSessions.text("\($0).script") }.joined()
            for command in Set(commands) { #expect(scripts.contains(": \(command)"), "\(command)") }
            #expect(Set(commands).count == 39)
        }
    }
}
