// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Examples/dumm: the sample net of Dumm, in each kind.
    @Suite("The sample net of Dumm")
    struct DummNet {
        private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

        @Test("eight guests on three segments, all up and within reach", arguments: ["process", "uml", "qemu"])
        func net(kind: String) throws {
            try require("ping", "busybox")
            let kernel = Self.root.appendingPathComponent(".build/guests/uml/linux").path
            if kind == "uml", !FileManager.default.isReadableFile(atPath: kernel) {
                try skip("no UML kernel: Scripts/guests fetches one")
            }
            if kind == "qemu" { try MachineLab.require() }
            let example = Self.root.appendingPathComponent("Examples/dumm/lab.yaml")
            let file = try String(contentsOf: example, encoding: .utf8)
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, file, name: "dumm")
                // As Dumm had it: one kernel and one root for all.
                if kind == "uml" {
                    try host.check(["ln", "-s", kernel, lab.directory + "/linux"], as: .ordinary)
                }
                if kind != "process" { try MachineLab.makeMaster(lab) }
                let up = try lab.run(
                    ["up", "--timeout", "180"],
                    environment: ["KIND=\(kind)", "KERNEL=\(MachineLab.kernel)"],
                    seconds: 200
                )
                #expect(up.end == .exited(0), "\(up.transcript)")
                // Behind one gateway to behind the other; a road warrior to behind a gateway; neighbours.
                for (from, to) in [("alice", "10.2.0.10"), ("carol", "10.1.0.20"), ("winnetou", "192.168.0.200")] {
                    try lab.check("exec", from, "ping", "-c", "1", "-w", "20", to)
                }
                #expect(try lab.check("exec", "--all", "--", "hostname").split(separator: "\n").count == 8)
                try lab.end()
                try host.expectNothingLeft()
            }
        }
    }
}
