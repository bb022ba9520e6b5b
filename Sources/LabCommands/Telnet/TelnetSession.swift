// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// One telnet client.
struct TelnetSession: Sendable {
    typealias Input = NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

    let client: any Channel
    let output: NIOAsyncChannelOutboundWriter<ByteBuffer>
    let console: ConsoleAddress

    /// A client that takes its output so slowly is dropped: the console is always read, so that no switch waits.
    static let unsentLimit = 1 << 20
    private static let attempts = 3
    private static let loginTime = Duration.seconds(60)
    /// After a wrong password.
    private static let pause = Duration.seconds(1)

    func say(_ text: String) async throws {
        try await output.write(ByteBuffer(bytes: Telnet.encoded(text.utf8)))
    }

    /// Asks for the password. The lines that came behind it, nil when it was not said.
    func login(
        _ input: inout Input,
        _ decoder: inout TelnetDecoder,
        _ password: Secret
    ) async throws -> [TelnetDecoder.Line]? {
        // Closing ends whatever waits for the client.
        let timeout = client.eventLoop.scheduleTask(in: .init(Self.loginTime)) { client.close(promise: nil) }
        defer { timeout.cancel() }
        var attempts = Self.attempts
        try await output.write(ByteBuffer(bytes: Telnet.hide + Array("Password: ".utf8)))
        while let bytes = try await input.next() {
            var lines = decoder.receive(bytes.readableBytesView)[...]
            while let line = lines.popFirst() {
                if case .text(let text) = line, password.matches(text) {
                    try await output.write(ByteBuffer(bytes: Telnet.show + Telnet.encoded("\n".utf8)))
                    return Array(lines)
                }
                attempts -= 1
                try await Task.sleep(for: Self.pause)
                try await say("\nWrong password.\n")
                guard attempts > 0 else { return nil }
                try await say("Password: ")
            }
        }
        return nil
    }

    /// Joins the client and a session of the console until one of them ends.
    func run(_ input: inout Input, _ decoder: inout TelnetDecoder, _ first: [TelnetDecoder.Line]) async throws {
        let channel: ConsoleAddress.Channel
        do {
            channel = try await console.connect()
        } catch {
            return try await say("\((error as? Failure)?.message ?? "\(error)")\n")
        }
        try await channel.executeThenClose { answers, lines in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Closing the client ends the loop below.
                    defer { closeWhenSent() }
                    for try await bytes in answers {
                        guard client.isWritable else { return client.close(promise: nil) }
                        client.writeAndFlush(ByteBuffer(bytes: Telnet.encoded(bytes.readableBytesView)), promise: nil)
                    }
                }
                try await forward(first, to: lines)
                while let bytes = try await input.next() {
                    try await forward(decoder.receive(bytes.readableBytesView), to: lines)
                }
                group.cancelAll()
            }
        }
    }

    /// Gives what was written a moment to go.
    private func closeWhenSent() {
        client.writeAndFlush(ByteBuffer()).whenComplete { _ in client.close(promise: nil) }
        client.eventLoop.scheduleTask(in: .seconds(5)) { client.close(promise: nil) }
    }

    private func forward(
        _ waiting: [TelnetDecoder.Line],
        to lines: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        for line in waiting {
            if case .text(let text) = line, text.utf8.count <= ConsoleAddress.longestLine {
                try await lines.write(ByteBuffer(string: text + "\n"))
            } else {
                try await say("A line has at most \(ConsoleAddress.longestLine) bytes; this one was not sent.\n")
            }
        }
    }
}
