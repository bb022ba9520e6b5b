// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import ControlClient
import Glibc
import LinuxSystem
import Model

/// The prompt on a terminal.
struct InteractivePrompt {
    private let runner: PromptRunner
    private var editor: LineEditor
    private let historyFile: String?
    private let output: SharedDescriptor
    private let prompt: String

    init(_ runner: PromptRunner) throws {
        self.runner = runner
        historyFile = Self.historyPath
        let text =
            historyFile.flatMap { try? FileSystem.contents($0) }.map { String(decoding: $0, as: UTF8.self) } ?? ""
        editor = LineEditor(history: text.split(separator: "\n").map(String.init))
        output = SharedDescriptor(try OwnedDescriptor.duplicate(of: 1))
        let directory = CurrentProcess.workingDirectory?.split(separator: "/").last.map(String.init)
        prompt = "\(runner.lab ?? directory ?? "etherloom")> "
    }

    /// `$XDG_STATE_HOME/etherloom/history`, XDG Base Directory Specification.
    private static var historyPath: String? {
        let home = CurrentProcess.environment("HOME").map { $0 + "/.local/state" }
        guard let state = CurrentProcess.environment("XDG_STATE_HOME") ?? home else { return nil }
        for directory in [state, state + "/etherloom"] { try? FileSystem.makeDirectory(directory, mode: 0o700) }
        return state + "/etherloom/history"
    }

    func run() throws {
        var prompt = self
        try prompt.loop()
    }

    private mutating func loop() throws {
        while let line = try readLine() {
            switch PromptRunner.parse(line) {
            case .nothing: break
            case .end: return
            case .unfinished: StandardStreams.writeError("a quote is not closed\n")
            case .words(let words, _):
                do {
                    _ = try runner.run(words)
                } catch let failure as Failure {
                    StandardStreams.writeError("etherloom: \(failure.message)\n")
                }
            }
        }
    }

    /// A line; nil at the end.
    private mutating func readLine() throws -> String? {
        let mode = try TerminalMode.raw(0)
        defer { withExtendedLifetime(mode) {} }
        let input = try OwnedDescriptor.duplicate(of: 0)
        draw()
        while true {
            let bytes = try input.read(atMost: 1024)
            guard !bytes.isEmpty else { return nil }
            for action in editor.take(bytes) {
                switch action {
                case .submit(let line):
                    write("\r\u{1b}[K\(prompt)\(line)\n")
                    remember()
                    return line
                case .complete: complete()
                case .end:
                    write("\n")
                    return nil
                case .interrupt: write("^C\n")
                case .clear: write("\u{1b}[H\u{1b}[2J")
                }
            }
            draw()
        }
    }

    private func write(_ text: String) {
        try? output.withDescriptor { (output: borrowing OwnedDescriptor) throws(Errno) in try output.writeAll(text.utf8)
        }
    }

    /// Prompt and line; of a line that is too long the part around the cursor.
    private func draw() {
        let room = max(8, TerminalMode.columns(1) - prompt.count - 1)
        let start = max(0, editor.cursor - room)
        let shown = editor.text[start...].prefix(room)
        let back = shown.count - (editor.cursor - start)
        write("\r\u{1b}[K" + prompt + String(shown) + (back > 0 ? "\u{1b}[\(back)D" : ""))
    }

    private func remember() {
        guard let historyFile,
            let file = try? OwnedDescriptor.open(historyFile, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        else { return }
        try? file.writeAll(editor.history.map { $0 + "\n" }.joined().utf8)
    }

    private mutating func complete() {
        let before = editor.textBeforeCursor
        let choices = PromptCompletion.choices(before, names: { Self.names(runner.lab) })
        let typed = before.split(separator: " ", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        guard let first = choices.first else { return write("\u{7}") }
        var common = Substring(first)
        for choice in choices { while !choice.hasPrefix(common) { common.removeLast() } }
        let more = common.dropFirst(typed.count)
        if choices.count == 1 {
            editor.insert(more + " ")
        } else if !more.isEmpty {
            editor.insert(String(more))
        } else {
            write("\r\u{1b}[K\(choices.joined(separator: "  "))\n")
        }
    }

    /// Names of the running lab.
    private static func names(_ lab: String?) -> PromptCompletion.Names {
        var names = PromptCompletion.Names()
        var options = LabOptions()
        options.lab = lab
        options.directory = nil
        guard let name = try? options.name(), let client = try? ControlClient.make(),
            let answer = try? client.request("GET", ["labs", name])
        else { return names }
        for guest in answer["guests"]?.list ?? [] {
            if let name = guest["name"]?.text { names.guests.append(name) }
            names.interfaces += (guest["interfaces"]?.list ?? []).compactMap { $0["port"]?.text }
        }
        names.segments = (answer["segments"]?.list ?? []).compactMap { $0["name"]?.text }
        return names
    }
}

/// What a line at the prompt may go on with.
enum PromptCompletion {
    struct Names {
        var guests: [String] = []
        var interfaces: [String] = []
        var segments: [String] = []
    }

    static func choices(_ text: String, names: () -> Names) -> [String] {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let typed = words.last ?? ""
        func matching(_ list: [String]) -> [String] { list.filter { $0.hasPrefix(typed) }.sorted() }
        if words.count <= 1 { return matching(EtherloomLab.verbs.map(\.name) + ["exit"]) }
        let verb = EtherloomLab.verbs.first { $0.name == words[0] }
        if words.count == 2, let parts = verb?.parts, !parts.isEmpty { return matching(parts) }
        let all = names()
        return matching(all.guests + all.interfaces + all.segments)
    }
}
