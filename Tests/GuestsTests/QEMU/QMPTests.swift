// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import TestTraits
import Testing

@Suite("Client of QEMU's monitor", .mayRun(seconds: 60))
struct QMPTests {
    static let greeting = #"{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}"# + "\r\n"

    /// A client, and a monitor that the test plays.
    final class Pair {
        let loop: ControlLoop
        let client: QMPClient
        private var monitor: SharedDescriptor?
        var events: [String] = []
        var end: [String?] = []

        init(greets: Bool = true) throws {
            loop = try ControlLoop()
            let ends = try UnixSocket.pair(.stream)
            client = try QMPClient(ends.first, loop: loop)
            monitor = SharedDescriptor(ends.second)
            client.event = { [weak self] name, data in self?.events.append("\(name) \(data.text)") }
            client.ended = { [weak self] reason in self?.end.append(reason) }
            if greets {
                try say(QMPTests.greeting)
                #expect(try heard() == [#"{"execute": "qmp_capabilities", "id": 1}"#])
                try say(#"{"return": {}, "id": 1}"# + "\r\n")
                turn()
            }
        }

        func turn() { for _ in 0..<5 { try? loop.runPending() } }

        func say(_ text: String) throws {
            _ = try monitor?.withDescriptor { monitor in try monitor.write(Array(text.utf8)) }
            turn()
        }

        /// What the client has written since.
        func heard() throws -> [String] {
            turn()
            let bytes = try monitor?.withDescriptor { monitor in try monitor.read(atMost: 65536) } ?? []
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        func hangUp() {
            monitor = nil
            turn()
        }
    }

    @Test("commands wait for the greeting, and answers find their commands whatever their order")
    func order() throws {
        let pair = try Pair(greets: false)
        var answers: [String] = []
        pair.client.send("one") { answers.append("one \((try? $0.get())?.text ?? "failed")") }
        pair.client.send("two", ["a": 1]) { answers.append("two \((try? $0.get())?.text ?? "failed")") }
        pair.turn()
        try pair.say(String(Self.greeting.dropLast(9)))
        try pair.say(String(Self.greeting.suffix(9)))
        #expect(
            try pair.heard() == [
                #"{"execute": "qmp_capabilities", "id": 3}"#, #"{"execute": "one", "id": 1}"#,
                #"{"arguments": {"a": 1}, "execute": "two", "id": 2}"#,
            ]
        )
        try pair.say(#"{"return": {}, "id": 3}"# + "\r\n" + #"{"return": 2, "id": 2}"# + "\n" + #"{"event": "STOP","#)
        #expect(answers == ["two 2"])
        try pair.say(#" "timestamp": {"seconds": 1}}"# + "\n" + #"{"id": 1, "return": [1]}"# + "\n\r\n")
        #expect(answers == ["two 2", "one [1]"])
        #expect(pair.events == ["STOP {}"])
        #expect(pair.end.isEmpty)
    }

    @Test("errors have a class and a text; answers that nobody waits for are passed over")
    func errors() throws {
        let pair = try Pair()
        var failures: [QMPError] = []
        for _ in 0..<3 { pair.client.send("x") { if case .failure(let error) = $0 { failures.append(error) } } }
        try pair.say(#"{"id": 2, "error": {"class": "DeviceNotFound", "desc": "no such device"}}"# + "\n")
        try pair.say(#"{"id": 77, "return": {}}"# + "\n" + #"{"id": "3", "return": {}}"# + "\n" + "[]\n")
        try pair.say(#"{"id": 3, "error": {}}"# + "\n")
        #expect(
            failures == [
                QMPError(errorClass: "DeviceNotFound", text: "no such device"),
                QMPError(errorClass: "GenericError", text: "the monitor refuses without a reason"),
            ]
        )
        pair.hangUp()
        #expect(failures.last == QMPError(errorClass: "Closed", text: "the monitor is gone"))
        #expect(pair.end == [nil])
        pair.client.send("late") { if case .failure(let error) = $0 { failures.append(error) } }
        #expect(failures.count == 4)
    }

    @Test("a command that is not answered in time fails, and its late answer is passed over")
    func timeout() throws {
        let pair = try Pair()
        var failures: [String] = []
        pair.client.send("slow", timeout: 1) {
            if case .failure(let error) = $0 { failures.append(error.errorClass) }
            pair.loop.stop()
        }
        try pair.loop.run()
        try pair.say(#"{"id": 2, "return": {}}"# + "\n")
        #expect(failures == ["Timeout"])
        #expect(pair.client.isOpen)
    }

    @Test("nonsense ends the connection", arguments: ["hello\n", "{\"return\": \n", "\u{0}\n"])
    func nonsense(text: String) throws {
        let pair = try Pair()
        try pair.say(text)
        #expect(pair.end.count == 1 && pair.end.first??.hasPrefix("what it says is no JSON") == true)
        #expect(!pair.client.isOpen)
    }

    @Test("a monitor that refuses to agree, or floods, is given up")
    func given() throws {
        let refused = try Pair(greets: false)
        try refused.say(Self.greeting)
        try refused.say(#"{"id": 1, "error": {"class": "GenericError", "desc": "busy"}}"# + "\n")
        #expect(refused.end == ["busy"])
        let flood = try Pair()
        let part = String(repeating: "x", count: 65536)
        for _ in 0...(QMPClient.lineLimit / 65536) where flood.client.isOpen { try flood.say(part) }
        #expect(flood.end == ["its lines are too long"])
    }

    @Test("a descriptor goes with its command")
    func descriptor() throws {
        let loop = try ControlLoop()
        let ends = try UnixSocket.pair(.stream)
        let client = try QMPClient(ends.first, loop: loop)
        let monitor = ends.second
        _ = try monitor.write(Array(Self.greeting.utf8))
        let pipe = try OwnedDescriptor.pipe()
        client.send("getfd", ["fdname": "net0"], descriptor: SharedDescriptor(try pipe.second.duplicate()))
        try loop.runPending()
        var found = 0
        while let message = try? UnixSocket.receive(from: monitor, limit: 65536), !message.bytes.isEmpty {
            found += message.descriptorCount
        }
        #expect(found == 1)
    }
}
