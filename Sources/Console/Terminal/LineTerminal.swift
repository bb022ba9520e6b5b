// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A console's terminal for somebody who types: history, completion, and events that do not disturb the line. `vdeterm`, and
/// `etherloom term` on a terminal.
///
/// What the console says stands above the line that is being typed, which is drawn anew below it. Lines are sent one at a
/// time, the next when the prompt says that the last is answered.
public enum LineTerminal {
    /// Whether somebody types on standard input and reads on standard output.
    public static var isPossible: Bool { TerminalMode.isTerminal(0) && TerminalMode.isTerminal(1) }

    /// Runs until `logout`, the end of the input or of the console. Returns the exit status.
    public static func run(_ options: TerminalOptions) -> Int32 {
        let streams = TerminalStreams()
        do throws(TerminalConnection.Failure) {
            let connection = try TerminalConnection(options)
            var session = Session(options, streams)
            return try session.run(connection)
        } catch {
            streams.writeError("\(options.program): \(error.message)\n")
            return error.status
        }
    }

    private struct Session {
        let options: TerminalOptions
        let streams: TerminalStreams
        let prompt: String
        var transcript = TerminalTranscript()
        var editor = LineEditor()
        var completion = CommandCompletion()
        /// Lines to send.
        var lines: [String] = []
        var isPrompted = false
        /// The answer to come is one to a `help` of ours; its lines so far.
        var help: [String]?
        var isHelpWanted = true
        /// The line is on the screen.
        var isDrawn = false
        var status: Int32?

        init(_ options: TerminalOptions, _ streams: TerminalStreams) {
            self.options = options
            self.streams = streams
            prompt = "vde[\(options.path)]: "
        }

        mutating func run(_ connection: borrowing TerminalConnection) throws(TerminalConnection.Failure) -> Int32 {
            let signals = try Self.signals()
            let mode = try Self.mode(streams.input)
            defer { withExtendedLifetime(mode) {} }
            while status == nil {
                if isPrompted { proceed(connection) }
                let ready = try connection.wait(inputs: [streams.input, signals.rawDescriptor], milliseconds: -1)
                if ready.inputs[1], let signal = signals.next() {
                    if signal.number == SIGWINCH { draw() } else { status = 128 + signal.number }
                }
                if ready.console, let bytes = connection.receive() {
                    if bytes.isEmpty { finish() } else { show(transcript.receive(bytes)) }
                }
                if ready.inputs[0], status == nil { type(streams.read()) }
            }
            // The shell's prompt shall not stand behind ours.
            if isDrawn { _ = streams.write("\n") }
            return status ?? 0
        }

        /// The terminal must be as before also when a signal ends us.
        private static func signals() throws(TerminalConnection.Failure) -> SignalFD {
            do throws(Errno) {
                return try SignalFD([SIGTERM, SIGHUP, SIGINT, SIGWINCH])
            } catch {
                throw TerminalConnection.Failure(message: "signals: \(error)")
            }
        }

        private static func mode(_ input: Int32) throws(TerminalConnection.Failure) -> TerminalMode {
            do throws(Errno) {
                return try TerminalMode.raw(input)
            } catch {
                throw TerminalConnection.Failure(message: "the terminal: \(error)")
            }
        }

        /// The console waits for a command: the next one, or the help that completion needs.
        private mutating func proceed(_ connection: borrowing TerminalConnection) {
            if isHelpWanted {
                isHelpWanted = false
                help = []
                send("help", connection)
            } else if !lines.isEmpty {
                let line = lines.removeFirst()
                // Modules bring commands along.
                if line.contains("plugin/") { isHelpWanted = true }
                send(line, connection)
            } else if !isDrawn {
                draw()
            }
        }

        private mutating func send(_ line: String, _ connection: borrowing TerminalConnection) {
            isPrompted = false
            if !connection.send(
                Array(line.utf8) + [newline],
                milliseconds: Int32(clamping: options.timeoutMilliseconds)
            ) {
                status = 1
            }
        }

        private mutating func type(_ bytes: [UInt8]) {
            guard !bytes.isEmpty else {
                status = 0
                return
            }
            // One by one: what completion inserts comes before the next key.
            for byte in bytes {
                for action in editor.take(CollectionOfOne(byte)) { perform(action) }
            }
            if lines.isEmpty && isPrompted || isDrawn { draw() }
        }

        private mutating func perform(_ action: LineEditor.Action) {
            switch action {
            case .submit(let line):
                _ = streams.write("\r\u{1b}[K" + prompt + line + "\n")
                isDrawn = false
                lines.append(line)
            case .complete: complete()
            case .clear: _ = streams.write("\u{1b}[H\u{1b}[2J")
            case .end: status = 0
            case .interrupt: status = 128 + SIGINT
            }
        }

        private mutating func complete() {
            switch completion.complete(editor.textBeforeCursor) {
            case .nothing: _ = streams.write("\u{7}")
            case .insert(let text): editor.insert(text)
            case .choices(let choices): print(choices.joined(separator: " "))
            }
        }

        private mutating func show(_ events: [TerminalTranscript.Event]) {
            for event in events {
                switch event {
                case .event(let line): print("** DBG MSG: " + line.dropFirst(5))
                case .end: break
                case .prompt:
                    isPrompted = true
                    if let lines = help.take(), !lines.isEmpty { completion = CommandCompletion(help: lines) }
                case .data(let line): if help == nil { print(line) } else { help?.append(line) }
                // The code is for programs, its text for people.
                case .reply(_, let line): if help == nil { print(String(line.dropFirst(5))) }
                case .other(let line): print(line)
                }
            }
        }

        private mutating func finish() {
            show(transcript.finish())
            status = 0
        }

        /// A line above the one that is typed.
        private mutating func print(_ line: String) {
            _ = streams.write((isDrawn ? "\r\u{1b}[K" : "") + line + "\n")
            let wasDrawn = isDrawn
            isDrawn = false
            if wasDrawn { draw() }
        }

        /// Draws prompt and line; of a line that is too long the part around the cursor.
        private mutating func draw() {
            let room = max(8, TerminalMode.columns(streams.output) - prompt.count - 1)
            let start = max(0, editor.cursor - room)
            let shown = editor.text[start...].prefix(room)
            let back = shown.count - (editor.cursor - start)
            let ending = back > 0 ? "\u{1b}[\(back)D" : ""
            isDrawn = streams.write("\r\u{1b}[K" + prompt + String(shown) + ending)
        }
    }
}
