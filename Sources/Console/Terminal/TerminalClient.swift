// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The terminal of a console: `etherloom term`, `unixterm`.
///
/// # Theory of operation
///
/// Commands come from the command line or from standard input, and go to the console one at a time: the next is sent when
/// the prompt says that the last is answered, because `vde_switch` passes over all but the first line of what one read(2)
/// brings. At the end of standard input the answers that are still due are waited for, so that
///
///     echo port/print | unixterm -i -s /tmp/mgmt
///
/// prints them all. On a terminal without `-i` lines go out as they are typed.
///
/// Exit statuses: 0; 1 for no console, or one that went away, and for a failed command, unless somebody types or every byte
/// is shown, as there the user has seen it; 3 for an answer that did not come in time.
public enum TerminalClient {
    /// Runs until everything is answered, the input ends or the console does. Returns the exit status.
    public static func run(_ options: TerminalOptions) -> Int32 { run(options, TerminalStreams()) }

    static func run(_ options: TerminalOptions, _ streams: TerminalStreams) -> Int32 {
        do throws(TerminalConnection.Failure) {
            let connection = try TerminalConnection(options)
            var session = Session(options, streams)
            return try session.run(connection)
        } catch {
            streams.writeError("\(options.program): \(error.message)\n")
            return options.endsWithCode ? 255 : error.status
        }
    }
}

extension TerminalClient {
    /// One run of the terminal.
    private struct Session {
        /// How long to wait for a prompt before going on without, where any socket may be at the other end.
        static var promptMilliseconds: Int32 { 1000 }
        /// A line of standard input longer than this goes out in pieces.
        static var maximumLineByteCount: Int { 1 << 16 }

        let options: TerminalOptions
        let streams: TerminalStreams
        /// All bytes are shown, and what is at the other end need not be a console.
        let isRaw: Bool
        let isInteractive: Bool
        var transcript = TerminalTranscript()
        var screen: TerminalScreen
        /// Lines to send, line feeds included.
        var lines: [[UInt8]] = []
        var typed: [UInt8] = []
        var isInputAtEnd: Bool
        /// The console's prompt is there: everything sent is answered.
        var isPrompted = false

        init(_ options: TerminalOptions, _ streams: TerminalStreams) {
            self.options = options
            self.streams = streams
            lines = options.commands.map { Array($0.utf8) + [newline] }
            isInputAtEnd = !options.commands.isEmpty
            isRaw = !options.showsName && options.commands.isEmpty && !options.endsWithCode
            isInteractive = options.commands.isEmpty && streams.isInteractive
            let style: TerminalScreen.Style = options.showsName ? .named(options.name) : isRaw ? .everything : .data
            screen = TerminalScreen(style: style, isInteractive: isInteractive)
        }

        mutating func run(_ connection: borrowing TerminalConnection) throws(TerminalConnection.Failure) -> Int32 {
            while true {
                if let line = lines.first, isPrompted || (isRaw && isInteractive) {
                    lines.removeFirst()
                    isPrompted = false
                    // A console that is gone has its last words to be read first.
                    _ = connection.send(line, milliseconds: Int32(clamping: options.timeoutMilliseconds))
                }
                if lines.isEmpty && isInputAtEnd && isPrompted { return leave() }
                let input = lines.isEmpty && !isInputAtEnd ? streams.input : nil
                let ready = try connection.wait(input: input, milliseconds: patience)
                if ready.input { readInput() }
                if ready.console, let bytes = connection.receive() {
                    if bytes.isEmpty { return try finish() }
                    guard show(bytes) else { return 1 }
                }
                if !ready.input && !ready.console && patience >= 0 {
                    guard isRaw else {
                        throw TerminalConnection.Failure(
                            message: "\(options.path): no answer in \(options.timeoutMilliseconds) ms",
                            status: 3
                        )
                    }
                    isPrompted = true
                }
            }
        }

        /// Milliseconds to wait for the console; for ever when nothing is due from it.
        private var patience: Int32 {
            if isPrompted { return -1 }
            if !isRaw { return Int32(clamping: options.timeoutMilliseconds) }
            return lines.isEmpty && !isInputAtEnd ? -1 : Session.promptMilliseconds
        }

        private mutating func readInput() {
            let bytes = streams.read()
            isInputAtEnd = bytes.isEmpty
            for byte in bytes {
                typed.append(byte)
                if byte == newline || typed.count >= Session.maximumLineByteCount { takeTyped() }
            }
            if isInputAtEnd && !typed.isEmpty {
                typed.append(newline)
                takeTyped()
            }
        }

        private mutating func takeTyped() {
            lines.append(typed)
            typed.removeAll()
        }

        /// False when standard output is closed.
        private mutating func show(_ bytes: [UInt8]) -> Bool {
            if isRaw && !streams.write(bytes) { return false }
            return show(transcript.receive(bytes))
        }

        private mutating func show(_ events: [TerminalTranscript.Event]) -> Bool {
            for event in events {
                if event == .prompt { isPrompted = true }
                let text = screen.show(event)
                if !text.error.isEmpty { streams.writeError(text.error) }
                if !text.output.isEmpty, !streams.write(text.output) { return false }
            }
            return true
        }

        /// The console closed the connection.
        private mutating func finish() throws(TerminalConnection.Failure) -> Int32 {
            _ = show(transcript.finish())
            guard isRaw || screen.hasEnded else {
                throw TerminalConnection.Failure(message: "\(options.path): the console closed the connection")
            }
            return leave()
        }

        private func leave() -> Int32 {
            // The shell's prompt shall not stand behind ours.
            if isInteractive && isPrompted { _ = streams.write("\n") }
            if options.endsWithCode { return screen.failureCode & 0xff }
            return screen.failure == nil || isRaw || isInteractive ? 0 : 1
        }
    }
}
