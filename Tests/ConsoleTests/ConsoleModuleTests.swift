// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Console

@Suite("Modules of the console", .mayRun(seconds: 60))
struct ConsoleModuleTests {
    @Test("a module that is there already is not begun a second time", arguments: ["iplog", "dump", "pdump"])
    func twice(name: String) throws {
        let fixture = try ConsoleFixture()
        #expect(fixture.console.execute("plugin/add \(name).so") == .success)
        #expect(fixture.console.execute("plugin/add \(name).so") == .failure(.exists))
        #expect(fixture.console.modules.count == 1)
        #expect(fixture.console.execute("plugin/del \(name)") == .success)
        // No timer is left of what nobody has.
        #expect(fixture.loop.nextDeadline == nil)
    }

    @Test("pdump to a named pipe waits for nobody: not for its first reader, and not for a slow one")
    func pipe() throws {
        let fixture = try ConsoleFixture()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("p" + UUID().uuidString.prefix(8))
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        #expect(fixture.console.execute("plugin/add pdump.so") == .success)
        #expect(fixture.console.execute("pdump/filename \(path)")?.error == nil)
        #expect(fixture.console.execute("pdump/active 1")?.error == Errno(rawValue: ENXIO))
        let reader = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
        #expect(fixture.console.execute("pdump/active 1")?.error == nil)
        let header = try reader.read(atMost: 100)
        #expect(header.count == 24)
        // More than the pipe holds, and more than may wait for it.
        let writer = try CaptureFileWriter(path: path, switch: fixture.target)
        let frame = [UInt8](repeating: 7, count: 1500)
        var lines: [String] = []
        fixture.target.log = { lines.append($0) }
        for number in 0..<4000 {
            writer.append(
                CaptureRecord(time: UInt64(number), port: 1, isInbound: true, byteCount: frame.count),
                frame.span
            )
        }
        #expect(writer.lostCount > 0 && writer.lostCount < 2000)
        #expect(lines.isEmpty)
    }
}
