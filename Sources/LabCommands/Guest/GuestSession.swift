// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem

/// One command in one guest, with the standard streams of this process.
enum GuestSession {
    /// Runs it and returns the status that this process is to end with.
    static func run(
        _ command: GuestCommand,
        guest: String,
        runtime: String,
        usesTerminal: Bool
    ) throws -> Int32 {
        var command = command
        let client = try KeeperClient(runtimeDirectory: runtime)
        let isTerminal = usesTerminal && TerminalMode.isTerminal(0)
        // Taken before the size is looked at: a change after that is heard of.
        let signals = try SignalFD([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH])
        if usesTerminal {
            command.usesTerminal = true
            (command.columns, command.rows) = TerminalMode.size(isTerminal ? 0 : 1)
        }
        try client.start(command, guest: guest, input: 0, output: 1, error: usesTerminal ? 1 : 2)
        guard isTerminal else { return try wait(client, signals, isTerminal: false) }
        let rescue = try TerminalGuard(0)
        defer { withExtendedLifetime(rescue) {} }
        let mode = try TerminalMode.raw(0)
        defer { withExtendedLifetime(mode) {} }
        return try wait(client, signals, isTerminal: true)
    }

    private static func wait(_ client: KeeperClient, _ signals: borrowing SignalFD, isTerminal: Bool) throws -> Int32 {
        while true {
            let ready = try Poll.readable([client.rawDescriptor, signals.rawDescriptor], deadline: nil)
            if ready[1] {
                while let signal = signals.next() {
                    if signal.number == SIGWINCH {
                        guard isTerminal else { continue }
                        let size = TerminalMode.size(0)
                        try client.send(["resize", "\(size.columns)x\(size.rows)"])
                    } else if isTerminal, signal.number == SIGTERM || signal.number == SIGHUP {
                        // A shell in the guest would not mind. The end of the connection is the end of its terminal.
                        return 128 + signal.number
                    } else {
                        try client.send(["signal", String(signal.number)])
                    }
                }
            }
            guard ready[0] else { continue }
            if let end = KeeperClient.end(try client.receive(deadline: nil).words) {
                return try end.get().shellStatus
            }
        }
    }
}

/// One command in many guests at a time.
final class ManyGuests {
    private let loop: ControlLoop
    private var open = 0
    private var worst: Int32 = 0

    /// Returns the worst status.
    static func run(_ command: GuestCommand, guests: [String], runtime: String) throws -> Int32 {
        ResourceLimits.raiseDescriptorLimit()
        let many = try ManyGuests()
        for guest in guests { many.start(command, guest, runtime) }
        if many.open > 0 { try many.loop.run() }
        return many.worst
    }

    private init() throws(Errno) { loop = try ControlLoop() }

    private func start(_ command: GuestCommand, _ guest: String, _ runtime: String) {
        do {
            let connection = try KeeperConnection.keeper(runtimeDirectory: runtime, loop: loop)
            let null = SharedDescriptor(try OwnedDescriptor.open("/dev/null", flags: O_RDWR))
            var streams = [null]
            var lines: [PrefixedLines] = []
            for target in [Int32(1), 2] {
                let pipe = try OwnedDescriptor.pipe()
                streams.append(SharedDescriptor(pipe.second))
                lines.append(try PrefixedLines(pipe.first, loop: loop, prefix: guest, target: target))
            }
            open += 1
            var isOver = false
            let end: (Int32) -> Void = { [self] status in
                guard !isOver else { return }
                isOver = true
                // What it wrote before it ended is in the pipes.
                for line in lines { line.finish() }
                connection.onEvent = { _ in }
                connection.onEnd = {}
                connection.close()
                worst = max(worst, status)
                open -= 1
                if open == 0 { loop.stop() }
            }
            let fail: (GuestError) -> Void = { error in
                StandardStreams.writeError("\(guest): \(error.message)\n")
                end(error.status)
            }
            connection.onEvent = { words in
                guard let result = KeeperClient.end(words) else { return }
                switch result {
                case .success(let status): end(status.shellStatus)
                case .failure(let error): fail(error)
                }
            }
            connection.onEnd = { fail(GuestError("the lab's keeper has ended")) }
            connection.request(["exec", guest] + command.requestWords, descriptors: streams) { answer in
                if case .failure(let error) = answer { fail(error) }
            }
        } catch {
            StandardStreams.writeError("\(guest): \(error)\n")
            worst = max(worst, (error as? GuestError)?.status ?? 1)
        }
    }
}

/// Lines of a pipe, each behind a name, written whole.
final class PrefixedLines {
    private let pipe: SharedDescriptor
    private let loop: ControlLoop
    private let prefix: String
    private let target: Int32
    private var token: ControlLoop.Token?
    private var rest: [UInt8] = []

    init(_ pipe: consuming OwnedDescriptor, loop: ControlLoop, prefix: String, target: Int32) throws(Errno) {
        try pipe.setNonblocking()
        self.pipe = SharedDescriptor(pipe)
        self.loop = loop
        self.prefix = prefix
        self.target = target
        token = try loop.watch(self.pipe.rawValue) { [self] _ in _ = read() }
    }

    /// False at the end, or when there is nothing now.
    private func read() -> Bool {
        guard token != nil, let part = pipe.withDescriptor({ try? $0.read(atMost: 65536) }) else { return false }
        if part.isEmpty {
            close()
            return false
        }
        var lines = (rest + part)[...]
        while let end = lines.firstIndex(of: 0x0a) {
            write(lines[...end])
            lines = lines[(end + 1)...]
        }
        rest = Array(lines)
        // What never ends is no line.
        if rest.count >= Self.longest { flush() }
        return true
    }

    /// Bytes of a line that is written as one.
    private static let longest = 1 << 16

    private func flush() {
        if !rest.isEmpty { write(rest + [0x0a]) }
        rest = []
    }

    private func write(_ line: some Collection<UInt8>) {
        let text = "\(prefix): " + String(decoding: line, as: UTF8.self)
        if target == 1 { StandardStreams.writeOutput(text) } else { StandardStreams.writeError(text) }
    }

    private func close() {
        if let token { loop.cancel(token) }
        token = nil
        flush()
    }

    func finish() {
        while read() {}
        close()
    }
}
