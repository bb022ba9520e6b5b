// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Console

@Suite struct ConsoleCommandTableTests {
    private func table() -> ConsoleCommandTable {
        ConsoleCommandTable([
            .menu("port", "PORT STATUS MENU"),
            ConsoleCommand("port/create", "N", "create", .number { _, number in .data(["create \(number)"]) }),
            ConsoleCommand("port/createauto", "", "automatic", .plain { _ in .data(["automatic"]) }),
            ConsoleCommand("debug/add", "dbgpath", "add", .text { _, text in .data(["[\(text)]"]) }),
            ConsoleCommand("port/print", "[N]", "print", .optionalNumber { _, number in .data(["\(number ?? -7)"]) }),
            ConsoleCommand("port/allocatable", "N 0/1", "set", .numbers(2) { _, numbers in .data(["\(numbers)"]) }),
            ConsoleCommand("port/setuser", "N user", "set", .numberAndText { _, n, text in .data(["\(n) [\(text)]"]) }),
        ])
    }

    @Test(arguments: [
        ("port/create 3", ["create 3"]), ("port/create3", ["create 3"]), ("port/createauto", ["automatic"]),
        ("port/createautomatic", ["automatic"]), ("debug/add port/ep", ["[port/ep]"]), ("debug/add", ["[]"]),
        ("debug/add  \t a b ", ["[a b ]"]), ("port/print", ["-7"]), ("port/print 12", ["12"]), ("port/print x", ["0"]),
        ("port/setuser 4 renzo", ["4 [renzo]"]), ("port/setuser 4   renzo x", ["4 [renzo x]"]),
        ("  port/create -2", ["create -2"]), ("port/create", ["create 0"]), ("port/create x", ["create 0"]),
        ("port/allocatable 4 1", ["[4, 1]"]), ("port/allocatable 0x1f 017 9", ["[31, 15]"]),
        ("port/allocatable 08 1", ["[0, 8]"]), ("port/allocatable 0x -0X 7", ["[0, 0]"]),
    ])
    func `typed text runs the command whose path it begins with`(_ line: String, _ lines: [String]) throws {
        let console = try ConsoleFixture().console
        console.commands = table()
        #expect(console.execute(line) == .data(lines))
    }

    @Test(arguments: ["port", "port/", "port/prin", "PORT/PRINT", "x", "\u{e9}", "logout"])
    func `anything else is not implemented`(_ line: String) throws {
        let console = try ConsoleFixture().console
        console.commands = table()
        #expect(console.execute(line)?.replyLine == "1038 Function not implemented")
    }

    @Test(arguments: [
        "port/setuser", "port/setuser 4", "port/setuser x y", "port/allocatable", "port/allocatable 3",
        "port/allocatable x 1", "port/allocatable 3 x",
    ])
    func `a missing argument is invalid`(_ line: String) throws {
        let console = try ConsoleFixture().console
        console.commands = table()
        #expect(console.execute(line) == .failure(.invalid))
    }

    @Test func `commands taken out are gone from help and from use`() throws {
        let console = try ConsoleFixture().console
        console.commands.add([
            .menu("dump", "DUMP"), ConsoleCommand("dump/active", "0/1", "x", .plain { _ in .success }),
        ])
        #expect(console.execute("dump/active") == .success)
        for path in ["dump", "dump/active"] { console.commands.remove(path: path) }
        #expect(console.execute("dump/active")?.error == .notImplemented)
        #expect(console.commands.help(prefix: "dump").count == 2)
    }

    @Test(arguments: [
        ("12", 12, ""), (" 12 ab", 12, "ab"), ("-3", -3, ""), ("+4x", 4, "x"), ("0005", 5, ""),
        ("99999999999999999999999999999", Int(Int32.max), ""), ("-99999999999999999999", -Int(Int32.max), ""),
    ])
    func `numbers`(_ text: String, _ value: Int, _ rest: String) {
        let number = ConsoleArgument.number(text)
        #expect(number?.value == value)
        #expect(number?.rest == rest)
    }

    @Test(arguments: ["", "-", "+", " ", "x1", "--1", "\u{661}"])
    func `no numbers`(_ text: String) { #expect(ConsoleArgument.number(text) == nil) }
}
