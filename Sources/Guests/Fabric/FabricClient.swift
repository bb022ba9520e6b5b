// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// The keeper's connection with its fabric: requests go out as they are made, answers come in the same order.
///
/// Nothing blocks: what the socket does not take waits here, with duplicates of the descriptors that go along.
public final class FabricClient {
    public typealias Answer = (Result<[String], GuestError>) -> Void

    /// Called with the words of each event, after `watch` was asked for.
    public var onEvent: ([String]) -> Void = { _ in }
    /// Called with the words of an event that has descriptors, or could have.
    public var onKept: ([String], [SharedDescriptor]) -> Void = { _, _ in }
    /// The fabric is gone. What was not answered fails before this is called.
    public var onEnd: () -> Void = {}

    private let socket: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    private var waiting: [(answer: Answer, words: [String], since: UInt64)] = []
    private var unsent: [OutgoingMessage] = []

    /// Takes over a connected control socket, such as one end of the pair whose other end is `etherloom fabric --owner-fd`.
    public init(_ socket: consuming OwnedDescriptor, loop: ControlLoop) throws(Errno) {
        self.socket = socket
        self.loop = loop
        try self.socket.setNonblocking()
        token = try loop.watch(self.socket.rawValue, [.readable, .readHangUp]) { [weak self] events in
            self?.ready(events)
        }
    }

    /// Connects with the control socket at a path.
    public convenience init(path: String, loop: ControlLoop) throws(Errno) {
        guard let address = UnixSocketAddress(path: path) else { throw .nameTooLong }
        try self.init(try UnixSocket.connection(.sequencedPacket, to: address), loop: loop)
    }

    deinit { close() }

    /// Since when the request is waited for that is to be answered next, in monotonic nanoseconds.
    public var oldestRequest: UInt64? { waiting.first?.since }

    /// Whether requests can still be made.
    public var isOpen: Bool { token != nil }

    /// Makes a request. The answer's words are those after `ok`; those of a long answer come all at once.
    ///
    /// - Parameter descriptors: stay the caller's.
    public func request(_ words: [String], descriptors: [Int32] = [], then answer: @escaping Answer = { _ in }) {
        guard isOpen else { return answer(.failure(Self.gone)) }
        do throws(Errno) {
            let bytes = try WordMessage(words).encoded()
            if unsent.isEmpty {
                do throws(Errno) {
                    try UnixSocket.send(bytes, descriptors: descriptors, to: socket)
                } catch .wouldBlock {
                    try enqueue(bytes, descriptors)
                }
            } else {
                try enqueue(bytes, descriptors)
            }
            waiting.append((answer, [], MonotonicClock.nanoseconds))
        } catch {
            if error == .brokenPipe || error == .connectionReset {
                end()
                answer(.failure(Self.gone))
            } else {
                answer(.failure(GuestError("fabric: \(words.first ?? ""): \(error)")))
            }
        }
    }

    private func enqueue(_ bytes: [UInt8], _ descriptors: [Int32]) throws(Errno) {
        unsent.append(try OutgoingMessage(bytes, duplicating: descriptors))
        if let token { loop.change(token, to: [.readable, .readHangUp, .writable]) }
    }

    private func ready(_ events: Epoll.Events) {
        if events.contains(.writable) { flush() }
        // Some at a time: others of the loop have their turn too.
        for _ in 0..<64 where isOpen {
            do throws(Errno) {
                var message = try UnixSocket.receive(from: socket, limit: WordMessage.maximumByteCount)
                if message.bytes.isEmpty { return end() }
                guard let words = WordMessage(bytes: message.bytes)?.words else { return end() }
                var descriptors: [SharedDescriptor] = []
                while let descriptor = message.takeDescriptor() { descriptors.append(SharedDescriptor(descriptor)) }
                take(words, descriptors)
            } catch .wouldBlock {
                return
            } catch .interrupted {
                continue
            } catch {
                return end()
            }
        }
    }

    private func flush() {
        while let next = unsent.first {
            do throws(Errno) {
                try next.send(to: socket)
                unsent.removeFirst()
            } catch .wouldBlock {
                return
            } catch {
                return end()
            }
        }
        if let token { loop.change(token, to: [.readable, .readHangUp]) }
    }

    private func take(_ words: [String], _ descriptors: [SharedDescriptor]) {
        let rest = Array(words.dropFirst())
        switch words.first {
        case "event" where rest.first == "kept": onKept(Array(rest.dropFirst()), descriptors)
        case "event": onEvent(rest)
        case "ok":
            guard !waiting.isEmpty else { return }
            if rest.first == "more" {
                waiting[0].words += rest.dropFirst()
                return
            }
            let next = waiting.removeFirst()
            next.answer(.success(next.words + (rest.first == "end" ? Array(rest.dropFirst()) : rest)))
        case "error":
            guard !waiting.isEmpty else { return }
            let status = rest.first.flatMap { Int32($0) } ?? 1
            let message = rest.count > 1 ? rest[1] : "the fabric refused"
            waiting.removeFirst().answer(.failure(GuestError(message, status: status)))
        default: end()
        }
    }

    private static var gone: GuestError { GuestError("the fabric is gone") }

    private func end() {
        guard isOpen else { return }
        close()
        onEnd()
    }

    /// Ends the connection; a fabric that was started with it ends too.
    public func close() {
        guard let token = token.take() else { return }
        loop.cancel(token)
        unsent = []
        let waiting = waiting
        self.waiting = []
        for request in waiting { request.answer(.failure(Self.gone)) }
    }
}
