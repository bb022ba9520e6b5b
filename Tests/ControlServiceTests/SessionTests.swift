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
    private var states: [String: String] = [:]

    func ask(_ words: [String], then: @escaping (Result<KeeperAnswer, GuestError>) -> Void) {
        asked.append(words)
        if refused.contains(words.joined(separator: " ")) || refused.contains(words[0]) {
            return then(.failure(GuestError("\(words[0]): refused")))
        }
        then(.success(KeeperAnswer()))
        switch words[0] {
        case "start":
            tell(words[1], "starting")
            tell(words[1], "running")
            if let status = endings[words[1]] { onEvent(["guest", words[1], "stopped", String(status)]) }
        case "stop", "kill": tell(words[1], "stopped")
        case "down": onEnd()
        default: break
        }
    }

    private func tell(_ guest: String, _ state: String) { onEvent(["guest", guest, state]) }

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
        let end = MonotonicClock.nanoseconds + 10_000_000_000
        while !isSettled, MonotonicClock.nanoseconds < end {
            _ = try Poll.isReadable(loop.descriptor, deadline: min(end, loop.nextDeadline ?? end))
            try loop.runPending()
        }
        try #require(isSettled)
        return failure
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

    @Test("A guest that ends by itself is treated by its policy")
    func policies() throws {
        let session = session()
        keeper.endings = ["a": 1 << 8]
        _ = try converge(session, "guests: {a: {restart: no}}").get()
        let failure = try settle(session, ["a"])
        #expect(failure?.message == "guest \"a\" ended with status 1")
        #expect(session.intent.wanted.isEmpty)
        #expect(keeper.requests("start").count == 1)
        keeper.endings = ["b": 1 << 8]
        _ = try converge(session, "guests: {a: {restart: no}, b: {restart: on-failure}}").get()
        #expect(session.runs["b"]?.restarts == 1)
        keeper.endings = [:]
        #expect(try settle(session, ["b"]) == nil)
        #expect(keeper.requests("start").filter { $0[1] == "b" }.count == 2)
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
