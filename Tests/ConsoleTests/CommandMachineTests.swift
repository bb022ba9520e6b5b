// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Console

@Suite struct CommandMachineTests {
    /// A console that says what it was told to beforehand.
    private struct Peer: CommandMachine.Peer {
        var said: ArraySlice<UInt8>
        var sent = ""
        var written = ""

        init(_ said: String) { self.said = Array(said.utf8)[...] }

        mutating func receive(milliseconds: Int) -> UInt8? { said.popFirst() }
        mutating func send(_ bytes: [UInt8]) -> Bool {
            sent += String(decoding: bytes, as: UTF8.self)
            return true
        }
        mutating func write(_ bytes: [UInt8]) { written += String(decoding: bytes, as: UTF8.self) }
        mutating func trace(_ text: String) {}
    }

    /// The shape of /etc/vde2/vdecmd.
    private static let file = #"""
        TIMEOUT 1000
        1 IN '$ ' 100
        3 SEND '$*\n'
        5 THROW
        6 IN '\n' 100
        7 IF '0000 DATA END WITH \'.\'' 10
        8 IF '10' 20
        9 GOTO 100
        10 THROW
        11 IN '\n' 100
        12 IF '.\n' 5
        13 COPY
        14 GOTO 10
        20 SKIP 2
        21 SEND 'logout\n'
        22 EXITATOI
        100 EXIT -1
        """#

    private func run(_ said: String, _ command: String...) throws -> (status: Int32, sent: String, written: String) {
        var peer = Peer(said)
        let status = try CommandMachine(Self.file).run(command: command, &peer)
        return (status, peer.sent, peer.written)
    }

    @Test func `data is printed and the code is the status`() throws {
        let good = try run("hello\n\nvde$ 0000 DATA END WITH '.'\na\n.b\n.\n1000 Success\n\nvde$ ", "port/print", "3")
        #expect(good == (0, "port/print 3\nlogout\n", "a\n.b\n"))
        let bad = try run("vde$ 1022 Invalid argument\n\nvde$ ", "x")
        #expect(bad == (22, "x\nlogout\n", ""))
    }

    @Test func `silence, an end and nonsense are 255`() throws {
        #expect(try run("", "x").status == 255)
        #expect(try run("vde$ 0000 DATA END WITH '.'\na\n", "x").status == 255)
        #expect(try run("vde$ 3021 port/+ 01\n", "x").status == 255)
    }

    @Test(arguments: [
        ("1 GOTO 1", 255), ("1 EXIT 300", 44), ("", 255), ("5 EXIT 2\n1 GOTO 3", 2),
        ("1 OUTTAG 1\n2 OUTSHIFT\n3 EXIT 1", 1),
        ("1 IN 'b' 9\n2 RVATOI\n3 THROW\n4 EXITRV\n9 EXIT 8", 12), ("1 IN 'z' 9\n2 EXIT 1\n9 EXIT 8", 8),
        ("1 IN 'b' 9\n2 SKIP '2'\n3 SKIP 9\n4 EXITATOI\n9 EXIT 7", 0), ("# nothing\n1 EXIT 3", 3),
    ])
    func `statements`(_ file: String, _ status: Int32) throws {
        var peer = Peer("12b")
        #expect(try CommandMachine(file).run(command: [], &peer) == status)
    }

    @Test func `words of the command`() throws {
        var peer = Peer("")
        _ = try CommandMachine("1 SEND '$2-$1-$9-$x-$'\n2 EXIT 0").run(command: ["a", "b"], &peer)
        #expect(peer.sent == "b-a--$x-$")
    }

    @Test(arguments: [
        ("1 EXIT 0\nx EXIT", "line 2: \"x\": a statement begins with a number"),
        ("1 FOO", "line 1: \"FOO\": no such statement"),
        ("1 GOTO", "line 1: GOTO wants a number"), ("1 SEND", "line 1: SEND wants a text"),
        ("1 IN 'a'", "line 1: IN wants a number"), ("1 SEND 'a\\", "line 1: a text without its closing quote"),
        ("TIMEOUT x", "line 1: TIMEOUT wants a number"),
    ])
    func `mistakes have a line`(_ file: String, _ message: String) {
        #expect { try CommandMachine(file) } throws: { "\($0)" == message }
    }
}
