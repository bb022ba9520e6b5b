// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Guests
import LinuxSystem
import Model

/// `etherloom console`: a guest's console on this terminal.
struct ConsoleCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "console",
            abstract: "A guest's console on this terminal; ^] leaves it.",
            discussion: "One may type, others read along. --steal takes the keys from whoever has them."
        )
    }

    @Argument(help: "The guest.") var guest: String
    @Flag(name: .customLong("read"), help: "Only read.") var isReader = false
    @Flag(name: .customLong("steal"), help: "Type, whoever types now.") var steals = false
    @Option(name: .customLong("history"), help: "Show so many bytes of what was written before.") var history = 4096
    @Option(name: .customLong("detach-key"), help: "The key that leaves: ^ and a letter or one of [ ] \\ ^ _.")
    var detachKey = "^]"
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        guard history >= 0 else { throw Failure("--history \(history): bytes are wanted", status: ExitStatus.usage) }
        guard !(isReader && steals) else { throw Failure("--read and --steal: give one", status: ExitStatus.usage) }
        let key = try Self.key(detachKey)
        let mode = isReader ? "read" : steals ? "steal" : "write"
        let keeper = try lab.keeper()
        let isTerminal = TerminalMode.isTerminal(0)
        let resizes = isTerminal && !isReader
        // Before the size is looked at: a change after that is heard of.
        let sizes = try SignalFD([SIGWINCH])
        defer { withExtendedLifetime(sizes) {} }
        let answer = try keeper.request(
            ["console", guest, mode, "history=\(history)"] + (resizes ? ["size=\(Self.size)"] : [])
        )
        guard let stream = answer.descriptors.first else { throw Failure("the keeper gave no console") }
        guard resizes else {
            return try ConsoleRelay(stream, key: isTerminal ? key : nil, takesInput: !isReader).run()
        }
        if TerminalMode.isTerminal(1) { StandardStreams.writeError("[\(guest)'s console; \(detachKey) leaves it]\n") }
        let rescue = try TerminalGuard(0)
        defer { withExtendedLifetime(rescue) {} }
        let terminal = try TerminalMode.raw(0)
        defer { withExtendedLifetime(terminal) {} }
        var relay = ConsoleRelay(stream, key: key, takesInput: true)
        let number = sizes.rawDescriptor
        relay.sizes = number
        relay.onSize = { [guest] in
            while SignalFD.next(from: number) != nil {}
            // A guest that has stopped has no terminal.
            _ = try? keeper.request(["console-size", guest, Self.size])
        }
        try relay.run()
        StandardStreams.writeError("\n")
    }

    /// Of the terminal, as the keeper takes it.
    private static var size: String {
        let size = TerminalMode.size(0)
        return "\(size.columns)x\(size.rows)"
    }

    /// The byte of a control key, ECMA-48.
    static func key(_ text: String) throws(Failure) -> UInt8 {
        let bytes = Array(text.uppercased().utf8)
        guard bytes.count == 2, bytes[0] == UInt8(ascii: "^"), (0x40...0x5f).contains(bytes[1]) else {
            throw Failure(
                "--detach-key \(text): wanted is ^ and a letter or one of [ ] \\ ^ _",
                status: ExitStatus.usage
            )
        }
        return bytes[1] & 0x1f
    }
}

/// Bytes both ways between this process's standard streams and a console, until one of them ends or the key is typed.
struct ConsoleRelay {
    private let stream: SharedDescriptor
    private let key: UInt8?
    private let takesInput: Bool
    /// Readable when the terminal has another size, which is `onSize`'s to tell.
    var sizes: Int32 = -1
    var onSize: () -> Void = {}

    init(_ stream: SharedDescriptor, key: UInt8?, takesInput: Bool) {
        self.stream = stream
        self.key = key
        self.takesInput = takesInput
    }

    func run() throws {
        let input = try OwnedDescriptor.duplicate(of: 0)
        let output = try OwnedDescriptor.duplicate(of: 1)
        let stream = try self.stream.duplicate()
        try stream.setBlocking()
        var isInputOpen = takesInput
        while true {
            let wanted = [stream.rawValue, isInputOpen ? input.rawValue : -1, sizes]
            let ready = try Poll.readable(wanted, deadline: nil)
            if ready[2] { onSize() }
            if ready[0] {
                let bytes = try stream.read(atMost: 65536)
                guard !bytes.isEmpty else { return }
                try output.writeAll(bytes)
            }
            if ready[1] {
                let bytes = try input.read(atMost: 4096)
                guard !bytes.isEmpty else {
                    isInputOpen = false
                    // Somebody's script has ended; what it caused is not waited for.
                    return
                }
                if let key, let place = bytes.firstIndex(of: key) {
                    try stream.writeAll(bytes[..<place])
                    return
                }
                try stream.writeAll(bytes)
            }
        }
    }
}

/// `etherloom logs`: what guests wrote to their consoles, from the first byte; or the lab's own log.
struct LogsCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "logs",
            abstract: "Show what a guest wrote to its console, or the lab's own log.",
            discussion: "Also of guests and labs that do not run any more, as long as their files are there."
        )
    }

    @Argument(help: "The guest; the lab without it.") var guest: String?
    @Flag(name: [.short, .customLong("follow")], help: "Go on with what comes.") var follows = false
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        guard let guest else { return try labLog() }
        if follows {
            let answer = try lab.keeper().request(["console", guest, "read", "history=\(1 << 30)"])
            guard let stream = answer.descriptors.first else { throw Failure("the keeper gave no console") }
            return try ConsoleRelay(stream, key: nil, takesInput: false).run()
        }
        guard LabName.objection(to: guest) == nil else {
            throw Failure("\"\(guest)\" is no guest's name", status: ExitStatus.usage)
        }
        try Self.copy("\(try directory())/run/\(guest)/console.log", "guest \"\(guest)\" has written nothing")
    }

    private func directory() throws -> String {
        guard let name = lab.lab else { return try lab.findDirectory() }
        let runtime = LabPlaces.runtimeDirectory(lab: name)
        guard let owner = RuntimeFiles(directory: runtime).owner() else { throw Failure("no lab \"\(name)\" runs") }
        return owner.directory
    }

    private func labLog() throws {
        let runtime = try lab.runtimeDirectory()
        let log = RuntimeFiles(directory: runtime).log
        guard follows else { return try Self.copy(log, "the lab has logged nothing") }
        let keeper = try KeeperClient(runtimeDirectory: runtime)
        // Before the file is read: nothing is missed in between.
        try keeper.request(["watch"])
        if (try? FileStatus(path: log)) != nil { try Self.copy(log, "") }
        while let event = try keeper.nextEvent(deadline: nil) {
            if case .log(let line) = event, !StandardStreams.writeOutput(line + "\n") { return }
        }
    }

    private static func copy(_ path: String, _ nothing: String) throws {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path, flags: O_RDONLY)
            let output = try OwnedDescriptor.duplicate(of: 1)
            while true {
                let part = try file.read(atMost: 65536)
                if part.isEmpty { return }
                try output.writeAll(part)
            }
        } catch {
            if error == .noEntry { throw Failure(nothing) }
            throw Failure("\(path): \(error)")
        }
    }
}
