// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// A keeper that does not answer: stopped in a debugger, or on a disk that hangs.
    @Suite("A lab whose keeper is stuck")
    struct StuckKeeperTests {
        @Test("keeps a new daemon from no other lab, and is taken up when it goes on")
        func adopted() throws {
            try require()
            try withHost { host in
                let labs = try ["first", "second"].map { name in
                    try RunningLab(host, as: .ordinary, "name: \(name)\nsegments: {lan: {}}\n", name: name)
                }
                for lab in labs { try lab.check("up") }
                let files = RuntimeFiles(
                    directory: "\(labs[0].runtime)/\(LabPlaces.identifier(lab: "first"))"
                )
                let text = String(decoding: try FileSystem.contents(files.keeperProcess), as: UTF8.self)
                let keeper = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
                #expect(kill(keeper, SIGSTOP) == 0)
                try labs[1].endDaemon(SIGKILL)
                let begin = Date()
                try labs[1].check("ps")
                // Three seconds are what it gives to all who do not answer.
                #expect(Date().timeIntervalSince(begin) < 20)
                #expect(kill(keeper, SIGCONT) == 0)
                try wait(for: "the lab that was stuck", seconds: 20) { try labs[0].run(["ps"]).end == .exited(0) }
                for lab in labs { try lab.check("down", "--grace", "1") }
                try labs[0].endDaemon()
                try host.expectNothingLeft()
            }
        }
    }
}
