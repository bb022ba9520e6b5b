// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Console

/// Debian's programs of vde2 against our console, and our client against Debian's switch.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/vde_switch"), "needs Debian's vde2"))
struct ConsoleStockProgramTests {
    private static let folder = FileManager.default.temporaryDirectory

    /// A program with a terminal of its own: what it shows, and a way to type.
    private final class OnTerminal {
        private let process = Process()
        private let master: FileHandle
        private var shown: [UInt8] = []

        init(_ program: String, _ arguments: [String]) throws {
            let descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)
            try #require(descriptor >= 0 && grantpt(descriptor) == 0 && unlockpt(descriptor) == 0)
            master = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            let slave = try #require(FileHandle(forUpdatingAtPath: String(cString: ptsname(descriptor))))
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            (process.standardInput, process.standardOutput, process.standardError) = (slave, slave, slave)
            try process.run()
        }

        deinit { if process.isRunning { process.terminate() } }

        func type(_ text: String) { master.write(Data(text.utf8)) }

        /// Waits for a text, and forgets what was shown before its end.
        func expect(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let wanted = Array(text.utf8)
            var end: Int?
            var buffer = [UInt8](repeating: 0, count: 4096)
            try eventually(sourceLocation: sourceLocation) {
                let count = read(master.fileDescriptor, &buffer, buffer.count)
                if count > 0 { shown += buffer.prefix(count) }
                end = (0..<max(0, shown.count - wanted.count + 1)).first { shown[$0...].starts(with: wanted) }
                return end != nil
            }
            shown.removeFirst(end! + wanted.count)
        }

        func waitForEnd() throws { try eventually { !process.isRunning } }
    }

    private func withConsole(_ body: (LiveConsole) throws -> Void) throws {
        let live = try LiveConsole()
        defer { #expect(throws: Never.self) { try live.stop() } }
        try body(live)
    }

    @Test func `vdeterm, which sends lines without a line feed`() throws {
        try withConsole { live in
            let terminal = try OnTerminal("/usr/bin/vdeterm", [live.path])
            try terminal.expect("vde[\(live.path)]: ")
            terminal.type("port/showinfo\n")
            try terminal.expect("counters=true")
            try terminal.expect("Success")
            // Completion comes from what help lists.
            terminal.type("port/dr\t")
            try terminal.expect("port/drops")
            terminal.type("\n")
            try terminal.expect("Success")
            terminal.type("bogus\n")
            try terminal.expect("Function not implemented")
            terminal.type("logout\n")
            try terminal.waitForEnd()
        }
    }

    @Test func `unixterm`() throws {
        try withConsole { live in
            let terminal = try OnTerminal("/usr/bin/unixterm", [live.path])
            try terminal.expect("vde$ ")
            terminal.type("port/showinfo\n")
            try terminal.expect(
                "0000 DATA END WITH '.'\r\nNumports=32\r\nHUB=false\r\ncounters=true\r\n.\r\n1000 Success"
            )
            try terminal.expect("vde$ ")
            terminal.type("logout\n")
            try terminal.waitForEnd()
        }
    }

    @Test func `unixcmd prints the data`() throws {
        try withConsole { live in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unixcmd")
            process.arguments = ["-f", "/etc/vde2/vdecmd", "-s", live.path, "port/showinfo"]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            // It separates lines by NUL as well.
            #expect(text.replacing("\0", with: "") == "Numports=32\nHUB=false\ncounters=true\n")
        }
    }

    /// Somebody listens on this socket.
    private static func isServed(_ path: String) -> Bool {
        guard let address = UnixSocketAddress(path: path), let socket = try? UnixSocket.make(.stream) else {
            return false
        }
        return (try? UnixSocket.connect(socket, to: address)) != nil
    }

    @Test func `our client on vde_switch`() throws {
        let folder = Self.folder.appendingPathComponent("v" + UUID().uuidString.prefix(8)).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/vde_switch")
        process.arguments = ["-s", folder + "/sw", "-M", folder + "/mgmt"]
        // Its end would be the switch's.
        let input = Pipe()
        process.standardInput = input
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
            try? input.fileHandleForWriting.close()
        }
        // The file is there before anyone listens.
        try eventually { Self.isServed(folder + "/mgmt") }

        var options = TerminalOptions(path: folder + "/mgmt")
        options.showsName = true
        // vde_switch reads only one line of what comes in one piece: none may be lost.
        let commands = "port/create 3\nport/allprint\nbogus\n\nport/print 99\nport/showinfo\n"
        let outcome = try TerminalClientTests.run(options, input: commands)
        #expect(
            outcome.output == """
                mgmt: Port 0003 untagged_vlan=0000 INACTIVE - NOT Unnamed Allocatable
                mgmt:  Current User: NONE Access Control: (User: NONE - Group: NONE)
                mgmt:  IN:  pkts          0          bytes                    0
                mgmt:  OUT: pkts          0          bytes                    0
                mgmt: 1038 Function not implemented
                mgmt: 1022 Invalid argument
                mgmt: Numports=32
                mgmt: HUB=false
                mgmt: counters=true

                """
        )
        #expect(outcome.status == 1 && outcome.error.isEmpty)

        options.showsName = false
        let raw = try TerminalClientTests.run(options, input: "port/showinfo\n")
        #expect(raw.output.hasSuffix("\n\nvde$ " + ConsoleSessionTests.showinfo))
        options.commands = ["port/create 3"]
        let failed = try TerminalClientTests.run(options)
        #expect(failed == TerminalClientTests.Outcome(status: 1, output: "", error: "1017 File exists\n"))
        options.commands = ["shutdown"]
        #expect(try TerminalClientTests.run(options).status == 0)
    }
}
