// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Reads a descriptor as far as a window allows, and says what it read.
final class InputPump {
    private let loop: ControlLoop
    private let stream: UnhurriedStream
    private var token: ControlLoop.Token?
    private var window: Int
    private var isEnded = false
    private let read: ([UInt8]) -> Void
    private let ended: () -> Void

    init?(
        _ stream: borrowing OwnedDescriptor,
        window: Int,
        loop: ControlLoop,
        read: @escaping ([UInt8]) -> Void,
        ended: @escaping () -> Void
    ) {
        guard let own = try? UnhurriedStream(stream, forWriting: false) else { return nil }
        self.stream = own
        self.loop = loop
        self.window = window
        self.read = read
        self.ended = ended
    }

    deinit { stop() }

    func start() { wait() }

    /// The guest has taken so much; more than is on its way it cannot have.
    func grant(_ count: Int) {
        window = min(window + min(count, AgentFrame.window), AgentFrame.window)
        if token == nil { wait() }
    }

    func stop() {
        isEnded = true
        if let token { loop.cancel(token) }
        token = nil
    }

    private func wait() {
        guard !isEnded, window > 0 else { return }
        do {
            token = try loop.watch(stream.descriptor.rawValue) { [weak self] _ in self?.take() }
        } catch {
            // A file is always ready.
            while !isEnded, window > 0 { take() }
        }
    }

    private func take() {
        let limit = min(window, AgentFrame.dataLimit)
        guard limit > 0 else { return }
        do {
            let bytes = try stream.read(atMost: limit)
            if bytes.isEmpty { return end() }
            window -= bytes.count
            // Not watched while nothing may be read: a stream whose other end is gone would be ready for ever.
            if window <= 0, let token {
                loop.cancel(token)
                self.token = nil
            }
            read(bytes)
        } catch {
            if error != .wouldBlock { end() }
        }
    }

    private func end() {
        guard !isEnded else { return }
        stop()
        ended()
    }
}

/// Writes to a descriptor what comes, says what it got rid of, and that nobody reads it any more.
final class OutputPump {
    private let loop: ControlLoop
    private let stream: UnhurriedStream
    private var token: ControlLoop.Token?
    private var waiting: [UInt8] = []
    private var isBroken = false
    /// The process in between has passed on all that it was given.
    private var hasPassedOn = false
    private let written: (Int) -> Void
    private let broken: () -> Void
    /// Called once, when nothing waits any more.
    private var drained: (() -> Void)?

    /// Bytes that are written at a time.
    private static let writeLimit = 65536

    init?(
        _ stream: borrowing OwnedDescriptor,
        loop: ControlLoop,
        written: @escaping (Int) -> Void,
        broken: @escaping () -> Void
    ) {
        guard let own = try? UnhurriedStream(stream, forWriting: true) else { return nil }
        self.stream = own
        self.loop = loop
        self.written = written
        self.broken = broken
    }

    deinit { stop() }

    /// Not all has been written that came.
    var hasUnwritten: Bool { !waiting.isEmpty || stream.isRelayed && !isBroken && !hasPassedOn }

    func take(_ bytes: [UInt8]) {
        guard !isBroken else { return written(bytes.count) }
        waiting += bytes
        if token == nil { write() }
    }

    /// Calls when all is written; nothing more comes.
    func whenDrained(_ run: @escaping () -> Void) {
        drained = run
        if waiting.isEmpty { settle() }
    }

    private func settle() {
        guard let run = drained else { return }
        if hasUnwritten {
            // A process in between has it, which ends when it has written all.
            stream.finish()
            token = try? loop.watch(stream.descriptor.rawValue) { [weak self] _ in
                self?.hasPassedOn = true
                self?.settle()
            }
            if token != nil { return }
        }
        stop()
        drained = nil
        run()
    }

    func stop() {
        if let token { loop.cancel(token) }
        token = nil
    }

    private func write() {
        var count = 0
        while !waiting.isEmpty {
            do {
                let part = Array(waiting.prefix(Self.writeLimit))
                let taken = try stream.write(part)
                waiting.removeFirst(taken)
                count += taken
                if taken < part.count { break }
            } catch {
                if error == .wouldBlock { break }
                count += waiting.count
                waiting = []
                isBroken = true
            }
        }
        watch()
        if count > 0 { written(count) }
        if isBroken { broken() }
        if waiting.isEmpty { settle() }
    }

    private func watch() {
        if waiting.isEmpty {
            stop()
        } else if token == nil {
            token = try? loop.watch(stream.descriptor.rawValue, .writable) { [weak self] _ in self?.write() }
        }
    }
}
