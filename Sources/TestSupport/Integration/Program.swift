// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A program that a test has started. What it prints goes to files, so that it never waits for us.
///
/// For one thread at a time.
public final class Program {
    /// How a program ended.
    public enum End: Equatable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)

        public var description: String {
            switch self {
            case .exited(let status): "exit status \(status)"
            case .killed(let signal): "signal \(signal)"
            }
        }
    }

    public let command: [String]
    public let processID: pid_t
    let outputPath: String
    let errorPath: String
    private var input: Int32
    private let terminal: PseudoTerminal?
    public private(set) var end: End?

    init(
        _ command: [String],
        processID: pid_t,
        outputPath: String,
        errorPath: String,
        input: Int32 = -1,
        terminal: PseudoTerminal? = nil
    ) {
        self.command = command
        self.processID = processID
        self.outputPath = outputPath
        self.errorPath = errorPath
        self.input = input
        self.terminal = terminal
    }

    deinit { closeInput() }

    // MARK: Output

    /// Everything that it has printed so far.
    public var output: String { String(decoding: outputBytes, as: UTF8.self) }
    public var outputBytes: [UInt8] {
        if let terminal { return terminal.output }
        return (try? FileSystem.contents(outputPath, limit: 1 << 28)) ?? []
    }
    /// What it has printed behind the first `offset` bytes.
    public func outputBytes(from offset: Int) -> [UInt8] {
        let file = open(outputPath, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file, &part, part.count, offset + bytes.count)
            if count <= 0 { return bytes }
            bytes += part.prefix(count)
        }
    }

    public var errorOutput: String {
        String(decoding: (try? FileSystem.contents(errorPath, limit: 1 << 24)) ?? [], as: UTF8.self)
    }

    /// The lines of standard error, without an empty last one.
    public var errorLines: [String] { errorOutput.split(separator: "\n").map(String.init) }

    /// Waits until the text was printed, on either stream. Throws when the program ends without having done so.
    public func wait(forOutput text: String, seconds: Double = patience) throws {
        try TestSupport.wait(for: "\"\(text)\" from \(name): \(transcript)", seconds: seconds) {
            // The order matters: what a program prints last it prints before its end.
            let hasEnded = poll() != nil
            if output.contains(text) || errorOutput.contains(text) { return true }
            if hasEnded { throw IntegrationFailure("\(name) ended without \"\(text)\": \(transcript)") }
            return false
        }
    }

    // MARK: Input

    public func write(_ bytes: some Collection<UInt8>) throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress!, $0.count) }
            guard count > 0 else { throw IntegrationFailure.system("input of \(name)") }
            rest = rest.dropFirst(count)
        }
    }

    public func write(_ text: String) throws { try write(Array(text.utf8)) }

    public func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    // MARK: End

    /// How it ended, nil while it runs.
    @discardableResult
    public func poll() -> End? {
        if let end { return end }
        // A full terminal would hold the program up.
        _ = terminal?.output
        var status: Int32 = 0
        guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
        let signal = status & 0x7f
        end = signal == 0 ? .exited(status >> 8 & 0xff) : .killed(signal: signal)
        return end
    }

    @discardableResult
    public func waitForEnd(seconds: Double = patience) throws -> End {
        try TestSupport.wait(for: "the end of \(name): \(transcript)", seconds: seconds) { poll() != nil }
        return end!
    }

    public func send(signal: Int32) {
        if poll() == nil { kill(processID, signal) }
    }

    /// Asks it to end and waits until it has.
    @discardableResult
    public func stop(_ signal: Int32 = SIGTERM) throws -> End {
        send(signal: signal)
        return try waitForEnd()
    }

    /// Ends it and its process group at once.
    func destroy() {
        guard poll() == nil else { return }
        kill(-processID, SIGKILL)
        kill(processID, SIGKILL)
        _ = try? waitForEnd(seconds: 10)
    }

    // MARK: For people

    public var name: String { command.joined(separator: " ") }

    /// What it printed and how it ended, cut to a readable length.
    public var transcript: String {
        func tail(_ text: String) -> String { text.count > 3000 ? "…" + text.suffix(3000) : text }
        return "[\(end.map(\.description) ?? "running")]\n\(tail(output))\(tail(errorOutput))"
    }
}
