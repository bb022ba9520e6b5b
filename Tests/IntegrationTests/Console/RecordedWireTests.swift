// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Sessions recorded from Debian's wirefilter by `Sessions/Wire/wires.py --record`, played to ours by the same program.
private enum RecordedWires {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Sessions/Wire")

    static var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".script") }.map { String($0.dropLast(".script".count)) }.sorted()
    }

    static func text(_ file: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
    }

    /// What a wire says to a script.
    static func play(_ name: String, _ program: String, _ host: HostNamespace) throws -> String {
        let player = try host.write(try text("wires.py"), data: "wires.py")
        try host.write(try text("../session.py"), data: "session.py")
        let session = try host.write(try text("\(name).script"), data: "\(name).script")
        return try host.check(["python3", player, "--program", program, session], seconds: 100)
    }
}

extension Integration {
    @Suite("Recorded sessions with a wire")
    struct WireSessions {
        @Test("ours answers byte for byte as Debian's did", arguments: RecordedWires.names)
        func replay(name: String) throws {
            try require("python3", "vde_switch")
            try withHost { host in
                let ours = try RecordedWires.play(name, host.compatible("wirefilter"), host)
                let expected = try RecordedWires.text(name + (name == "differences" ? ".ours" : ".transcript"))
                #expect(ours == expected, "\(firstDifference(ours, expected))")
            }
        }

        @Test("Debian's still answers as recorded", arguments: ["markov", "differences"])
        func original(name: String) throws {
            try require("python3", "vde_switch", "wirefilter")
            try withHost { host in
                let theirs = try RecordedWires.play(name, "wirefilter", host)
                let expected = try RecordedWires.text(name + ".transcript")
                #expect(theirs == expected, "\(firstDifference(theirs, expected))")
            }
        }

        @Test("every command that Debian's help lists occurs")
        func coverage() throws {
            let lines = try RecordedWires.text("differences.transcript").components(separatedBy: "\n")
            let head = try #require(lines.firstIndex { $0.hasPrefix("------------ ---") })
            let end = try #require(lines[head...].firstIndex(of: "."))
            let commands = Set(lines[(head + 1)..<end].map { String($0.prefix { $0 != " " }) })
            #expect(commands.count >= 20)
            let scripts = try RecordedWires.names.map { try RecordedWires.text("\($0).script") }.joined()
            for command in commands { #expect(scripts.contains(": \(command)"), "\(command)") }
        }
    }
}
