// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Testing
import Wire

@Suite("What a keeper and its clients say")
struct KeeperProtocolTests {
    @Test("The state survives its words")
    func state() {
        var alice = KeeperState.Guest(name: "alice")
        alice.kind = .uml
        alice.state = .running
        alice.processID = 17
        alice.since = 1_700_000_000
        var first = KeeperState.Interface(name: "eth0")
        first.segment = "lan"
        first.carrier = true
        first.hardwareAddress = MACAddress("02:00:00:00:00:01")
        var pair = KeeperState.Interface(name: "eth2")
        pair.isPair = true
        pair.showsCarrier = false
        alice.interfaces = [first, KeeperState.Interface(name: "eth1"), pair]
        var bob = KeeperState.Guest(name: "bob")
        bob.status = WaitStatus(rawValue: 256)
        bob.error = "its kernel is missing"
        bob.errorStatus = 4
        var state = KeeperState()
        state.guests = [alice, bob]
        state.segments = ["lan", "wan"]
        state.bridges = ["br"]
        var element = KeeperState.Element(name: "filter")
        element.processID = 9
        state.elements = [element]
        #expect(KeeperState(words: state.words) == state)
    }

    @Test("Events survive their words, and unknown ones are kept")
    func events() {
        let events: [KeeperEvent] = [
            .guest(name: "a", state: .running, status: nil),
            .guest(name: "a", state: .stopped, status: WaitStatus(rawValue: 9)),
            .interface(port: "a:eth0", segment: nil, carrier: false),
            .interface(port: "a:eth0", segment: "lan", carrier: true),
            .interface(port: "a:eth1", segment: "lan", carrier: true, isShown: false),
            .interface(port: "a:eth1", segment: "br", carrier: true, isPair: true),
            .interface(port: "a:eth1", segment: nil, carrier: false, isShown: false, isPair: true),
            .interfaceGone(port: "a:eth1"),
            .fabricRestarted, .log("a line of text"), .other(["moon", "full"]),
        ]
        for event in events { #expect(KeeperEvent(words: event.words) == event) }
    }

    @Test("A command survives its words")
    func command() throws {
        var command = GuestCommand(["ls", "--", "tty=1x1"])
        command.usesTerminal = true
        command.columns = 132
        command.user = "nobody"
        command.directory = "/tmp"
        command.environment = ["A=b c", "B="]
        #expect(try GuestCommand(requestWords: command.requestWords) == command)
    }

    @Test("Commands that are none", arguments: [[], ["--"], ["tty=0x3", "--", "a"], ["what", "--", "a"]])
    func noCommand(words: [String]) {
        #expect(throws: GuestError.self) { try GuestCommand(requestWords: words) }
    }

    @Test("The runtime directory is named after the lab, for ever")
    func identifier() {
        // FNV-1a of "" and of "a", as its authors publish them: cbf29ce484222325, af63dc4c8601ec8c.
        #expect(LabPlaces.identifier(lab: "") == "cbf29ce4")
        #expect(LabPlaces.identifier(lab: "a") == "af63dc4c")
    }

    @Test("Answers")
    func answers() throws {
        #expect(try KeeperAnswer.parse(["ok", "pid=5", "x"])?.get().value("pid") == "5")
        let none = KeeperAnswer.parse(["event", "x"])
        #expect(none.map { _ in true } == nil)
        guard case .failure(let error)? = KeeperAnswer.parse(GuestError("no such guest", status: 2).words) else {
            Issue.record("no error")
            return
        }
        #expect(error == GuestError("no such guest", status: 2))
    }
}
