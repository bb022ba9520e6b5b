// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Asks for the ports of a switch every second while somebody looks. It has a session of the console for itself, so that its
/// questions never mix with what is typed.
final class PortWatcher: Sendable {
    private let console: ConsoleAddress
    private let isWatching = Mutex(false)
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

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
    func run(_ show: @Sendable (PortTable) -> Void) async {
        for await _ in wakes where isWanted {
            try? await watch(show)
        }
    }

    /// One session, as long as somebody looks.
    private func watch(_ show: @Sendable (PortTable) -> Void) async throws {
        try await console.connect().executeThenClose { input, output in
            var transcript = ConsoleTranscript()
            var lines: [String] = []
            var hasReply = false
            for try await bytes in input {
                for item in transcript.receive(bytes.readableBytesView) {
                    switch item.kind {
                    case .data: lines.append(item.text)
                    case .success: hasReply = true
                    case .failure, .end: return
                    case .event, .text: break
                    case .prompt:
                        if hasReply {
                            show(PortTable(lines))
                            try await Task.sleep(for: .seconds(1))
                        }
                        guard isWanted else { return }
                        lines.removeAll(keepingCapacity: true)
                        hasReply = false
                        try await output.write(ByteBuffer(string: "port/print\n"))
                    }
                }
            }
        }
    }
}
