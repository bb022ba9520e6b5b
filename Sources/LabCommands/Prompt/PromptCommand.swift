// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import LinuxSystem

/// `etherloom prompt`, and `etherloom` alone in a lab: verbs without "etherloom" before them, typed or from a script.
struct PromptCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "prompt",
            abstract: "Type verbs at a prompt, with completion of a lab's names; or take them from a script.",
            discussion: """
                Lines are split into words as a shell does; # begins a comment. A script ends at the first line that fails, \
                which is named, with its status, unless --keep-going is given. A line that begins with - may fail. What a \
                script on standard input runs has no input.
                """
        )
    }

    @Argument(help: "A script; standard input without it.") var file: String?
    @Flag(name: [.customShort("k"), .customLong("keep-going")], help: "Go on after a line that fails.")
    var keepsGoing = false
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        // A script is where the caller is, not where the lab is.
        let script = try file.map { try PromptScript(path: $0) }
        if let directory = lab.directory, CurrentProcess.changeDirectory(directory) == false {
            throw Failure("\(directory): cannot go there", status: ExitStatus.usage)
        }
        let runner = PromptRunner(lab: lab.lab)
        if script == nil, TerminalMode.isTerminal(0), TerminalMode.isTerminal(1) {
            try InteractivePrompt(runner).run()
            return
        }
        let status = try runner.run(try script ?? PromptScript(), keepsGoing: keepsGoing)
        if status != 0 { throw ExitCode(status) }
    }
}

/// Where the lines of a script come from.
struct PromptScript {
    let name: String
    let input: SharedDescriptor
    /// Programs that it runs have nothing to read: the lines are the script's.
    let isStandardInput: Bool

    /// The lines on standard input.
    init() throws {
        name = "standard input"
        input = SharedDescriptor(try OwnedDescriptor.duplicate(of: 0))
        isStandardInput = true
    }

    init(path: String) throws {
        guard path != "-" else {
            self = try PromptScript()
            return
        }
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path, flags: 0)
            guard try !FileStatus(file).isDirectory else { throw Errno(rawValue: EISDIR) }
            input = SharedDescriptor(file)
        } catch {
            throw Failure("\(path): \(error)", status: ExitStatus.usage)
        }
        name = path
        isStandardInput = false
    }
}

/// Runs lines of a prompt or script.
struct PromptRunner {
    let lab: String?

    /// What a line is.
    enum Line: Equatable {
        case nothing
        case end
        /// Words, and whether it may fail.
        case words([String], mayFail: Bool)
        case unfinished
    }

    static func parse(_ line: String) -> Line {
        var text = line.drop { $0 == " " || $0 == "\t" }
        var mayFail = false
        if text.first == "-" {
            mayFail = true
            text = text.dropFirst()
        }
        if text.isEmpty || text.first == "#" { return .nothing }
        guard var words = CommandWords.split(String(text), comments: true) else { return .unfinished }
        if words.first == "etherloom" { words.removeFirst() }
        guard let first = words.first else { return .nothing }
        return ["exit", "quit", "logout"].contains(first) ? .end : .words(words, mayFail: mayFail)
    }

    /// Runs a verb as a program of its own: its status.
    ///
    /// - Parameter input: its standard input, ours if -1.
    func run(_ words: [String], input: Int32 = -1) throws -> Int32 {
        guard let program = DaemonCommand.program else {
            throw Failure("etherloom is missing beside etherloom-lab", status: ExitStatus.unsupported)
        }
        var words = words
        if let lab, EtherloomLab.takesLab(words), !words.contains("--lab") {
            words.insert(contentsOf: ["--lab", lab], at: 1)
        }
        let child = try ChildProgram([program] + words, input: input)
        return try child.wait().shellStatus
    }

    /// Runs a script to its end: the status of the first line that failed, or with `keepsGoing` the worst of all.
    func run(_ script: PromptScript, keepsGoing: Bool) throws -> Int32 {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        var rest: [UInt8] = []
        var number = 0
        var worst: Int32 = 0
        while true {
            let part = try script.input.withDescriptor { (input: borrowing OwnedDescriptor) throws(Errno) in
                try input.read(atMost: 65536)
            }
            rest += part
            if part.isEmpty, !rest.isEmpty { rest.append(0x0a) }
            while let end = rest.firstIndex(of: 0x0a) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                number += 1
                let status: Int32
                switch Self.parse(line) {
                case .nothing: continue
                case .end: return worst
                case .unfinished:
                    status = ExitStatus.usage
                    StandardStreams.writeError("etherloom: \(script.name):\(number): a quote is not closed\n")
                case .words(let words, let mayFail):
                    status = try run(words, input: script.isStandardInput ? null.rawValue : -1)
                    guard status != 0, !mayFail else { continue }
                    let verb = words.prefix(2).joined(separator: " ")
                    StandardStreams.writeError("etherloom: \(script.name):\(number): \(verb): status \(status)\n")
                }
                worst = max(worst, status)
                if status != 0, !keepsGoing { return status }
            }
            if part.isEmpty { return worst }
        }
    }
}
