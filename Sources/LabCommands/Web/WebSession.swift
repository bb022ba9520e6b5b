// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// One page and its own session of the console.
final class WebSession: Sendable {
    let id: String
    private let console: ConsoleAddress
    private let queue: PageQueue
    private let watcher: PortWatcher
    private let lines: AsyncStream<String>
    private let lineInput: AsyncStream<String>.Continuation

    /// How many lines may wait for a console that does not take them.
    private static let waitingLines = 32

    init(_ console: ConsoleAddress, limits: PageQueue.Limits = PageQueue.Limits()) {
        id = Secret.random().text
        self.console = console
        let queue = PageQueue(limits)
        self.queue = queue
        watcher = PortWatcher(console)
        (lines, lineInput) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waitingLines))
    }

    // MARK: What the page says

    /// Why a line is not taken.
    enum LineRefusal: Error, Equatable {
        case tooLong, control, tooMany
    }

    /// Sends a line to the console.
    func submit(_ line: String) throws(LineRefusal) {
        guard line.utf8.count <= ConsoleAddress.longestLine else { throw .tooLong }
        guard line.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else { throw .control }
        guard case .enqueued = lineInput.yield(line) else { throw .tooMany }
    }

    /// Whether the page shows its table of ports now.
    func watchPorts(_ isWatching: Bool) { watcher.setWatching(isWatching) }

    // MARK: What it gets

    /// Serves the page until it goes, which cancels this task, or the console ends.
    ///
    /// - Parameters:
    ///   - write: sends text to the page.
    ///   - drop: closes the connection of a page that reads too slowly; `write` throws then.
    func run(
        write: (String) async throws -> Void,
        drop: @escaping @Sendable () -> Void
    ) async throws {
        _ = queue.put("session", JSONText.string(id))
        let channel: ConsoleAddress.Channel
        do {
            channel = try await console.connect()
        } catch {
            let reason = (error as? Failure)?.message ?? "\(error)"
            _ = queue.put("end", JSONText.string(reason))
            return try await write(queue.take().text)
        }
        try await channel.executeThenClose { input, output in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await self.read(input, drop) }
                group.addTask {
                    for await line in self.lines { try await output.write(ByteBuffer(string: line + "\n")) }
                }
                group.addTask {
                    await self.watcher.run { table in
                        if !self.queue.put("ports", JSONText.ports(table)) { drop() }
                    }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(15))
                        if !self.queue.tick() { drop() }
                    }
                }
                for await _ in queue.wakes {
                    let (text, isLast) = queue.take()
                    if !text.isEmpty { try await write(text) }
                    if isLast { break }
                }
                group.cancelAll()
            }
        }
    }

    private func read(_ input: NIOAsyncChannelInboundStream<ByteBuffer>, _ drop: @Sendable () -> Void) async {
        var transcript = ConsoleTranscript()
        do {
            for try await bytes in input {
                let items = transcript.receive(bytes.readableBytesView)
                if !items.isEmpty, !queue.put("console", JSONText.items(items)) { drop() }
            }
        } catch {
            // A reset, or the page's end: the console is gone either way.
        }
        let rest = transcript.finish()
        if !rest.isEmpty { _ = queue.put("console", JSONText.items(rest)) }
        _ = queue.put("end", JSONText.string("The console has ended."))
        queue.finish()
    }
}
