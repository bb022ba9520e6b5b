// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

/// A user at a terminal, before a shell with job control, in a lab's directory.
final class LabDesk {
    private let shell: Program
    private let terminal: PseudoTerminal
    /// How much of what the terminal has shown was awaited already.
    private var offset = 0
    private var runCount = 0

    private static let prompt = "desk> "

    init(_ lab: RunningLab, columns: Int = 90, rows: Int = 30) throws {
        (shell, terminal) = try lab.host.startOnTerminal(
            ["sh", "-i"],
            as: lab.user,
            variables: ["PS1=\(Self.prompt)", "ENV="]
        )
        try expect(Self.prompt)
        try terminal.resize(columns: columns, rows: rows)
        let programs = lab.host.etherloom.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        try run("cd \(lab.directory); PATH=\(programs):$PATH")
    }

    /// All that was shown and has not been awaited.
    private var pending: Substring {
        String(decoding: shell.outputBytes.dropFirst(offset), as: UTF8.self)[...]
    }

    /// Waits until a text is shown; what was shown before it.
    @discardableResult
    func expect(_ text: String, seconds: Double = 30) throws -> String {
        var before = ""
        try wait(for: "\"\(text)\" on the terminal, which shows \"\(pending)\"", seconds: seconds) {
            let bytes = Array(shell.outputBytes.dropFirst(offset))
            guard let place = ByteSearch.first(text, in: bytes) else { return false }
            before = String(decoding: bytes[..<place], as: UTF8.self)
            offset += place + text.utf8.count
            return true
        }
        return before
    }

    /// Nothing of this has been shown since what was awaited last.
    func shows(_ text: String) -> Bool { pending.contains(text) }

    func type(_ text: String) throws { try terminal.type(text) }

    /// A line for the shell; what was shown until it was done.
    @discardableResult
    func run(_ line: String) throws -> String {
        runCount += 1
        // What is typed is shown, too, and perhaps before the prompt: a mark that is not typed as it is printed.
        try type(line + "; echo do''ne \(runCount)\n")
        return try expect("\ndone \(runCount)\r\n")
    }

    func waitForPrompt() throws { try expect(Self.prompt) }

    func resize(columns: Int, rows: Int) throws { try terminal.resize(columns: columns, rows: rows) }

    /// Whether keys come one by one and are not shown: a program has the terminal.
    var isTaken: Bool { terminal.isRaw && !terminal.echoes }

    func waitUntilTaken() throws { try wait(for: "the terminal to be taken: \(pending)") { isTaken } }

    func waitUntilFree() throws {
        try wait(for: "the terminal to be as before: \(pending)") { !terminal.isRaw && terminal.echoes }
    }

    /// The program that the shell waits for.
    func program() throws -> pid_t {
        let list = "/proc/\(shell.processID)/task/\(shell.processID)/children"
        let text = try String(contentsOfFile: list, encoding: .utf8)
        return try #require(text.split(separator: " ").first.flatMap { pid_t($0) }, "the shell waits for nothing")
    }

    /// Ends the shell.
    func leave() throws {
        try type("exit\n")
        try shell.waitForEnd()
    }
}

/// Guests of the kinds that a test has time for, on a root of busybox.
enum GuestKind: String, CaseIterable, CustomTestStringConvertible {
    case process, uml

    var testDescription: String { rawValue }

    /// Where Scripts/guests puts a kernel.
    static let kernel = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/guests/uml/linux").path

    func require(_ host: HostNamespace) throws {
        guard self == .uml else { return }
        guard FileManager.default.isReadableFile(atPath: Self.kernel) else {
            try skip("no UML kernel: Scripts/guests fetches one")
        }
        let size = try host.check(["stat", "-c", "%s", host.etherloom + "-agent"])
        if size == "0\n" { try skip("no agent: Scripts/agent .build/debug/etherloom-agent") }
    }
}

extension RunningLab {
    /// A lab of alice and bob on a segment, as a user without privilege has it: up during the test, and gone after it.
    ///
    /// - Parameter command: what alice runs on her console.
    static func with(_ kind: GuestKind, command: String? = nil, _ body: (RunningLab) throws -> Void) throws {
        try require("busybox", "tar", "ping")
        try withHost { host in
            try kind.require(host)
            // A lone "$" is the lab file's.
            let line = command?.replacing("'", with: "''").replacing("$", with: "$$")
            let alice = line.map { ", command: [sh, -c, '\($0)']" } ?? ""
            let file = """
                defaults: {kind: \(kind.rawValue)}
                kinds: {uml: {memory: 64M}}
                guests:
                  alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}\(alice)}
                  bob: {interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}
                segments: {lan: {}}
                """
            let lab = try RunningLab(host, as: .ordinary, file)
            try host.check(
                [host.etherloom, "master", "create", "--busybox", lab.directory + "/master"],
                as: lab.user
            )
            if kind == .uml { try host.check(["ln", "-s", GuestKind.kernel, lab.directory + "/linux"], as: lab.user) }
            try lab.check("up")
            try body(lab)
            try lab.end()
        }
    }
}
