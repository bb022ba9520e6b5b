// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// A fabric with its control socket, on a thread of its own; it ends when this does.
final class LiveFabric {
    private let socket: OwnedDescriptor
    private var thread: LinuxSystem.Thread.Handle?
    /// Events that came between answers.
    private(set) var events: [[String]] = []

    struct Refused: Error, Equatable {
        let status: String
        let message: String
    }

    init(directory: String? = nil) throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        socket = pair.first
        let other = Mutex(Optional(pair.second))
        let failure = Mutex<(any Error)?>(nil)
        let ready = DispatchSemaphore(value: 0)
        let box = Box3(other, failure)
        thread = try LinuxSystem.Thread.start(name: "control") {
            do {
                let loop = try ControlLoop()
                let fabric = try Fabric(loop: loop, directory: directory) { _ in }
                let server = FabricServer(fabric)
                server.onOwnerGone = { loop.stop() }
                try server.adopt(box.other.withLock { $0.take() }!)
                ready.signal()
                try loop.run()
                server.close()
                fabric.close()
            } catch {
                box.failure.withLock { $0 = error }
                ready.signal()
            }
        }
        ready.wait()
        if let error = box.failure.withLock({ $0 }) { throw error }
    }

    private final class Box3: Sendable {
        let other: Mutex<OwnedDescriptor?>
        let failure: Mutex<(any Error)?>
        init(_ other: consuming Mutex<OwnedDescriptor?>, _ failure: consuming Mutex<(any Error)?>) {
            self.other = other
            self.failure = failure
        }
    }

    /// Makes a request; the words of its answer.
    @discardableResult
    func ask(_ words: String..., descriptors: [Int32] = []) throws -> [String] {
        try WordMessage(words).send(to: socket, descriptors: descriptors)
        var result: [String] = []
        while true {
            let words = try next()
            switch words.first {
            case "event": events.append(Array(words.dropFirst()))
            case "error": throw Refused(status: words[1], message: words[2])
            default:
                let rest = words.dropFirst()
                if rest.first == "more" {
                    result += rest.dropFirst()
                } else {
                    return result + (rest.first == "end" ? rest.dropFirst() : rest)
                }
            }
        }
    }

    /// A request of one line.
    @discardableResult
    func tell(_ line: String) throws -> [String] { try ask(words: line.split(separator: " ").map(String.init)) }

    private func ask(words: [String]) throws -> [String] {
        try WordMessage(words).send(to: socket)
        while true {
            let words = try next()
            if words.first == "event" {
                events.append(Array(words.dropFirst()))
            } else if words.first == "error" {
                throw Refused(status: words[1], message: words[2])
            } else {
                return Array(words.dropFirst())
            }
        }
    }

    private func next() throws -> [String] {
        guard try Readiness.wait(socket, milliseconds: 10_000) else { throw Errno(rawValue: ETIMEDOUT) }
        let message = try UnixSocket.receive(from: socket, limit: WordMessage.maximumByteCount)
        return try #require(WordMessage(bytes: message.bytes)).words
    }

    /// Makes requests without looking at answers, as long as the socket takes any; how many it took.
    func flood(_ words: [String], count: Int) throws -> Int {
        var taken = 0
        while taken < count, (try? WordMessage(words).send(to: socket)) != nil { taken += 1 }
        return taken
    }

    /// Whether the socket takes requests again: the fabric has read some. False when it reads none for so long.
    func takesMore(milliseconds: UInt64 = 20) throws -> Bool {
        try Poll.isWritable(socket.rawValue, deadline: MonotonicClock.nanoseconds + milliseconds * 1_000_000)
    }

    /// Takes so many answers.
    func takeAnswers(_ count: Int) throws {
        var taken = 0
        while taken < count {
            let words = try next()
            if words.first == "ok" { taken += 1 }
            if words.first == "error" { throw Refused(status: words[1], message: words[2]) }
            if words.first == "event" { events.append(Array(words.dropFirst())) }
        }
    }

    /// Waits for an event.
    func wait(for event: [String]) throws {
        try wait { $0 == event }
        events.removeAll { $0 == event }
    }

    /// Waits for an event of a kind; throws when none comes for ten seconds.
    func wait(until isWanted: ([String]) -> Bool) throws {
        while !events.contains(where: isWanted) {
            let words = try next()
            #expect(words.first == "event")
            events.append(Array(words.dropFirst()))
        }
    }

    func refusal(_ line: String) -> Refused? {
        do {
            try tell(line)
            return nil
        } catch {
            return error as? Refused
        }
    }

    /// What `state` says of a port, by key.
    func port(_ name: String) throws -> [String: String] {
        let words = try ask("state")
        guard let start = words.firstIndex(of: "port=\(name)") else { return [:] }
        var fields: [String: String] = [:]
        for word in words[start...] {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            if ["port", "patch", "gateway", "segment"].contains(parts[0]), !fields.isEmpty,
                parts[0] != "segment" || fields["segment"] != nil
            {
                break
            }
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return fields
    }

    /// Adds a port whose other end is ours.
    func station(_ name: String, in segment: String? = nil) throws -> Station {
        let pair = try UnixSocket.pair(.sequencedPacket)
        try ask("port-add", name, "fd", descriptors: [pair.second.rawValue])
        if let segment { try ask("plug", name, segment) }
        return Station(name, pair.first)
    }

    deinit {
        shutdown(socket.rawValue, Int32(SHUT_RDWR))
        thread.take()?.join()
    }
}

/// The other end of a port: frames as messages.
final class Station {
    let name: String
    private let socket: OwnedDescriptor

    init(_ name: String, _ socket: consuming OwnedDescriptor) {
        self.name = name
        self.socket = socket
    }

    /// A frame to everybody, with a number in it.
    static func frame(from sender: UInt8, number: Int) -> [UInt8] {
        [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, sender, 0x88, 0xb5, UInt8(number >> 8),
            UInt8(number & 0xff),
        ]
            + [UInt8](repeating: 0, count: 46)
    }

    func send(_ sender: UInt8, _ number: Int) throws {
        try UnixSocket.send(Self.frame(from: sender, number: number), to: socket)
    }

    /// The next frame's sender and number; nil when none comes in time.
    func receive(milliseconds: Int = 5000) throws -> [Int]? {
        guard try Readiness.wait(socket, milliseconds: Int32(milliseconds)) else { return nil }
        let frame = try UnixSocket.receive(from: socket, limit: 70_000).bytes
        return frame.count < 16 ? nil : [Int(frame[11]), Int(frame[14]) << 8 | Int(frame[15])]
    }
}
