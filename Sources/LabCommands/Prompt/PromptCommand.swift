// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem

/// `etherloom prompt`, and `etherloom` alone in a lab: verbs without "etherloom" before them, typed or from a script.
struct PromptCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "prompt",
            abstract: "Type verbs at a prompt, with completion of a lab's names; or take them from a script.",
            discussion: """
                Lines are split into words as a shell does; # begins a comment. A script ends at the first line that fails, \
                with its status, unless --keep-going is given. A line that begins with - may fail.
                """
        )
    }

    @Argument(help: "A script; standard input without it.") var file: String?
    @Flag(name: [.customShort("k"), .customLong("keep-going")], help: "Go on after a line that fails.")
    var keepsGoing = false
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        if let directory = lab.directory, CurrentProcess.changeDirectory(directory) == false {
            throw Failure("\(directory): cannot go there", status: ExitStatus.usage)
        }
        let runner = PromptRunner(lab: lab.lab)
        if file == nil, TerminalMode.isTerminal(0), TerminalMode.isTerminal(1) {
            try InteractivePrompt(runner).run()
            return
        }
        let status = try runner.script(file ?? "-", keepsGoing: keepsGoing)
        if status != 0 { throw ExitCode(status) }
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
        guard var words = CommandWords.split(String(text)) else { return .unfinished }
        // A comment at the line's end.
        if let mark = words.firstIndex(where: { $0.hasPrefix("#") }) { words.removeSubrange(mark...) }
        if words.first == "etherloom" { words.removeFirst() }
        guard let first = words.first else { return .nothing }
        return ["exit", "quit", "logout"].contains(first) ? .end : .words(words, mayFail: mayFail)
    }

    /// Runs a verb as a program of its own: its status.
    func run(_ words: [String]) throws -> Int32 {
        guard let program = DaemonCommand.program else {
            throw Failure("etherloom is missing beside etherloom-lab", status: ExitStatus.unsupported)
        }
        var words = words
        if let lab, EtherloomLab.takesLab(words), !words.contains("--lab") {
            words.insert(contentsOf: ["--lab", lab], at: 1)
        }
        let child = try ChildProgram([program] + words)
        return try child.wait().shellStatus
    }

    /// Runs a script to its end: the first status that is not 0.
    func script(_ path: String, keepsGoing: Bool) throws -> Int32 {
        let input = try path == "-" ? OwnedDescriptor.duplicate(of: 0) : open(path)
        var rest: [UInt8] = []
        var number = 0
        var worst: Int32 = 0
        while true {
            let part = try input.read(atMost: 65536)
            rest += part
            if part.isEmpty, !rest.isEmpty { rest.append(0x0a) }
            while let end = rest.firstIndex(of: 0x0a) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                number += 1
                switch Self.parse(line) {
                case .nothing: continue
                case .end: return worst
                case .unfinished:
                    throw Failure(
                        "\(path == "-" ? "standard input" : path):\(number): a quote is not closed",
                        status: 2
                    )
                case .words(let words, let mayFail):
                    let status = try run(words)
                    guard status != 0, !mayFail else { continue }
                    worst = max(worst, status)
                    if !keepsGoing { return status }
                }
            }
            if part.isEmpty { return worst }
        }
    }

    private func open(_ path: String) throws -> OwnedDescriptor {
        do throws(Errno) {
            return try OwnedDescriptor.open(path, flags: 0)
        } catch {
            throw Failure("\(path): \(error)", status: ExitStatus.usage)
        }
    }
}
