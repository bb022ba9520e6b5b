// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Runtime

/// One user of the console: a connection, or the terminal of a switch in the foreground.
///
/// Back-pressure: while answers wait to be taken, no further command is read, so that at most one answer waits and a client
/// that only writes stops itself. Events come unasked, so they have a limit, beyond which the session ends; so has the time
/// in which a client takes nothing although something waits.
///
/// An unfinished line: vde_switch takes whatever one read(2) brings as a command, and `vdeterm` sends lines without a line
/// feed. So an unfinished line is taken as complete when nothing follows for a moment: a short one when it names a command,
/// a longer one when it may be the beginning of something.
public final class ConsoleSession: ConsoleCaller, LimitedSession {
    /// Numbers that tests change.
    struct Limits {
        /// Commands wait while more than this is unsent.
        var stallByteCount = 16 * 1024
        /// The session ends when an event would make it more than this.
        var unsentByteCount = 4 << 20
        /// The session ends when its client takes nothing for so long.
        var patienceMilliseconds: UInt64 = 120_000
        /// The same when somebody else waits for the place.
        var courtesyMilliseconds: UInt64 = 5000
        var knownCommandMilliseconds: UInt64 = 40
        var unknownCommandMilliseconds: UInt64 = 300
        /// How often a job in the background looks whether it is in the foreground again.
        var backgroundMilliseconds: UInt64 = 250
        /// How long the client may take to hang up once it has been told that the session ends.
        var farewellMilliseconds: UInt64 = 1000
    }

    public var subscriptions: Set<String> = []
    let limits: Limits
    private let console: Console
    private let stream: ConsoleStream
    private let hasPrompt: Bool
    private let onEnd: () -> Void
    private var reader = ConsoleLineReader()
    private var output = ConsoleOutput()
    private var progress = ClientProgress()
    private var inputToken: ControlLoop.Token?
    private var outputToken: ControlLoop.Token?
    private var quietTimer: ControlLoop.Token?
    private var patienceTimer: ControlLoop.Token?
    private var farewellTimer: ControlLoop.Token?
    private var isAtEnd = false
    private var isEnding = false
    private var isClosed = false
    private var loop: ControlLoop { console.target.loop }
    var hasUnfinishedLine: Bool { reader.hasUnfinishedLine }
    var unsentByteCount: Int { output.byteCount }

    /// A session over an accepted connection.
    init(
        _ console: Console,
        connection: consuming OwnedDescriptor,
        limits: Limits = Limits(),
        onEnd: @escaping () -> Void
    ) throws(Errno) {
        self.console = console
        self.limits = limits
        self.onEnd = onEnd
        stream = try ConsoleStream(connection: connection)
        hasPrompt = true
        console.add(self)
        send(console.identity.lines.map { $0 + "\n" }.joined() + console.identity.greetingPrompt)
        resumeInput()
    }

    /// The console on the standard streams of a switch in the foreground. As in the original nothing greets, and prompts
    /// come only on a terminal; `logout` does nothing, and the input's end calls `onEnd`, which ends the switch.
    public init(standardStreamsOf console: Console, onEnd: @escaping () -> Void) throws(Errno) {
        self.console = console
        limits = Limits()
        self.onEnd = onEnd
        stream = try ConsoleStream(duplicating: 0, 1)
        hasPrompt = stream.isTerminal
        console.add(self)
        resumeInput()
    }

    // MARK: Input

    private func resumeInput() {
        guard inputToken == nil, !isAtEnd, !isClosed else { return }
        do {
            inputToken = try loop.watch(stream.input.rawValue) { [weak self] _ in self?.read() }
        } catch {
            // A regular file is always ready, and epoll(7) refuses it.
            inputToken = loop.after(milliseconds: 0) { [weak self] in
                self?.inputToken = nil
                self?.read()
                self?.resumeInput()
            }
        }
    }

    private func pauseInput() {
        if let token = inputToken.take() { loop.cancel(token) }
    }

    private func read() {
        guard !stream.isInBackground else { return awaitForeground() }
        if let timer = quietTimer.take() { loop.cancel(timer) }
        do {
            let bytes = try stream.read()
            if bytes.isEmpty { isAtEnd = true } else { take(bytes) }
        } catch .wouldBlock {
        } catch {
            isAtEnd = true
        }
        proceed()
    }

    /// The switch was started with `&`: what is typed now is the shell's.
    private func awaitForeground() {
        pauseInput()
        inputToken = loop.after(milliseconds: limits.backgroundMilliseconds) { [weak self] in
            self?.inputToken = nil
            self?.resumeInput()
        }
    }

    /// What came after an unfinished line continues it, unless it is a command and the two together are none: `bogus`
    /// typed into `vdeterm`, and `load` before the silence was long enough.
    private func take(_ bytes: [UInt8]) {
        if reader.hasUnfinishedLine {
            let more = String(decoding: bytes.prefix { $0 != newline }, as: UTF8.self)
            let commands = console.commands
            if commands.names(more), !commands.names(reader.unfinishedText + more),
                let line = reader.takeUnfinished()
            {
                run(line)
            }
        }
        reader.append(bytes)
    }

    /// Runs what is complete, as far as the client takes the answers.
    private func proceed() {
        while !isEnding && !isClosed {
            if output.byteCount > limits.stallByteCount { return pauseInput() }
            if let line = reader.next() {
                run(line)
            } else if isAtEnd, let line = reader.takeUnfinished() {
                run(line)
            } else {
                break
            }
        }
        if isClosed { return }
        if isEnding || isAtEnd {
            pauseInput()
            isEnding = true
            if output.isEmpty { takeLeave() }
            return
        }
        resumeInput()
        if reader.hasUnfinishedLine { awaitSilence() }
    }

    private func awaitSilence() {
        let isKnown = console.commands.names(reader.unfinishedText)
        let wait = isKnown ? limits.knownCommandMilliseconds : limits.unknownCommandMilliseconds
        quietTimer = loop.after(milliseconds: wait) { [weak self] in
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
            case .text(let text): console.execute(text, from: self)
            }
        // Nobody can leave the terminal that the switch runs on.
        let isLeaving = answer?.sequel == .shutdown || (answer?.sequel == .endOfSession && stream.isSocket)
        if let answer, isLeaving {
            isEnding = true
            if stream.isSocket { send(answer.encoded()) }
            if answer.sequel == .shutdown { console.shutDown() }
            return
        }
        let reply = answer?.sequel == .prompt ? answer?.encoded() ?? [] : []
        // In one piece: vdeterm draws its line anew for each.
        send(reply + Array((hasPrompt ? console.identity.prompt : "").utf8))
    }

    // MARK: Output

    /// Sends an event's line.
    func send(event: String) {
        let line = ConsoleText.harmless(event) + [newline]
        if output.byteCount + line.count > limits.unsentByteCount {
            close()
        } else if !isEnding {
            send(line)
        }
    }

    private func send(_ text: String) { send(Array(text.utf8)) }

    private func send(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        let wasEmpty = output.isEmpty
        progress.willSend(isCaughtUp: isCaughtUp)
        output.append(bytes)
        if wasEmpty { flush() }
    }

    private func flush() {
        do throws(Errno) {
            while !output.isEmpty {
                output.drop(try stream.write(output.front(65_536)))
                if outputToken != nil { progress.hasTaken() }
                if let timer = patienceTimer.take() { loop.cancel(timer) }
            }
        } catch .wouldBlock {
            return awaitRoom()
        } catch {
            return close()
        }
        if let token = outputToken.take() { loop.cancel(token) }
    }

    private func awaitRoom() {
        if outputToken == nil {
            outputToken = try? loop.watch(stream.output.rawValue, .writable) { [weak self] _ in
                guard let self else { return }
                flush()
                if output.byteCount <= limits.stallByteCount { proceed() }
            }
        }
        // A terminal may be held (^S) for as long as its user likes, and its session's end would be the switch's.
        if patienceTimer == nil, stream.isSocket {
            patienceTimer = loop.after(milliseconds: limits.patienceMilliseconds) { [weak self] in self?.close() }
        }
    }

    /// Everything was said: hangs up, and closes when the client has hung up too, or after a moment. A client that finds the
    /// connection closed may not look for what was said last (Debian's unixterm does not).
    private func takeLeave() {
        guard stream.isSocket, !isAtEnd, farewellTimer == nil, !isClosed else {
            if farewellTimer == nil { close() }
            return
        }
        stream.hangUp()
        farewellTimer = loop.after(milliseconds: limits.farewellMilliseconds) { [weak self] in self?.close() }
        inputToken = try? loop.watch(stream.input.rawValue) { [weak self] _ in
            // What still comes is not for us any more.
            guard let self, let bytes = try? stream.read(), !bytes.isEmpty else {
                self?.close()
                return
            }
        }
    }

    private var isCaughtUp: Bool { output.isEmpty && stream.untakenByteCount == 0 }
    var idleMilliseconds: UInt64 { progress.milliseconds(isCaughtUp: isCaughtUp) }

    /// Ends the session at once.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for token in [inputToken, outputToken, quietTimer, patienceTimer, farewellTimer] { token.map(loop.cancel) }
        console.remove(self)
        // Not now: a caller further up still uses this session.
        loop.after(milliseconds: 0) { [self] in onEnd() }
    }
}
