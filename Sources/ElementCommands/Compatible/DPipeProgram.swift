// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// `dpipe` of VDE: programs joined by pipes in both directions.
///
///     a = b            stdout of each is stdin of the other
///     a = b = c        b's descriptors 3 and 4 (ALTERNATE_STDIN, ALTERNATE_STDOUT) are joined to c
///     a =} b }= c      b sees only what goes to the right; c's output goes to a
///     a ={ b {= c      b sees only what goes to the left
enum DPipeProgram {
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("daemon", takesValue: false, letter: "d"),
        .init("pidfile", takesValue: true, letter: "p"),
        .init("pgrpfile", takesValue: true, letter: "P"),
        .init("nowrapproc", takesValue: false, letter: "n"),
        .init("nowrapnoclean", takesValue: false, letter: "N"),
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = try CommandLineOptions.parseOrFail(
            program: "dpipe",
            arguments,
            short: "+hdnNp:P:",
            long: long,
            singleDashLong: true
        )
        var isDaemon = false
        var pidFile: String?
        var groupFile: String?
        for occurrence in parsed.occurrences {
            switch occurrence.letter {
            case "h":
                print(usage)
                return 0
            case "d": isDaemon = true
            case "p": pidFile = occurrence.value
            case "P": groupFile = occurrence.value
            // One process more or less: ours stays, since it owns the others.
            default: break
            }
        }
        guard let line = try PipeLine(parsed.operands), line.programs.count > 1 else {
            Report.line(usage)
            return 0
        }
        var report: Daemon.ReadyReport?
        if isDaemon {
            do {
                report = Optional(try Daemon.detach())
            } catch {
                throw Failure("cannot go to the background: \(error)")
            }
        } else if groupFile != nil {
            CurrentProcess.leadGroup()
        }
        let signals: SignalFD
        do throws(Errno) {
            signals = try SignalFD([SIGTERM, SIGHUP])
        } catch {
            throw Failure("signals: \(error)")
        }
        let children = try line.start()
        try write("\(CurrentProcess.id)\n", to: pidFile)
        try write("-\(CurrentProcess.processGroup)\n", to: groupFile)
        if let ready = report.take() {
            Daemon.detachStandardStreams()
            ready.send(exitStatus: 0)
        }
        let status = wait(for: children, signals)
        for file in [pidFile, groupFile] {
            if let file { try? FileSystem.remove(file) }
        }
        return status
    }

    private static func write(_ text: String, to path: String?) throws {
        guard let path else { return }
        do {
            let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try file.writeAll(text.utf8)
        } catch {
            throw Failure("\(path): \(error)")
        }
    }

    /// Until all have ended: the status of the last one. A signal to us is one to them.
    private static func wait(for children: [ChildProgram], _ signals: borrowing SignalFD) -> Int32 {
        var status: Int32 = 0
        var rest = children
        while !rest.isEmpty {
            _ = try? Poll.readable(rest.map(\.rawDescriptor) + [signals.rawDescriptor], deadline: nil)
            while SignalFD.next(from: signals.rawDescriptor) != nil {
                for child in rest { child.send(signal: SIGTERM) }
            }
            for child in rest {
                if let ended = child.poll() { status = ended.shellStatus }
            }
            rest.removeAll { $0.status != nil }
        }
        return status
    }

    private static let usage = """
        Usage:
          dpipe [OPTIONS] cmd1 [arg1...] = cmd2 [arg2...] [ = cmd3 [arg3...] ]
            using: ... =} cmd [arg] }= ...
               or: ... ={ cmd [arg] {= ...
            instead of ... = cmd [arg] = ...
          means that the intermediate command processes data flowing in one direction only
          (left to right, or right to left respectively as indicated by the brackets)
          -p, --pidfile FILE     write the process number to FILE
          -P, --pgrpfile FILE    write the process group's number, negative, to FILE
          -d, --daemon           run in the background
          -n, -N                 accepted: there is one process for dpipe itself
          -h, --help             this help
        """
}

/// The programs of a `dpipe`, and how they are joined.
struct PipeLine {
    enum Flow: Equatable { case both, rightwards, leftwards }
    private(set) var programs: [(words: [String], flow: Flow)] = []

    /// Nil when the words make no such line.
    init?(_ words: [String]) throws {
        var current: [String] = []
        var opening: Character?
        for word in words + ["="] {
            guard let (before, after) = Self.separator(word) else {
                current.append(word)
                continue
            }
            guard !current.isEmpty else { return nil }
            guard before == opening else {
                throw Failure(
                    "\(current[0]): \"\(opening.map(String.init) ?? "")\" before it and \"\(word)\" behind it differ"
                )
            }
            programs.append((current, before == nil ? .both : before == "}" ? .rightwards : .leftwards))
            opening = after
            current = []
        }
    }

    /// What stands before and behind the sign.
    private static func separator(_ word: String) -> (Character?, Character?)? {
        guard word.count <= 3, let sign = word.firstIndex(of: "=") else { return nil }
        let (before, after) = (word[..<sign], word[word.index(after: sign)...])
        guard before.count < 2, after.count < 2, (before + after).allSatisfy({ $0 == "{" || $0 == "}" }) else {
            return nil
        }
        return (before.first, after.first)
    }

    /// A pipe between two programs; each end is closed here as soon as its program has it.
    private final class Joint {
        var reading: OwnedDescriptor?
        var writing: OwnedDescriptor?

        init() throws {
            do throws(Errno) {
                let pair = try OwnedDescriptor.pipe()
                reading = Optional(pair.first)
                writing = Optional(pair.second)
            } catch {
                throw Failure("pipe: \(error)")
            }
        }

        var readingNumber: Int32 { reading?.rawValue ?? -1 }
        var writingNumber: Int32 { writing?.rawValue ?? -1 }
    }

    /// Starts all of them, left to right.
    func start() throws -> [ChildProgram] {
        var children: [ChildProgram] = []
        // What comes from the left, and where what goes to the left ends.
        var rightward = try Joint()
        var leftward = try Joint()
        for (position, program) in programs.enumerated() {
            let isLast = position == programs.count - 1
            let words = program.words
            do throws(Errno) {
                if position == 0 {
                    let child = try ChildProgram(
                        words,
                        input: leftward.readingNumber,
                        output: rightward.writingNumber
                    )
                    leftward.reading = nil
                    rightward.writing = nil
                    children.append(child)
                } else if isLast {
                    children.append(
                        try ChildProgram(words, input: rightward.readingNumber, output: leftward.writingNumber)
                    )
                } else {
                    children.append(try join(program, &rightward, &leftward))
                }
            } catch {
                throw Failure("\(words[0]): \(error)")
            }
        }
        return children
    }

    /// A program in the middle.
    private func join(
        _ program: (words: [String], flow: Flow),
        _ rightward: inout Joint,
        _ leftward: inout Joint
    ) throws(Errno) -> ChildProgram {
        func joint() throws(Errno) -> Joint {
            guard let joint = try? Joint() else { throw Errno(rawValue: EMFILE) }
            return joint
        }
        let child: ChildProgram
        switch program.flow {
        case .rightwards:
            let next = try joint()
            child = try ChildProgram(program.words, input: rightward.readingNumber, output: next.writingNumber)
            next.writing = nil
            rightward = next
        case .leftwards:
            let next = try joint()
            child = try ChildProgram(program.words, input: next.readingNumber, output: leftward.writingNumber)
            next.reading = nil
            leftward = next
        case .both:
            let right = try joint()
            let left = try joint()
            child = try ChildProgram(
                ["env", "ALTERNATE_STDIN=3", "ALTERNATE_STDOUT=4"] + program.words,
                input: rightward.readingNumber,
                output: leftward.writingNumber,
                third: left.readingNumber,
                fourth: right.writingNumber
            )
            right.writing = nil
            left.reading = nil
            rightward = right
            leftward = left
        }
        return child
    }
}
