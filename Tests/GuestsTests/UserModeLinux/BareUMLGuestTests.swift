// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

@Suite("A kernel as umls3 runs it", .mayRun(seconds: 120), .enabled(if: UMLFixture.kernel != nil))
struct BareUMLGuestTests {
    @Test func hasAConsoleAndAMonitor() throws {
        let directory = "/tmp/el-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let root = try UMLFixture.makeRoot(in: directory)
        let loop = try ControlLoop()
        let guest = try BareUMLGuest(
            name: "alice",
            words: [
                UMLFixture.kernel ?? "", "mem=64M", "rootfstype=hostfs", "rootflags=\(root)", "rw", "init=/bin/sh",
            ],
            directory: directory,
            loop: loop
        )
        func wait(for text: String) throws {
            func isThere() -> Bool { String(decoding: guest.history, as: UTF8.self).contains(text) }
            let timer = loop.after(milliseconds: 30_000) {
                Issue.record("no \(text): \(String(decoding: guest.history, as: UTF8.self).suffix(1000))")
                loop.stop()
            }
            guest.wrote = { _ in if isThere() { loop.stop() } }
            if !isThere() { try loop.run() }
            guest.wrote = { _ in }
            loop.cancel(timer)
        }
        try wait(for: "# ")
        guest.type(Array("echo $((6 * 7)) is it\n".utf8))
        try wait(for: "42 is it")
        #expect(try guest.monitor("version").first?.hasPrefix("Linux") == true)
        #expect(throws: GuestError("Unknown command")) { try guest.monitor("nonsense") }
        var status: WaitStatus?
        guest.ended = {
            status = $0
            loop.stop()
        }
        // It ends before it can answer, or answers.
        _ = try? guest.monitor("halt")
        if status == nil { try loop.run() }
        #expect(status != nil)
        #expect(!FileManager.default.fileExists(atPath: directory + "/alice"))
    }
}
