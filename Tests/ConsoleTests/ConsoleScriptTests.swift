// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Console

@Suite struct ConsoleScriptTests {
    /// A directory that goes with the test.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            UUID().uuidString.prefix(8).description
        ).path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func file(_ name: String, _ text: String) throws -> String {
            try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
            return "\(path)/\(name)"
        }
    }

    @Test func `a file's lines are shown with what they answered, in one frame`() throws {
        let folder = try Folder()
        let path = try folder.file("a.rc", "# first\n\n  port/sethub 1\nport/showinfo\n")
        let fixture = try ConsoleFixture()
        #expect(
            fixture.answer("load \(path)") == """
                0000 DATA END WITH '.'
                vde[\(path)]: # first
                vde[\(path)]:   port/sethub 1
                1000 Success
                vde[\(path)]: port/showinfo
                Numports=32
                HUB=true
                counters=true
                1000 Success
                .
                1000 Success

                vde$\u{20}
                """
        )
    }

    @Test func `a failed line is named with file and line, the rest runs, and the first failure is the answer`() throws
    {
        let folder = try Folder()
        let path = try folder.file("a.rc", "# c\n\nbogus\nport/print 99\nport/sethub 1")
        let fixture = try ConsoleFixture()
        let answer = try #require(fixture.console.execute("load \(path)"))
        #expect(answer.error == .notImplemented)
        #expect(answer.lines?.contains("\(path):3: 1038 Function not implemented") == true)
        #expect(answer.lines?.contains("\(path):4: 1022 Invalid argument") == true)
        #expect(fixture.target.isHub)

        var failures: [String] = []
        try fixture.console.runFile(path) { failures.append($0.description) }
        #expect(
            failures == ["\(path):3: bogus: Function not implemented", "\(path):4: port/print 99: Invalid argument"]
        )
    }

    @Test func `a file that loads itself, or two each other, end at once`() throws {
        let folder = try Folder()
        let one = try folder.file("1", "load \(folder.path)/1\n")
        let two = try folder.file("2", "load \(folder.path)/3\n")
        _ = try folder.file("3", "load \(folder.path)/2\n")
        let console = try ConsoleFixture().console
        #expect(console.execute("load \(one)")?.error == Errno(rawValue: ELOOP))
        #expect(console.execute("load \(two)")?.error == Errno(rawValue: ELOOP))
    }

    @Test func `eight files deep and no deeper`() throws {
        let folder = try Folder()
        for number in 1...9 { _ = try folder.file("\(number)", "load \(folder.path)/\(number + 1)\n") }
        _ = try folder.file("10", "port/sethub 1\n")
        let fixture = try ConsoleFixture()
        #expect(fixture.console.execute("load \(folder.path)/2")?.error == Errno(rawValue: ELOOP))
        #expect(!fixture.target.isHub)
        #expect(fixture.console.execute("load \(folder.path)/3")?.error == nil)
        #expect(fixture.target.isHub)
    }

    @Test func `files that multiply one another are stopped`() throws {
        let folder = try Folder()
        for number in 1...6 {
            let line = "load \(folder.path)/\(number + 1)\n"
            _ = try folder.file("\(number)", String(repeating: line, count: 40))
        }
        _ = try folder.file("7", String(repeating: "port/showinfo\n", count: 40))
        let begin = ContinuousClock.now
        #expect(try ConsoleFixture().console.execute("load \(folder.path)/1")?.error == Errno(rawValue: E2BIG))
        #expect(ContinuousClock.now - begin < .seconds(20))
    }

    @Test func `what is no file is refused without waiting`() throws {
        let folder = try Folder()
        #expect(mkfifo("\(folder.path)/fifo", 0o600) == 0)
        let console = try ConsoleFixture().console
        #expect(console.execute("load \(folder.path)/fifo")?.replyLine == "1022 Invalid argument")
        #expect(console.execute("load \(folder.path)")?.replyLine == "1021 Is a directory")
        #expect(console.execute("load /dev/zero")?.replyLine == "1022 Invalid argument")
        // Which ends at once.
        #expect(console.execute("load /dev/null") == .success)
        #expect(console.execute("load \(folder.path)/none")?.replyLine == "1002 No such file or directory")
        #expect(throws: Errno.noEntry) { try console.runFile("\(folder.path)/none") { _ in } }
    }

    @Test func `lines too long and bytes of any kind do not stop a file`() throws {
        let folder = try Folder()
        let path = try folder.file("a", String(repeating: "x", count: 5000) + "\n\0\u{1}\u{7f}\nport/sethub 1\n")
        let fixture = try ConsoleFixture()
        #expect(fixture.console.execute("load \(path)")?.error == .messageTooLarge)
        #expect(fixture.target.isHub)
    }

    @Test func `logout in a file means nothing, shutdown ends the file and the switch`() throws {
        let folder = try Folder()
        let path = try folder.file("a", "logout\nshutdown\nport/sethub 1\n")
        let fixture = try ConsoleFixture()
        var shutdowns = 0
        fixture.target.onShutdown = { [loop = fixture.loop] in
            shutdowns += 1
            loop.stop()
        }
        #expect(fixture.console.execute("load \(path)") == ConsoleAnswer(sequel: .shutdown))
        // The session that gave the command shuts down after its answer; a file at the start does so itself.
        #expect(shutdowns == 0)
        #expect(try fixture.console.runFile(path) { _ in })
        try fixture.loop.run()
        #expect(shutdowns == 1)
        #expect(!fixture.target.isHub)
    }
}
