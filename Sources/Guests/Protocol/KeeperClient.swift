// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A connection to a lab's keeper for a program that waits for each answer. `KeeperConnection` is the form for a loop.
///
/// For one thread at a time.
public final class KeeperClient {
    private let socket: OwnedDescriptor
    /// Events that came while an answer was waited for.
    private var events: [KeeperEvent] = []

    /// Connects to the keeper of a running lab. Throws with `status` 4 when none runs there.
    public convenience init(lab: String) throws(GuestError) {
        try self.init(runtimeDirectory: LabPlaces.runtimeDirectory(lab: lab))
    }

    public init(runtimeDirectory: String) throws(GuestError) {
        socket = try Self.connect(runtimeDirectory)
    }

    /// A socket connected to a keeper.
    static func connect(_ runtimeDirectory: String) throws(GuestError) -> OwnedDescriptor {
        let path = RuntimeFiles(directory: runtimeDirectory).keeper
        do {
            return try LabPlaces.connection(.sequencedPacket, to: path)
        } catch {
            if error == .nameTooLong { throw GuestError("\(path): longer than a socket's path may be") }
            if error == .notPermitted { throw GuestError("\(path): belongs to another user; remove it", status: 4) }
            if error == .noEntry || error == .connectionRefused {
                throw GuestError("no lab runs at \(runtimeDirectory)", status: 4)
            }
            throw GuestError("\(path): \(error)")
        }
    }

    /// Readable when an event, or an answer, has come.
    public var rawDescriptor: Int32 { socket.rawValue }

    /// Sends a request and waits for its answer.
    ///
    /// - Parameters:
    ///   - descriptors: stay the caller's.
    ///   - patience: nanoseconds; nil waits for as long as the keeper lives.
    @discardableResult
    public func request(
        _ words: [String],
        descriptors: [Int32] = [],
        patience: UInt64? = nil
    ) throws(GuestError) -> KeeperAnswer {
        let deadline = patience.map { MonotonicClock.nanoseconds &+ $0 }
        do throws(Errno) {
            try transmit(words, descriptors)
        } catch {
            // One who refuses to listen may have said why.
            guard error == .brokenPipe else { throw Self.failure(error) }
        }
        var collected: [String] = []
        while true {
            let (words, descriptors) = try receive(deadline: deadline)
            if words.first == "event" {
                events.append(KeeperEvent(words: Array(words.dropFirst())))
                continue
            }
            guard let result = KeeperAnswer.parse(words, descriptors: descriptors) else { continue }
            var answer = try result.get()
            // A long answer comes in pieces.
            if answer.words.first == "more" {
                collected += answer.words.dropFirst()
                continue
            }
            if answer.words.first == "end" { answer.words.removeFirst() }
            answer.words = collected + answer.words
            return answer
        }
    }

    /// Sends a message that has no answer: `signal`, `resize` of a command that runs.
    public func send(_ words: [String], descriptors: [Int32] = []) throws(GuestError) {
        do throws(Errno) {
            try transmit(words, descriptors)
        } catch {
            throw Self.failure(error)
        }
    }

    private func transmit(_ words: [String], _ descriptors: [Int32]) throws(Errno) {
        while true {
            do throws(Errno) {
                return try WordMessage(words).send(to: socket, descriptors: descriptors)
            } catch .wouldBlock {
                _ = try Poll.isWritable(socket.rawValue, deadline: nil)
            }
        }
    }

    /// The next message, whatever it is.
    public func receive(deadline: UInt64?) throws(GuestError) -> (words: [String], descriptors: [SharedDescriptor]) {
        do throws(Errno) {
            while true {
                do throws(Errno) {
                    var message = try UnixSocket.receive(from: socket, limit: WordMessage.maximumByteCount)
                    var descriptors: [SharedDescriptor] = []
                    while let descriptor = message.takeDescriptor() { descriptors.append(SharedDescriptor(descriptor)) }
                    if message.bytes.isEmpty { throw Errno.connectionReset }
                    guard let words = WordMessage(bytes: message.bytes)?.words else { throw Errno.invalid }
                    return (words, descriptors)
                } catch .wouldBlock {
                    guard try Poll.isReadable(socket.rawValue, deadline: deadline) else { throw Errno.timedOut }
                }
            }
        } catch {
            throw Self.failure(error)
        }
    }

    /// The next event after `watch`; nil at the deadline.
    public func nextEvent(deadline: UInt64?) throws(GuestError) -> KeeperEvent? {
        if !events.isEmpty { return events.removeFirst() }
        while true {
            do {
                let words = try receive(deadline: deadline).words
                if words.first == "event" { return KeeperEvent(words: Array(words.dropFirst())) }
            } catch {
                if error.status == 3 { return nil }
                throw error
            }
        }
    }

    static func failure(_ error: Errno) -> GuestError {
        switch error {
        case .connectionReset, .brokenPipe: GuestError("the lab's keeper has ended")
        case .timedOut: GuestError("the lab's keeper does not answer", status: 3)
        default: GuestError("cannot speak to the lab's keeper: \(error)")
        }
    }

    // MARK: What it can be asked for

    public func state() throws(GuestError) -> KeeperState { KeeperState(words: try request(["state"]).words) }

    /// Waits until a guest is in a state; throws with `status` 3 when that takes too long.
    public func wait(
        _ guest: String,
        for state: GuestState,
        milliseconds: UInt64? = nil
    ) throws(GuestError) {
        try request(["wait", guest, state.rawValue] + (milliseconds.map { ["timeout=\($0)"] } ?? []))
    }

    /// Starts a command in a guest with these descriptors as its standard streams. From then on the connection belongs to
    /// the command: `waitForEnd`, `send(["signal", …])`, `send(["resize", …])`.
    public func start(
        _ command: GuestCommand,
        guest: String,
        input: Int32,
        output: Int32,
        error: Int32
    ) throws(GuestError) {
        try request(["exec", guest] + command.requestWords, descriptors: [input, output, error])
    }

    /// How the command that this connection belongs to ended.
    public func waitForEnd() throws(GuestError) -> WaitStatus {
        while true {
            if let end = try Self.end(receive(deadline: nil).words) { return try end.get() }
        }
    }

    /// Reads `exited WAITSTATUS` and `failed STATUS MESSAGE`; nil for other words.
    public static func end(_ words: [String]) -> Result<WaitStatus, GuestError>? {
        switch words.first {
        case "exited": return .success(WaitStatus(rawValue: words.count > 1 ? Int32(words[1]) ?? 0 : 0))
        case "failed":
            let status = words.count > 1 ? Int32(words[1]) : nil
            return .failure(GuestError(words.dropFirst(2).joined(separator: " "), status: status ?? 1))
        default: return nil
        }
    }
}
