// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A connection to a keeper, or to a fabric, on a loop: requests are answered in their order, events come whenever they do.
public final class KeeperConnection {
    private let connection: WordConnection
    private var waiting: [(Result<KeeperAnswer, GuestError>) -> Void] = []
    /// Pieces of a long answer.
    private var collected: [String] = []
    public var onEvent: ([String]) -> Void = { _ in }
    /// The other side has gone; what was asked for has been answered with an error.
    public var onEnd: () -> Void = {}
    private let peer: String

    /// Connects to a keeper by its lab's runtime directory.
    public static func keeper(runtimeDirectory: String, loop: ControlLoop) throws(GuestError) -> KeeperConnection {
        try KeeperConnection(try KeeperClient.connect(runtimeDirectory), loop: loop, peer: "the lab's keeper")
    }

    /// Takes a socket that is connected.
    public init(_ socket: consuming OwnedDescriptor, loop: ControlLoop, peer: String) throws(GuestError) {
        self.peer = peer
        do {
            connection = try WordConnection(socket, loop: loop)
        } catch {
            throw GuestError("cannot speak to \(peer): \(error)")
        }
        connection.received = { [weak self] in self?.take($0, $1) }
        connection.ended = { [weak self] in self?.end() }
    }

    public var isOpen: Bool { connection.isOpen }
    public var rawDescriptor: Int32 { connection.rawDescriptor }

    /// Sends a request; `then` is called with its answer, or with an error when the other side ends before.
    public func request(
        _ words: [String],
        descriptors: [SharedDescriptor] = [],
        then: @escaping (Result<KeeperAnswer, GuestError>) -> Void
    ) {
        guard isOpen else { return then(.failure(GuestError("\(peer) has ended"))) }
        waiting.append(then)
        connection.send(words, descriptors: descriptors)
    }

    public func close() { connection.close() }

    private func take(_ words: [String], _ descriptors: [SharedDescriptor]) {
        if words.first == "event" { return onEvent(Array(words.dropFirst())) }
        guard let result = KeeperAnswer.parse(words, descriptors: descriptors), !waiting.isEmpty else {
            // `exited`, `failed` of a command, and what a later version may say.
            return onEvent(words)
        }
        switch result {
        case .failure:
            collected = []
            waiting.removeFirst()(result)
        case .success(var answer):
            if answer.words.first == "more" {
                collected += answer.words.dropFirst()
                return
            }
            if answer.words.first == "end" { answer.words.removeFirst() }
            answer.words = collected + answer.words
            collected = []
            waiting.removeFirst()(.success(answer))
        }
    }

    private func end() {
        let waiting = self.waiting
        self.waiting = []
        for then in waiting { then(.failure(GuestError("\(peer) has ended"))) }
        onEnd()
    }
}
