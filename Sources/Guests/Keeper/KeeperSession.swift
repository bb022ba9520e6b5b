// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// One who has connected to the keeper: his requests are answered in their order, however long one takes.
final class KeeperSession {
    typealias Outcome = Result<KeeperAnswer, GuestError>

    private final class Slot {
        var outcome: Outcome?
        /// Called when nobody waits for the answer any more.
        var giveUp: () -> Void = {}
        /// Called when the answer has gone out.
        var afterwards: () -> Void = {}
    }

    private let connection: WordConnection
    private let keeper: Keeper
    private var slots: [Slot] = []
    private var isWatching = false
    /// The command that this connection belongs to.
    private var command: (any RunningCommand)?
    private var hasEnded = false
    var onEnd: () -> Void = {}

    /// Requests that may wait for their answers.
    private static let limit = 4096
    /// Bytes of words in one message of a long answer.
    private static let pageByteCount = 32 * 1024

    init(_ connection: WordConnection, keeper: Keeper) {
        self.connection = connection
        self.keeper = keeper
        connection.received = { [weak self] in self?.take($0, $1) }
        connection.ended = { [weak self] in self?.end() }
    }

    private func end() {
        hasEnded = true
        command?.cancel()
        command = nil
        for slot in slots { slot.giveUp() }
        onEnd()
    }

    func tell(_ event: KeeperEvent) {
        if isWatching { connection.send(["event"] + event.words) }
    }

    private func take(_ words: [String], _ descriptors: [SharedDescriptor]) {
        if let command, takeForCommand(command, words) { return }
        guard slots.count < Self.limit else { return connection.close() }
        let slot = Slot()
        slots.append(slot)
        perform(words, descriptors, slot) { [weak self] outcome in
            guard slot.outcome == nil else { return }
            slot.outcome = outcome
            self?.answer()
        }
    }

    private func answer() {
        while let slot = slots.first, let outcome = slot.outcome {
            slots.removeFirst()
            switch outcome {
            case .success(let answer): send(answer)
            case .failure(let error): connection.send(error.words)
            }
            slot.afterwards()
        }
    }

    private func send(_ answer: KeeperAnswer) {
        var page: [String] = []
        var byteCount = 0
        var isLong = false
        for word in answer.words {
            if byteCount + word.utf8.count > Self.pageByteCount, !page.isEmpty {
                connection.send(["ok", "more"] + page)
                isLong = true
                (page, byteCount) = ([], 0)
            }
            page.append(word)
            byteCount += word.utf8.count + 1
        }
        connection.send(["ok"] + (isLong ? ["end"] : []) + page, descriptors: answer.descriptors)
    }

    private func takeForCommand(_ command: any RunningCommand, _ words: [String]) -> Bool {
        switch (words.first, words.count) {
        case ("signal", 2):
            if let number = Int32(words[1]), (1...64).contains(number) { command.send(signal: number) }
            return true
        case ("resize", 2):
            if let size = TerminalSize(words[1]) { command.resize(columns: size.columns, rows: size.rows) }
            return true
        default: return false
        }
    }

    // MARK: Requests

    private func perform(
        _ words: [String],
        _ descriptors: [SharedDescriptor],
        _ slot: Slot,
        then: @escaping (Outcome) -> Void
    ) {
        do throws(GuestError) {
            switch words[0] {
            case "watch":
                isWatching = true
                then(.success(KeeperAnswer()))
            case "wait": slot.giveUp = try keeper.wait(words, then: then)
            case "exec": try execute(words, descriptors, slot, then: then)
            default: try keeper.perform(words, then: then)
            }
        } catch {
            then(.failure(error))
        }
    }

    private func execute(
        _ words: [String],
        _ descriptors: [SharedDescriptor],
        _ slot: Slot,
        then: @escaping (Outcome) -> Void
    ) throws(GuestError) {
        guard words.count > 1 else { throw GuestError("exec: which guest?", status: 2) }
        let guest = try keeper.guest(words[1])
        let request = try GuestCommand(requestWords: Array(words.dropFirst(2)))
        // Before those that came are counted.
        if connection.hasLostDescriptors { throw Self.noDescriptors }
        guard descriptors.count == 3 else {
            throw GuestError("exec: 3 descriptors are wanted, \(descriptors.count) came", status: 2)
        }
        guard command == nil else { throw GuestError("exec: this connection has a command already", status: 2) }
        let driver = try guest.running("run a command in")
        let streams: GuestStreams
        do {
            streams = GuestStreams(
                input: try descriptors[0].duplicate(),
                output: try descriptors[1].duplicate(),
                error: try descriptors[2].duplicate()
            )
        } catch {
            throw Self.noDescriptors
        }
        // A command may have ended before its start was answered: the answer goes first all the same.
        var end: Result<WaitStatus, GuestError>?
        var isAnswered = false
        let running = driver.run(request, streams: streams) { [weak self] result in
            end = result
            if isAnswered { self?.commandEnded(result) }
        }
        command = running
        slot.afterwards = { [weak self] in
            isAnswered = true
            if let end { self?.commandEnded(end) }
        }
        if hasEnded { running?.cancel() }
        then(.success(KeeperAnswer()))
    }

    private static var noDescriptors: GuestError {
        GuestError("exec: the lab's keeper has no descriptor left: \(Errno(rawValue: EMFILE))", status: 4)
    }

    private func commandEnded(_ result: Result<WaitStatus, GuestError>) {
        command = nil
        switch result {
        case .success(let status): connection.send(["exited", String(status.rawValue)])
        case .failure(let error): connection.send(["failed", String(error.status), error.message.withoutControls])
        }
    }
}
