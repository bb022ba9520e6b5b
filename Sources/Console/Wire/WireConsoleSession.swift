// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// One user of a wire's console: a connection, or the terminal of a wire in the foreground.
///
/// A client that does not take its answers is not read from; one that lets events lie is dropped. An unfinished line counts as
/// complete when nothing follows for a moment, for terminals that send lines without a line feed.
final class WireConsoleSession {
    private static var unsentLimit: Int { 1 << 20 }
    private static var quietMilliseconds: UInt64 { 60 }

    let caller = WireConsole.Caller()
    private let console: WireConsole
    private let stream: ConsoleStream
    private let onEnd: () -> Void
    private var reader = ConsoleLineReader(limit: 1024)
    private var output = ConsoleOutput()
    private var inputToken: ControlLoop.Token?
    private var outputToken: ControlLoop.Token?
    private var quietTimer: ControlLoop.Token?
    private var isAtEnd = false
    private var isEnding = false
    private var isClosed = false

    init(_ console: WireConsole, stream: ConsoleStream, onEnd: @escaping () -> Void) throws(Errno) {
        self.console = console
        self.stream = stream
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
        output.append(bytes)
        flush()
    }

    private func flush() {
        do throws(Errno) {
            while !output.isEmpty { output.drop(try stream.write(output.front(65_536))) }
        } catch .wouldBlock {
            guard outputToken == nil else { return }
            outputToken = try? console.loop.watch(stream.output.rawValue, .writable) { [weak self] _ in
                guard let self else { return }
                flush()
                if output.isEmpty { proceed() }
            }
            return
        } catch {
            return close()
        }
        if let token = outputToken.take() { console.loop.cancel(token) }
        if isEnding { close() }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for token in [inputToken, outputToken, quietTimer] { token.map(console.loop.cancel) }
        console.remove(self)
        // Not now: a caller further up still uses this session.
        console.loop.after(milliseconds: 0) { [self] in onEnd() }
    }
}
