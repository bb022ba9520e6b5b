// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Follows the ports of a switch while somebody looks: what comes and goes at once, by the console's events, and traffic every
/// few seconds. It has a session of the console for itself, so that its questions never mix with what is typed.
///
///     session ── debug/add port ──▶ 1000: events tell when to ask      1xxx: no events, ask every second
///             ── port/print ──────▶ the table, again when asked for
final class PortWatcher: Sendable {
    private let console: ConsoleAddress
    private let isWatching = Mutex(false)
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// Events of so long a time are answered by one question.
    private static var pause: Duration { .milliseconds(100) }
    /// Seconds between two looks at the counters; each, if the console tells no events.
    private static var trafficSeconds: Int { 5 }

    init(_ console: ConsoleAddress) {
        self.console = console
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func setWatching(_ isWatching: Bool) {
        self.isWatching.withLock { $0 = isWatching }
        wake.yield()
    }

    private var isWanted: Bool { isWatching.withLock { $0 } }

    /// Runs until it is cancelled, or the console refuses it or ends.
    func run(_ show: @escaping @Sendable (PortTable) -> Void) async {
        for await _ in wakes where isWanted {
            try? await watch(show)
        }
    }

    /// One session, as long as somebody looks.
    private func watch(_ show: @escaping @Sendable (PortTable) -> Void) async throws {
        try await console.connect().executeThenClose { input, output in
            let conversation = Conversation()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await conversation.read(input, show) }
                group.addTask { try await conversation.ask(output, pause: Self.pause) }
                group.addTask {
                    var seconds = 0
                    while self.isWanted {
                        try await Task.sleep(for: .seconds(1))
                        seconds += 1
                        if !conversation.hasEvents || seconds % Self.trafficSeconds == 0 { conversation.wantTable() }
                    }
                }
                // Whichever ends first ends the session: the console, or the last who looked.
                try await group.next()
                group.cancelAll()
            }
        }
    }
}

/// What is said in one session.
private final class Conversation: Sendable {
    /// The console is ready for the next command.
    private let prompts: AsyncStream<Void>
    private let prompt: AsyncStream<Void>.Continuation
    /// There may be something new to see.
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation
    private let isFollowing = Mutex(false)

    init() {
        (prompts, prompt) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var hasEvents: Bool { isFollowing.withLock { $0 } }
    func wantTable() { wish.yield() }

    /// Takes what the console says: tables are shown, events are wishes.
    func read(_ input: NIOAsyncChannelInboundStream<ByteBuffer>, _ show: (PortTable) -> Void) async throws {
        defer {
            prompt.finish()
            wish.finish()
        }
        var transcript = ConsoleTranscript()
        var lines: [String] = []
        var replyCount = 0
        for try await bytes in input {
            for item in transcript.receive(bytes.readableBytesView) {
                switch item.kind {
                case .data: lines.append(item.text)
                case .success:
                    replyCount += 1
                    // The first reply is to the wish for events.
                    if replyCount == 1 { isFollowing.withLock { $0 = true } } else { show(PortTable(lines)) }
                    lines.removeAll(keepingCapacity: true)
                case .failure:
                    replyCount += 1
                    if replyCount > 1 { return }
                case .event: wish.yield()
                case .end: return
                case .text: break
                case .prompt: prompt.yield()
                }
            }
        }
    }

    /// Asks for events, then for the table whenever it may have changed.
    func ask(_ output: NIOAsyncChannelOutboundWriter<ByteBuffer>, pause: Duration) async throws {
        var ready = prompts.makeAsyncIterator()
        guard await ready.next() != nil else { return }
        try await output.write(ByteBuffer(string: "debug/add port\n"))
        wish.yield()
        for await _ in wishes {
            guard await ready.next() != nil else { return }
            try await output.write(ByteBuffer(string: "port/print\n"))
            try await Task.sleep(for: pause)
        }
    }
}
