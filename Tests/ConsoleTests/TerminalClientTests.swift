// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Console

/// The terminal client against our console, over real sockets and pipes.
@Suite struct TerminalClientTests {
    struct Outcome: Equatable {
        var status: Int32
        var output: String
        var error: String
    }

    /// Runs the client with `input` on its standard input.
    static func run(_ options: TerminalOptions, input: String = "") throws -> Outcome {
        signal(SIGPIPE, SIG_IGN)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("t" + UUID().uuidString.prefix(8))
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func open(_ name: String) throws -> FileHandle {
            _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil)
            return try #require(FileHandle(forUpdatingAtPath: "\(folder)/\(name)"))
        }
        let pipe = Pipe()
        let (output, error) = (try open("output"), try open("error"))
        pipe.fileHandleForWriting.write(Data(input.utf8))
        try pipe.fileHandleForWriting.close()
        let streams = TerminalStreams(
            input: pipe.fileHandleForReading.fileDescriptor,
            output: output.fileDescriptor,
            error: error.fileDescriptor
        )
        let status = TerminalClient.run(options, streams)
        return Outcome(
            status: status,
            output: try String(contentsOfFile: "\(folder)/output", encoding: .utf8),
            error: try String(contentsOfFile: "\(folder)/error", encoding: .utf8)
        )
    }

    private func withConsole(_ body: (LiveConsole, TerminalOptions) throws -> Void) throws {
        let live = try LiveConsole()
        defer { #expect(throws: Never.self) { try live.stop() } }
        try body(live, TerminalOptions(path: live.path))
    }

    @Test func `with -i every line of data carries the socket's name, and nothing else is shown`() throws {
        try withConsole { live, options in
            var options = options
            options.showsName = true
            let outcome = try Self.run(options, input: "port/showinfo\n")
            #expect(
                outcome
                    == Outcome(
                        status: 0,
                        output: "mgmt: Numports=32\nmgmt: HUB=false\nmgmt: counters=true\n",
                        error: ""
                    )
            )
        }
    }

    @Test func `a failure is shown, the rest runs, and the status tells`() throws {
        try withConsole { live, options in
            var options = options
            options.showsName = true
            let outcome = try Self.run(options, input: "bogus\n\n# nothing\nport/sethub 1\nport/print 7")
            #expect(outcome.status == 1)
            #expect(outcome.output == "mgmt: 1038 Function not implemented\nmgmt: 1006 No such device or address\n")
            #expect(live.perform { console, _ in console.target.isHub })
        }
    }

    @Test func `commands of the command line print plain data, failures go to standard error`() throws {
        try withConsole { live, options in
            var options = options
            options.commands = ["port/showinfo"]
            #expect(
                try Self.run(options)
                    == Outcome(status: 0, output: "Numports=32\nHUB=false\ncounters=true\n", error: "")
            )
            options.commands = ["port/print 9", "hash/print"]
            let failed = try Self.run(options)
            #expect(failed == Outcome(status: 1, output: "", error: "1006 No such device or address\n"))
        }
    }

    @Test func `without -i every byte is shown, answers that are due at the end of the input too`() throws {
        try withConsole { live, options in
            let outcome = try Self.run(options, input: "port/showinfo\nbogus\n")
            let greeting = ConsoleIdentity().lines.map { $0 + "\n" }.joined() + "vde$ "
            #expect(
                outcome
                    == Outcome(
                        status: 0,
                        output: greeting + ConsoleSessionTests.showinfo + ConsoleSessionTests.unknown,
                        error: ""
                    )
            )
        }
    }

    @Test func `a thousand commands are answered in their order`() throws {
        try withConsole { live, options in
            var options = options
            options.showsName = true
            let input = (1...1000).map { "help \($0 % 2 == 0 ? "port/showinfo" : "hash/showinfo")\n" }.joined()
            let lines = try Self.run(options, input: input).output.split(separator: "\n").filter { $0.contains("show") }
            #expect(lines.count == 1000)
            #expect(lines.enumerated().allSatisfy { $1.hasPrefix("mgmt: \($0 % 2 == 0 ? "hash" : "port")/showinfo") })
        }
    }

    @Test(arguments: ["logout", "shutdown"])
    func `leaving is success, and what follows is not asked`(_ command: String) throws {
        try withConsole { live, options in
            var options = options
            options.showsName = true
            let outcome = try Self.run(options, input: "\(command)\nbogus\n")
            #expect(outcome == Outcome(status: 0, output: "", error: ""))
        }
    }

    @Test func `no console, a dead one, and things that are none`() throws {
        func message(_ path: String) throws -> String {
            let outcome = try Self.run(TerminalOptions(path: path))
            #expect(outcome.status == 1)
            #expect(outcome.output.isEmpty)
            return outcome.error
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("n" + UUID().uuidString.prefix(8))
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let dead = try UnixSocket.make(.stream)
        try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: folder + "/dead")))
        try "x".write(toFile: folder + "/file", atomically: false, encoding: .utf8)
        #expect(
            try message(folder + "/none")
                == "etherloom: \(folder)/none: no console is there; a switch makes one with -M \(folder)/none\n"
        )
        #expect(
            try message(folder + "/dead")
                == "etherloom: \(folder)/dead: nobody serves this socket any more; is the switch running?\n"
        )
        #expect(
            try message(folder)
                == "etherloom: \(folder): a directory; the console's socket is wanted, the path given with -M\n"
        )
        #expect(try message(folder + "/file") == "etherloom: \(folder)/file: not a socket\n")
        #expect(
            try message(String(repeating: "x", count: 200)).hasSuffix(
                ": not a path of a socket: it has 1 to 107 bytes\n"
            )
        )
    }

    @Test func `a console that says nothing is waited for so long and no longer`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("m" + UUID().uuidString.prefix(8))
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let mute = try UnixSocket.make(.stream)
        try UnixSocket.bind(mute, to: try #require(UnixSocketAddress(path: folder + "/mute")))
        try UnixSocket.listen(mute)
        var options = TerminalOptions(path: folder + "/mute")
        options.commands = ["port/print"]
        options.timeoutMilliseconds = 50
        #expect(
            try Self.run(options)
                == Outcome(status: 3, output: "", error: "etherloom: \(folder)/mute: no answer in 50 ms\n")
        )
        // Any socket may be shown byte by byte, also one that never prompts.
        options.commands = []
        #expect(try Self.run(options, input: "hello\n") == Outcome(status: 0, output: "", error: ""))
    }
}
