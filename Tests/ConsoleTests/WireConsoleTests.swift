// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import LinuxSystem
import Runtime
import Testing

@testable import Console

/// A wire with nothing at its ends, and its console.
final class WireFixture {
    let loop: ControlLoop
    let wire: ImpairedWire
    let console: WireConsole
    let caller = WireConsole.Caller()
    let folder: String

    init() throws {
        loop = try ControlLoop()
        wire = ImpairedWire(try TransportCable(loop: loop), loop: loop, seed: 7)
        console = WireConsole(wire, loop: loop)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("w" + UUID().uuidString.prefix(8)).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        console.close()
        wire.stop()
        wire.cable.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What a client gets for a line, up to the prompt; nil when there is no answer.
    func answer(_ line: String) -> String? {
        console.execute(line, caller).map { String(decoding: $0.encoded(), as: UTF8.self) }
    }

    /// The lines between the head and the end of the data.
    func data(_ line: String) -> [String] { console.execute(line, caller)?.lines ?? [] }

    func settings(_ state: Int = 0) -> (right: ImpairmentSettings, left: ImpairmentSettings) {
        (wire.settings(state, .leftToRight), wire.settings(state, .rightToLeft))
    }

    func write(_ text: String, _ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }
}

@Suite("The console of a wire")
struct WireConsoleTests {
    static let success = "1000 Success\n"
    static let invalid = "1022 Invalid argument\n"
    static let unknown = "1038 Function not implemented\n"

    @Test("a perfect wire is reported in wirefilter's words")
    func report() throws {
        let lines = try WireFixture().data("showinfo")
        #expect(
            lines == [
                "WireFilter: bidirectional",
                "Loss   L->R 0+0U   R->L 0+0U",
                "Lburst L->R 0+0U   R->L 0+0U",
                "Delay  L->R 0+0U   R->L 0+0U",
                "Dup    L->R 0+0U   R->L 0+0U",
                "Bandw  L->R 0+0U   R->L 0+0U",
                "Speed  L->R 0+0U   R->L 0+0U",
                "Noise  L->R 0+0U   R->L 0+0U",
                "MTU    L->R 0     R->L 0   ",
                "Cap.   L->R 0+0U   R->L 0+0U",
                "Current Delay Queue size:   L->R 0      R->L 0   ",
                "Fifoness TRUE",
                "Waiting packets in delay queues 0",
            ]
        )
    }

    @Test(
        "each quantity is set for the direction named, or for both",
        arguments: [
            ("loss", ImpairmentKey.loss), ("lostburst", .lossBurst), ("delay", .delay), ("dup", .duplicate),
            ("bandwidth", .bandwidth), ("band", .bandwidth), ("speed", .speed), ("noise", .noise),
            ("mtu", .maximumFrame), ("chanbufsize", .buffer), ("reorder", .reorder), ("corrupt", .corrupt),
        ]
    )
    func quantities(_ word: String, _ key: ImpairmentKey) throws {
        let fixture = try WireFixture()
        #expect(fixture.answer("\(word) 5+2N") == Self.success)
        #expect(fixture.settings().right[key] == ImpairmentValue(5, spread: 2, .normal))
        #expect(fixture.settings().left[key] == ImpairmentValue(5, spread: 2, .normal))
        #expect(fixture.answer("\(word) LR 7") == Self.success)
        #expect(fixture.answer("\(word)RL9") == Self.success)
        #expect(fixture.settings().right[key] == ImpairmentValue(7))
        #expect(fixture.settings().left[key] == ImpairmentValue(9))
        // Nothing else has changed.
        var expected = ImpairmentSettings()
        expected[key] = ImpairmentValue(7)
        #expect(fixture.settings().right == expected)
    }

    @Test("an argument that is none changes nothing", arguments: ["x", "LR", "LR x", "5[1]", "5[-1]", "5[]", "+N"])
    func badQuantities(_ argument: String) throws {
        let fixture = try WireFixture()
        _ = fixture.answer("delay 3")
        #expect(fixture.answer("delay \(argument)") == Self.invalid)
        #expect(fixture.settings().right.delay == ImpairmentValue(3))
        #expect(fixture.settings().left.delay == ImpairmentValue(3))
    }

    @Test("blank lines and comments have no answer, unknown words an error, and the longest name counts")
    func words() throws {
        let fixture = try WireFixture()
        #expect(fixture.answer("") == nil)
        #expect(fixture.answer("  \t") == nil)
        #expect(fixture.answer(" # delay 5") == nil)
        #expect(fixture.answer("dela 5") == Self.unknown)
        #expect(fixture.answer("DELAY 5") == Self.unknown)
        #expect(fixture.answer("\t delay5") == Self.success)
        #expect(fixture.settings().right.delay == ImpairmentValue(5))
        // "band" is a name too.
        #expect(fixture.answer("bandwidth 12") == Self.success)
        #expect(fixture.settings().right.bandwidth == ImpairmentValue(12))
        #expect(fixture.answer("fifo 0") == Self.success)
        #expect(!fixture.wire.isOrdered)
        #expect(fixture.answer("fifo 1") == Self.success)
        #expect(fixture.wire.isOrdered)
    }

    @Test("help names every command, and every command that it names is there")
    func help() throws {
        let fixture = try WireFixture()
        let listed = fixture.data("help").dropFirst(2).compactMap { $0.split(separator: " ").first.map(String.init) }
        for name in listed { #expect(WireCommand.match(Substring(name))?.name == name, "\(name)") }
        // The short form of bandwidth is the original's secret.
        #expect(Set(WireCommand.all.map(\.name)).subtracting(listed) == ["band"])
        #expect(fixture.answer("help")?.hasPrefix("0000 DATA END WITH '.'\nCOMMAND ") == true)
        #expect(fixture.answer("help")?.hasSuffix("\n.\n1000 Success\n") == true)
    }

    @Test("presets set both directions, unknown ones nothing")
    func presets() throws {
        let fixture = try WireFixture()
        for preset in ImpairmentPreset.allCases {
            #expect(fixture.answer("preset \(preset.rawValue)") == Self.success)
            #expect(fixture.settings().right == preset.settings)
            #expect(fixture.settings().left == preset.settings)
        }
        #expect(fixture.answer("preset moon") == Self.invalid)
        #expect(fixture.answer("seed 5") == Self.success)
        #expect(fixture.answer("seed -5") == Self.invalid)
    }

    @Test("ends: a session's, and the wire's")
    func ends() throws {
        let fixture = try WireFixture()
        #expect(fixture.answer("logout") == "9999 END OF SESSION")
        #expect(fixture.answer("shutdown") == "9999 END OF SESSION")
        #expect(fixture.console.execute("logout", fixture.caller)?.sequel == .endOfSession)
        #expect(fixture.console.execute("shutdown", fixture.caller)?.sequel == .shutdown)
    }
}

@Suite("States of a wire, by its console")
struct WireStateTests {
    private typealias Tests = WireConsoleTests

    @Test("states have names, settings and ways of their own")
    func states() throws {
        let fixture = try WireFixture()
        #expect(fixture.answer("markov-numnodes 3") == Tests.success)
        #expect(fixture.answer("markov-name 2,far away") == Tests.success)
        #expect(fixture.answer("delay 20[2]") == Tests.success)
        #expect(fixture.settings(2).right.delay == ImpairmentValue(20))
        #expect(fixture.settings(0).right.delay == ImpairmentValue())
        #expect(fixture.answer("setedge 0,2,25") == Tests.success)
        #expect(fixture.answer("setedge 0 1 12.5") == Tests.success)
        #expect(
            fixture.data("showedges") == [
                "Edge 0 ->0  \"\"->\"\" weigth 62.5", "Edge 0 ->1  \"\"->\"\" weigth 12.5",
                "Edge 0 ->2  \"\"->\"far away\" weigth 25",
            ]
        )
        #expect(fixture.answer("markov-setnode 2") == Tests.success)
        #expect(fixture.data("showcurrent") == ["Current Markov Node 2 \"far away\" (0,..,2)"])
        #expect(fixture.data("showinfo").dropFirst().first == "Node 2 \"far away\" (0,..,2) Markov-time 100")
        #expect(fixture.data("showinfo 1").dropFirst().first == "Node 1 \"\" (0,..,2) Markov-time 100")
        // What is gone is gone, and the first state takes the place of the present one.
        #expect(fixture.answer("markov-numnodes 2") == Tests.success)
        #expect(fixture.wire.chain.current == 0)
        #expect(fixture.answer("markov-numnodes 3") == Tests.success)
        #expect(fixture.settings(2).right.delay == ImpairmentValue())
        #expect(fixture.wire.chain.names[2] == "")
    }

    @Test(
        "numbers that no state has are refused",
        arguments: [
            "markov-numnodes 0", "markov-numnodes 257", "markov-numnodes", "markov-setnode 2", "markov-setnode -1",
            "markov-name 2,x", "markov-name x", "markov-name", "setedge 0,2,5", "setedge 0,1", "setedge 0,1,101",
            "setedge 0,1,-1", "setedge", "markov-time 0", "markov-time -5", "delay 5[2]",
        ]
    )
    func refused(_ line: String) throws {
        let fixture = try WireFixture()
        _ = fixture.answer("markov-numnodes 2")
        #expect(fixture.answer(line) == Tests.invalid)
        #expect(fixture.wire.chain.count == 2 && fixture.wire.chain.current == 0)
    }

    @Test(
        "a list for a state that there is not is empty, with the code of the error",
        arguments: ["showinfo", "showedges"]
    )
    func refusedData(_ word: String) throws {
        #expect(try WireFixture().answer("\(word) 1") == "0000 DATA END WITH '.'\n.\n" + Tests.invalid)
    }
}

@Suite("Files for a wire's console")
struct WireFileTests {
    private typealias Tests = WireConsoleTests

    @Test("a file's lines and answers come in one frame, with the code of the first that failed")
    func load() throws {
        let fixture = try WireFixture()
        let path = try fixture.write("# a comment\ndelay 5\nnonsense\n\nloss x\nloss 2\n", "rc")
        #expect(
            fixture.answer("load \(path)") == """
                0000 DATA END WITH '.'
                VDEwf$  (\(path)) delay 5
                1000 Success
                VDEwf$  (\(path)) nonsense
                1038 Function not implemented
                VDEwf$  (\(path)) loss x
                1022 Invalid argument
                VDEwf$  (\(path)) loss 2
                1000 Success
                .
                1038 Function not implemented

                """
        )
        #expect(fixture.settings().left.loss == ImpairmentValue(2))
    }

    @Test("files that cannot be read, and files that read each other")
    func badFiles() throws {
        let fixture = try WireFixture()
        #expect(fixture.answer("load") == "0000 DATA END WITH '.'\n.\n1002 No such file or directory\n")
        #expect(fixture.answer("load \(fixture.folder)/none")?.hasSuffix("1002 No such file or directory\n") == true)
        #expect(fixture.answer("load \(fixture.folder)")?.hasSuffix(Tests.invalid) == true)
        #expect(fixture.answer("load /dev/null") == "0000 DATA END WITH '.'\n.\n" + Tests.success)
        let path = try fixture.write("load \(fixture.folder)/self\n", "self")
        #expect(fixture.answer("load \(path)")?.hasSuffix("1040 Too many levels of symbolic links\n") == true)
        // And another one may be read afterwards.
        #expect(fixture.answer("load \(try fixture.write("delay 1", "good"))")?.hasSuffix(Tests.success) == true)
    }

    @Test("at the start a line that fails is named, and ends it or not")
    func startUp() throws {
        let fixture = try WireFixture()
        var complaints: [String] = []
        func run(_ path: String, isEnd: Bool = true) throws -> Bool {
            try fixture.console.runFile(path) { complaint in
                complaints.append(complaint)
                return !isEnd
            }
        }
        #expect(try run(fixture.write("delay 5\nloss 3\n", "good")) == false)
        #expect(complaints.isEmpty)
        #expect(fixture.settings().right.loss == ImpairmentValue(3))
        let bad = try fixture.write("delay 6\nbogus 7\nloss 9\n", "bad")
        #expect(try run(bad) == false)
        #expect(complaints == ["bogus 7 Function not implemented"])
        #expect(fixture.settings().right.delay == ImpairmentValue(6))
        #expect(fixture.settings().right.loss == ImpairmentValue(3))
        #expect(try run(bad, isEnd: false) == false)
        #expect(complaints.count == 2)
        #expect(fixture.settings().right.loss == ImpairmentValue(9))
        #expect(throws: Errno.noEntry) { try run("\(fixture.folder)/none") }
    }

    @Test("shutdown in a file that is run at the start is the end")
    func shutdownAtStart() throws {
        let fixture = try WireFixture()
        let path = try fixture.write("delay 5\nshutdown\ndelay 6\n", "rc")
        #expect(try fixture.console.runFile(path) { _ in true })
        #expect(fixture.settings().right.delay == ImpairmentValue(5))
    }
}
