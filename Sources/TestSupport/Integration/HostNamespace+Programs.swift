// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

extension HostNamespace {
    /// What a program reads.
    public enum Input: Sendable {
        case nothing
        /// What the test writes, until `closeInput`.
        case pipe
        case file(String)
    }

    /// Starts a program in the host.
    ///
    /// - Parameter variables: as `NAME=value`, beside the usual ones.
    @discardableResult
    public func start(
        _ command: [String],
        as user: User = .runner,
        input: Input = .nothing,
        variables: [String] = []
    ) throws -> Program {
        try start(command, user: user, input: input, variables: variables, extra: [:])
    }

    private func start(
        _ command: [String],
        user: User,
        input: Input,
        variables: [String],
        extra: [Int32: Spawn.Source]
    ) throws -> Program {
        let tool = command[0].split(separator: "/").last.map(String.init) ?? "program"
        let log = "\(directory)/logs/\(startedCount)-\(tool)"
        startedCount += 1
        var writingEnd: Int32 = -1
        var readingEnd: Int32 = -1
        let standardInput: Spawn.Source
        switch input {
        case .nothing: standardInput = .path("/dev/null", flags: O_RDONLY)
        case .file(let path): standardInput = .path(path, flags: O_RDONLY)
        case .pipe:
            var ends: [Int32] = [0, 0]
            guard pipe2(&ends, O_CLOEXEC) == 0 else { throw IntegrationFailure.system("pipe2") }
            (readingEnd, writingEnd) = (ends[0], ends[1])
            standardInput = .descriptor(readingEnd)
        }
        defer { if readingEnd >= 0 { close(readingEnd) } }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        let process = try Spawn.start(
            entry(user) + command,
            environment: environment(user) + variables,
            sources: extra.merging([
                0: standardInput, 1: .path(log + ".out", flags: flags), 2: .path(log + ".err", flags: flags),
            ]) { $1 }
        )
        let program = Program(
            command,
            processID: process,
            outputPath: log + ".out",
            errorPath: log + ".err",
            input: writingEnd
        )
        programs.append(program)
        return program
    }

    /// Starts an element of ours and waits until it says that it is ready.
    ///
    /// - Parameter command: behind the program's name.
    @discardableResult
    public func startElement(_ command: [String], as user: User = .runner, input: Input = .nothing) throws -> Program {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw IntegrationFailure.system("pipe2") }
        defer { close(ends[0]) }
        let program = try start(
            [etherloom] + command + ["--ready-fd", "3"],
            user: user,
            input: input,
            variables: [],
            extra: [3: .descriptor(ends[1])]
        )
        close(ends[1])
        let deadline = MonotonicClock.nanoseconds + UInt64(patience * 1e9)
        let isReady = try Poll.isReadable(ends[0], deadline: deadline)
        var byte: UInt8 = 0
        guard isReady, read(ends[0], &byte, 1) == 1 else {
            throw IntegrationFailure("\(program.name) did not become ready: \(program.transcript)")
        }
        return program
    }

    /// Runs a program to its end.
    @discardableResult
    public func run(
        _ command: [String],
        as user: User = .runner,
        input: Input = .nothing,
        variables: [String] = [],
        seconds: Double = patience
    ) throws -> Program {
        let program = try start(command, as: user, input: input, variables: variables)
        try program.waitForEnd(seconds: seconds)
        return program
    }

    /// Runs a program that must succeed; its output.
    @discardableResult
    public func check(_ command: [String], as user: User = .runner, seconds: Double = patience) throws -> String {
        let program = try run(command, as: user, seconds: seconds)
        guard program.end == .exited(0) else {
            throw IntegrationFailure("\(program.name) failed: \(program.transcript)")
        }
        return program.output
    }

    /// Starts a program on a terminal of its own.
    public func startOnTerminal(
        _ command: [String],
        as user: User = .runner,
        variables: [String] = []
    ) throws -> (program: Program, terminal: PseudoTerminal) {
        let terminal = try PseudoTerminal()
        let process = try Spawn.start(
            entry(user) + command,
            environment: environment(user) + variables,
            sources: [
                0: .path(terminal.path, flags: O_RDWR), 1: .path(terminal.path, flags: O_RDWR),
                2: .path(terminal.path, flags: O_RDWR),
            ],
            leadsSession: true
        )
        let program = Program(
            command,
            processID: process,
            outputPath: "/dev/null",
            errorPath: "/dev/null",
            terminal: terminal
        )
        programs.append(program)
        return (program, terminal)
    }

    /// Waits until a program answers on a stream socket.
    public func waitUntilListening(_ path: String, _ program: Program) throws {
        try wait(for: "a listener at \(path)") {
            if program.poll() != nil { throw IntegrationFailure("\(program.name) has ended: \(program.transcript)") }
            return UnixClient.isListening(path)
        }
    }

    /// Ends a daemon that has written its number to a file, and waits until it is gone.
    public func stopDaemon(pidFile: String, _ signal: Int32 = SIGTERM) throws {
        let text = String(decoding: try FileSystem.contents(pidFile), as: UTF8.self)
        guard let process = pid_t(text.prefix { $0.isNumber }) else {
            throw IntegrationFailure("\(pidFile) holds no process number: \(text)")
        }
        kill(process, signal)
        try wait(for: "the end of daemon \(process)") { !ProcessTable.isAlive(process) }
    }
}
