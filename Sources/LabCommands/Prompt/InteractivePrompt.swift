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
    /// What was typed and has not been looked at.
    private var typed: ArraySlice<UInt8> = []
    private let historyFile: String?
    private let output: SharedDescriptor
    private let prompt: String

    init(_ runner: PromptRunner) throws {
        self.runner = runner
        historyFile = Self.historyPath
        editor = LineEditor(history: Self.history(historyFile))
        output = SharedDescriptor(try OwnedDescriptor.duplicate(of: 1))
        let directory = CurrentProcess.workingDirectory?.split(separator: "/").last.map(String.init)
        prompt = "\(runner.lab ?? directory ?? "etherloom")> "
    }

    /// `$XDG_STATE_HOME/etherloom/history`, XDG Base Directory Specification.
    private static var historyPath: String? {
        let home = CurrentProcess.environment("HOME")
        let named = CurrentProcess.environment("XDG_STATE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
        guard let state = named ?? home.map({ $0 + "/.local/state" }) else { return nil }
        let above = named == nil ? [(home ?? "") + "/.local"] : []
        for directory in above + [state, state + "/etherloom"] { try? FileSystem.makeDirectory(directory, mode: 0o700) }
        return state + "/etherloom/history"
    }

    func run() throws {
        var prompt = self
        try prompt.loop()
    }

    private mutating func loop() throws {
        let rescue = try TerminalGuard(0)
        defer { withExtendedLifetime(rescue) {} }
        // Keys that interrupt a verb are for the verb.
        let interrupts = try SignalFD([SIGINT, SIGQUIT])
        while let line = try readLine() {
            switch PromptRunner.parse(line) {
            case .nothing: break
            case .end: return
            case .unfinished: StandardStreams.writeError("a quote is not closed\n")
            case .words(let words, _):
                do {
                    _ = try runner.run(words)
                } catch {
                    // The next line may be one that can be run.
                    let text = (error as? Failure)?.message ?? "cannot run \(words[0]): \(error)"
                    StandardStreams.writeError("etherloom: \(text)\n")
                }
                while interrupts.next() != nil {}
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
            if typed.isEmpty {
                typed = try input.read(atMost: 1024)[...]
                guard !typed.isEmpty else { return nil }
            }
            // Key by key: what one means depends on what those before it have done, and lines may be pasted.
            while let byte = typed.popFirst() {
                guard let action = editor.take([byte]).first else { continue }
                switch action {
                case .submit(let line):
                    write("\r\u{1b}[K\(prompt)\(line)\n")
                    remember(line)
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

    /// Written down line by line, so that two prompts do not take each other's lines away.
    private func remember(_ line: String) {
        guard let historyFile, !line.allSatisfy({ $0 == " " }),
            let file = try? OwnedDescriptor.open(historyFile, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        else { return }
        try? file.writeAll((line + "\n").utf8)
    }

    /// The lines typed before. A file that has become long is cut.
    private static func history(_ path: String?) -> [String] {
        guard let path, let bytes = try? FileSystem.contents(path) else { return [] }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        guard lines.count > 2 * LineEditor.historyCount else { return lines }
        let kept = Array(lines.suffix(LineEditor.historyCount))
        try? FileSystem.write(kept.map { $0 + "\n" }.joined(), to: path)
        return kept
    }

    private mutating func complete() {
        let completion = PromptCompletion(editor.textBeforeCursor, names: { Self.names(runner.lab) })
        guard let first = completion.choices.first else { return write("\u{7}") }
        var common = Substring(first)
        for choice in completion.choices { while !choice.hasPrefix(common) { common.removeLast() } }
        let more = common.dropFirst(completion.typed.count)
        if completion.choices.count == 1 {
            // A path follows a guest's colon.
            editor.insert(more + (first.hasSuffix(":") ? "" : " "))
        } else if !more.isEmpty {
            editor.insert(String(more))
        } else {
            write("\r\u{1b}[K\(completion.choices.joined(separator: "  "))\n")
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
