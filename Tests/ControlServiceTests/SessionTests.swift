// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LabFile
import LinuxSystem
import Model
import Testing

@testable import ControlService

/// A keeper that does all at once, remembers what it was asked for, and refuses what it is told to.
private final class FakeKeeper: KeeperLink {
    var onEvent: ([String]) -> Void = { _ in }
    var onEnd: () -> Void = {}
    var asked: [[String]] = []
    var refused: Set<String> = []
    /// Guests that end as soon as they have started, with this wait(2) status.
    var endings: [String: Int32] = [:]

    func ask(_ words: [String], then: @escaping (Result<KeeperAnswer, GuestError>) -> Void) {
        asked.append(words)
        if !refused.isDisjoint(with: [words.joined(separator: " "), words[0], words.dropFirst().first ?? ""]) {
            return then(.failure(GuestError("\(words[0]): refused")))
        }
        then(.success(KeeperAnswer()))
        switch words[0] {
        case "start":
            tell(words[1], "starting")
            if unstartable.contains(words[1]) { return onEvent(["guest", words[1], "stopped", "256"]) }
            tell(words[1], "running")
            if let status = endings[words[1]] { onEvent(["guest", words[1], "stopped", String(status)]) }
        case "stop", "kill":
            tell(words[1], "stopping")
            if !lingers { tell(words[1], "stopped") }
        case "down": onEnd()
        case "define" where chatters: onEvent(["interface", words[1] + ":e", "-", "down"])
        default: break
        }
    }

    /// Guests that end before they run.
    var unstartable: Set<String> = []
    /// Tells of interfaces that come.
    var chatters = false
    /// Guests take their time to end.
    var lingers = false
    func tell(_ guest: String, _ state: String) { onEvent(["guest", guest, state]) }

    func close() {}

    func requests(_ verb: String) -> [[String]] { asked.filter { $0[0] == verb } }
}

@Suite("A session with a keeper")
struct SessionTests {
    private let loop: ControlLoop
    private let keeper = FakeKeeper()
    private let directory: String

    init() throws {
        loop = try ControlLoop()
        directory = NSTemporaryDirectory() + "etherloom-session-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func session(_ intent: Intent? = nil) -> LabSession {
        let layout = LabLayout(lab: "t", directory: "/labs/t", runtime: directory)
        let session = LabSession(
            intent ?? Intent(lab: Lab(name: "t"), directory: "/labs/t"),
            layout: layout,
            keeper: keeper,
            loop: loop,
            hub: EventHub(),
            program: "/bin/etherloom"
        )
        session.begin { _ in }
        return session
    }

    private func converge(_ session: LabSession, _ text: String) throws -> Result<[String], ControlError> {
        var result: Result<[String], ControlError>?
        session.converge(try LabFile(text, labName: "t").lab, ConvergeOptions()) { result = $0 }
        return try #require(result)
    }

    private func settle(_ session: LabSession, _ names: Set<String>) throws -> ControlError? {
        var isSettled = false
        var failure: ControlError?
        session.whenSettled(names, milliseconds: 5000) {
            isSettled = true
            failure = $0
        }
        try run { isSettled }
        return failure
    }

    /// Runs the loop until something is so.
    private func run(until isReached: () -> Bool) throws {
        let end = MonotonicClock.nanoseconds + 10_000_000_000
        while !isReached(), MonotonicClock.nanoseconds < end {
            _ = try Poll.isReadable(loop.descriptor, deadline: min(end, loop.nextDeadline ?? end))
            try loop.runPending()
        }
        try #require(isReached())
    }

    private let two = "guests: {a: {interfaces: {e: {segment: lan}}}, b: {after: a}}\nsegments: {lan: {}}"

    @Test("A lab comes up in order; the same lab again asks for nothing; what is wanted is written down")
    func up() throws {
        let session = session()
        #expect(try converge(session, two).get().contains("+ segment lan switch"))
        #expect(try settle(session, ["a", "b"]) == nil)
        #expect(keeper.requests("start") == [["start", "a"], ["start", "b"]])
        let count = keeper.asked.count
        #expect(try converge(session, two).get() == [])
        #expect(keeper.asked.count == count)
        let intent = try #require(Intent.load(directory + "/intent"))
        #expect(intent == session.intent)
        #expect(intent.doubtful.isEmpty)
        #expect(intent.wanted == ["a", "b"])
    }

    @Test("A refused step stops what follows, and the next attempt goes on from there")
    func resumed() throws {
        let session = session()
        keeper.refused = ["define"]
        #expect(throws: ControlError.self) { try converge(session, two).get() }
        #expect(keeper.requests("plug").isEmpty)
        #expect(session.intent.applied["segment lan"] != nil)
        keeper.refused = []
        let lines = try converge(session, two).get()
        #expect(!lines.contains("+ segment lan switch"))
        #expect(lines.contains("+ guest a process"))
        #expect(try settle(session, ["a", "b"]) == nil)
    }

    @Test("A change that fails leaves the lab as it was")
    func undone() throws {
        let session = session()
        _ = try converge(session, two).get()
        keeper.refused = ["plug a:e wan"]
        var options = ConvergeOptions()
        options.start = []
        options.undoesOnFailure = true
        var result: Result<[String], ControlError>?
        session.change(options) { (lab) throws(ControlError) in
            try LabChange(["segment", "add", "wan"]).apply(to: &lab)
            try LabChange(["link", "move", "a:e", "wan"]).apply(to: &lab)
        } then: {
            result = $0
        }
        #expect(throws: ControlError.self) { try result?.get() }
        #expect(session.intent.lab.segments.map(\.name) == ["lan"])
        #expect(keeper.asked.contains(["fabric", "segment-remove", "wan"]))
        #expect(session.intent.applied["segment wan"] == nil)
    }

    @Test(
        "One that runs has started, whatever becomes of it; one that is to be found ready, or did not start, has failed"
    )
    func ends() throws {
        keeper.endings = ["a": 3 << 8, "b": 0, "c": 0]
        let session = session()
        let text = "guests: {a: {}, b: {ready: {command: 'false'}}, c: {after: [a, d]}, d: {after: a}}"
        _ = try converge(session, text).get()
        #expect(try settle(session, ["a", "c", "d"]) == nil)
        #expect(session.runs["a"]?.failure?.message == "ended with status 3")
        #expect(try settle(session, ["b"])?.message == "guest \"b\" ended before it was ready")
        keeper.endings = ["a": 3 << 8]
        keeper.unstartable = ["a"]
        let other = self.session()
        _ = try converge(other, "guests: {a: {restart: always}, b: {after: a}}").get()
        #expect(try settle(other, ["b"])?.message == "guest \"a\" did not start")
        #expect(other.intent.wanted == ["a", "b"])
    }

    @Test("A guest that is started while it stops is started when it has stopped")
    func startedAgain() throws {
        let session = session()
        _ = try converge(session, "guests: {a: {}, b: {after: a}}").get()
        keeper.lingers = true
        for guest in ["a", "b"] {
            session.act(guest, "stop", grace: nil, waits: false, milliseconds: nil) { #expect($0 == nil) }
        }
        var isUp = false
        session.act("b", "start", grace: nil, waits: true, milliseconds: 5000) {
            #expect($0 == nil)
            isUp = true
        }
        #expect(!isUp && keeper.requests("start").count == 2)
        for guest in ["b", "a"] { keeper.tell(guest, "stopped") }
        #expect(isUp && keeper.requests("start").suffix(2) == [["start", "a"], ["start", "b"]])
        #expect(session.runs["b"]?.failure == nil && session.runs["b"]?.restarts == 0)
    }

    @Test("Nothing is started, and nothing plugged in, before what holds for it has been set")
    func guarded() throws {
        let session = session()
        keeper.chatters = true
        _ = try converge(session, two).get()
        let filtered = two.replacingOccurrences(
            of: "{segment: lan}",
            with: "{segment: lan, allow: 10.0.0.1, impair: {loss: 1%}}"
        )
        let new = filtered.replacingOccurrences(
            of: "a: {",
            with: "c: {interfaces: {e: {segment: lan, allow: 10.0.0.2}}}, a: {"
        )
        keeper.asked = []
        _ = try converge(session, new).get()
        let verbs = keeper.asked.map { $0[0] == "fabric" ? $0[1] : $0[0] }
        let plug = try #require(verbs.lastIndex(of: "plug"))
        #expect(try #require(verbs.lastIndex(of: "filter")) < plug)
        #expect(plug < (try #require(verbs.firstIndex(of: "start"))))
        // Where a rule cannot be had, nothing goes without it.
        keeper.refused = ["filter"]
        keeper.asked = []
        let third = new.replacingOccurrences(
            of: "a: {",
            with: "d: {interfaces: {e: {segment: lan, allow: 10.0.0.3}}}, a: {"
        )
        #expect(throws: ControlError.self) { try converge(session, third).get() }
        #expect(keeper.requests("plug").isEmpty)
    }

    @Test("A guest that ends by itself is treated by its policy")
    func policies() throws {
        let session = session()
        keeper.endings = ["a": 1 << 8]
        _ = try converge(session, "guests: {a: {restart: no}}").get()
        #expect(try settle(session, ["a"]) == nil)
        #expect(session.runs["a"]?.failure?.message == "ended with status 1")
        #expect(session.intent.wanted.isEmpty)
        #expect(keeper.requests("start").count == 1)
        keeper.endings = ["b": 1 << 8]
        _ = try converge(session, "guests: {a: {restart: no}, b: {restart: on-failure}}").get()
        #expect(session.runs["b"]?.restarts == 1)
        keeper.endings = [:]
        #expect(try settle(session, ["b"]) == nil)
        try run { keeper.requests("start").filter { $0[1] == "b" }.count == 2 }
    }

    @Test("A guest that is being reset is not ready before it runs again")
    func reset() throws {
        let session = session()
        _ = try converge(session, two).get()
        #expect(try settle(session, ["a", "b"]) == nil)
        keeper.tell("a", "starting")
        #expect(session.runs["a"]?.isReady == false)
        #expect(session.runs["b"]?.isReady == true)
        keeper.tell("a", "running")
        #expect(session.runs["a"]?.isReady == true)
        #expect(keeper.requests("start").count == 2)
    }

    @Test("A killed daemon's doubts are cleared: taken away if it is there, and made")
    func doubtful() throws {
        let lab = try LabFile(two, labName: "t").lab
        var intent = Intent(lab: lab, directory: "/labs/t")
        let segment = Resource(
            .segment,
            "lan",
            make: [["fabric", "segment-add", "lan"]],
            remove: [["fabric", "segment-remove", "lan"]]
        )
        intent.doubtful = [segment.key: segment]
        try intent.save(directory + "/intent")
        let session = session(Intent.load(directory + "/intent"))
        keeper.refused = ["fabric segment-remove lan"]
        _ = try converge(session, two).get()
        let places = keeper.asked.indices.filter { keeper.asked[$0].prefix(1) == ["fabric"] }
        #expect(places.map { keeper.asked[$0][1] }.prefix(2) == ["segment-remove", "segment-add"])
        #expect(session.intent.doubtful.isEmpty)
    }
}
