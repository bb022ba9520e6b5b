// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// One user of a wire's console: a connection, or the terminal of a wire in the foreground.
///
/// A client that does not take its answers is not read from; one that goes on so, or lets events lie, is dropped. An unfinished line counts as
/// complete when nothing follows for a moment, for terminals that send lines without a line feed.
final class WireConsoleSession: LimitedSession {
    private static var unsentLimit: Int { 1 << 20 }
    private static var quietMilliseconds: UInt64 { 60 }

    /// Numbers that tests change; as those of a switch's console.
    struct Limits {
        /// The session ends when its client takes nothing for so long.
        var patienceMilliseconds: UInt64 = 120_000
        /// The same when somebody else waits for the place.
        var courtesyMilliseconds: UInt64 = 5000
    }

    let caller = WireConsole.Caller()
    private let console: WireConsole
    private let stream: ConsoleStream
    private let limits: Limits
    private let onEnd: () -> Void
    private var reader = ConsoleLineReader(limit: 1024)
    private var output = ConsoleOutput()
    private var progress = ClientProgress()
    private var inputToken: ControlLoop.Token?
    private var outputToken: ControlLoop.Token?
    private var quietTimer: ControlLoop.Token?
    private var patienceTimer: ControlLoop.Token?
    private var isAtEnd = false
    private var isEnding = false
    private var isClosed = false

    init(
        _ console: WireConsole,
        stream: ConsoleStream,
        limits: Limits = Limits(),
        onEnd: @escaping () -> Void
    ) throws(Errno) {
        self.console = console
        self.stream = stream
        self.limits = limits
        self.onEnd = onEnd
        console.add(self)
        if stream.isSocket || stream.isTerminal { send(console.greeting) }
        watchInput()
    }

    private func watchInput() {
        guard inputToken == nil, !isClosed, !isEnding, !isAtEnd else { return }
        do {
            inputToken = try console.loop.watch(stream.input.rawValue) { [weak self] _ in self?.read() }
        } catch {
            // A regular file is always ready, and so is /dev/null: epoll(7) refuses both.
            inputToken = console.loop.after(milliseconds: 0) { [weak self] in
                self?.inputToken = nil
                self?.read()
            }
        }
    }

    private func pauseInput() {
        if let token = inputToken.take() { console.loop.cancel(token) }
    }

    private func read() {
        if stream.isInBackground {
            pauseInput()
            console.loop.after(milliseconds: 250) { [weak self] in self?.watchInput() }
            return
        }
        if let timer = quietTimer.take() { console.loop.cancel(timer) }
        do throws(Errno) {
            let bytes = try stream.read()
            if bytes.isEmpty { isAtEnd = true } else { reader.append(bytes) }
        } catch .wouldBlock {
        } catch {
            isAtEnd = true
        }
        proceed()
    }

    /// Runs what is complete. While the client does not take an answer nothing more is run, and nothing more is read.
    private func proceed() {
        while !isClosed, !isEnding {
            guard output.isEmpty else { return pauseInput() }
            guard let line = reader.next() ?? (isAtEnd ? reader.takeUnfinished() : nil) else { break }
            run(line)
        }
        guard !isClosed, !isEnding else { return }
        if isAtEnd { return close() }
        watchInput()
        guard reader.hasUnfinishedLine else { return }
        quietTimer = console.loop.after(milliseconds: Self.quietMilliseconds) { [weak self] in
            guard let self else { return }
            quietTimer = nil
            if let line = reader.takeUnfinished() { run(line) }
            proceed()
        }
    }

    private func run(_ line: ConsoleLineReader.Line) {
        let answer: ConsoleAnswer? =
            switch line {
            case .tooLong: .failure(.messageTooLarge)
            case .text(let text): console.execute(text, caller)
            }
        if let answer, answer.sequel != .prompt {
            guard answer.sequel == .shutdown || stream.isSocket else { return }
            isEnding = true
            if stream.isSocket { send(answer.replyLine + "\n") }
            if output.isEmpty { close() }
            if answer.sequel == .shutdown { console.onShutdown() }
            return
        }
        let reply = answer?.encoded() ?? []
        // Unlike a switch's, wirefilter's console prompts whoever it is that gives the commands.
        append(reply + Array(WireConsole.prompt.utf8))
    }

    func send(event: String) {
        guard output.byteCount < Self.unsentLimit else { return close() }
        if !isEnding { append(ConsoleText.harmless(event) + [newline]) }
    }

    private func send(_ text: String) { append(Array(text.utf8)) }

    private func append(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        progress.willSend(isCaughtUp: isCaughtUp)
        output.append(bytes)
        flush()
    }

    private func flush() {
        do throws(Errno) {
            while !output.isEmpty {
                output.drop(try stream.write(output.front(65_536)))
                if outputToken != nil { progress.hasTaken() }
                if let timer = patienceTimer.take() { console.loop.cancel(timer) }
            }
        } catch .wouldBlock {
            awaitRoom()
            return
        } catch {
            return close()
        }
        if let token = outputToken.take() { console.loop.cancel(token) }
        if isEnding { close() }
    }

    private func awaitRoom() {
        if outputToken == nil {
            outputToken = try? console.loop.watch(stream.output.rawValue, .writable) { [weak self] _ in
                guard let self else { return }
                flush()
                if output.isEmpty { proceed() }
            }
        }
        // A terminal may be held (^S) for as long as its user likes.
        guard patienceTimer == nil, stream.isSocket else { return }
        patienceTimer = console.loop.after(milliseconds: limits.patienceMilliseconds) { [weak self] in self?.close() }
    }

    private var isCaughtUp: Bool { output.isEmpty && stream.untakenByteCount == 0 }
    var idleMilliseconds: UInt64 { progress.milliseconds(isCaughtUp: isCaughtUp) }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for token in [inputToken, outputToken, quietTimer, patienceTimer] { token.map(console.loop.cancel) }
        console.remove(self)
        // Not now: a caller further up still uses this session.
        console.loop.after(milliseconds: 0) { [self] in onEnd() }
    }
}
