// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
public import Runtime

/// The console of an impaired wire: the commands of wirefilter(1), with its answers.
///
/// A command is meant when the line begins with its name, the longest one counting; no blank need follow. Settings are
/// written `[LR|RL]VALUE[+SPREAD][K|M|G][U|N][[NODE]]`. The interpreter knows no sockets, a session no commands.
public final class WireConsole {
    public let wire: ImpairedWire
    let loop: ControlLoop
    public var onShutdown: () -> Void = {}
    public var version = "0.1"
    private(set) var sessions: [WireConsoleSession] = []

    public init(_ wire: ImpairedWire, loop: ControlLoop) {
        self.wire = wire
        self.loop = loop
        wire.onTransition = { [weak self] in self?.show(from: $0, to: $1) }
    }

    static var prompt: String { "\nVDEwf$ " }

    var greeting: String {
        "\nEtherloom wire V.\(version)\n(C) 2026 The Etherloom authors - Apache-2.0\n" + Self.prompt
    }

    /// Who gave a command.
    public final class Caller {
        /// `markov-debug`: changes of the state are told.
        var wantsTransitions = false
        /// The files being run, outermost first.
        var files: [String] = []

        public init() {}
    }

    /// Runs one line. Nil: a blank line or a comment, which has no answer.
    public func execute(_ line: String, _ caller: Caller) -> ConsoleAnswer? {
        let text = line.drop(while: ConsoleArgument.isBlank)
        if text.isEmpty || text.first == "#" { return nil }
        guard let command = WireCommand.match(text) else { return .failure(.notImplemented) }
        let argument = text.dropFirst(command.name.count).drop(while: ConsoleArgument.isBlank)
        do throws(Errno) {
            return try command.run(self, caller, String(argument))
        } catch {
            return command.hasData ? .data([], error: error) : .failure(error)
        }
    }

    /// Runs a file at the start of the program. True: it says `shutdown`.
    ///
    /// - Parameter onFailure: hears of each line that fails, its words and the reason; false ends the run.
    public func runFile(_ path: String, onFailure: (String) -> Bool) throws(Errno) -> Bool {
        for line in try Self.lines(of: path) {
            guard let answer = execute(line, Caller()) else { continue }
            if answer.sequel == .shutdown { return true }
            if let error = answer.error, !onFailure("\(line) \(error)") { return false }
        }
        return false
    }

    /// Runs a file for a session: everything it answers in one frame, the code that of its first line that failed.
    func load(_ path: String, _ caller: Caller) throws(Errno) -> ConsoleAnswer {
        guard caller.files.count < ConsoleScript.maximumDepth, !caller.files.contains(path) else {
            throw Errno(rawValue: 40)  // ELOOP
        }
        let lines = try Self.lines(of: path)
        caller.files.append(path)
        defer { caller.files.removeLast() }
        var shown: [String] = []
        var failure: Errno?
        for line in lines {
            guard let answer = execute(line, caller) else { continue }
            if answer.sequel == .endOfSession { continue }
            if answer.sequel == .shutdown { return answer }
            shown += ["VDEwf$  (\(path)) \(line)"] + (answer.lines ?? []) + [answer.replyLine]
            failure = failure ?? answer.error
            guard shown.count <= ConsoleScript.maximumLineCount else { throw Errno(rawValue: 7) }  // E2BIG
        }
        return .data(shown, error: failure)
    }

    private static func lines(of path: String) throws(Errno) -> [String] {
        guard !path.isEmpty else { throw .noEntry }
        let status = try FileStatus(path: path, followLinks: true)
        // What a pipe or a terminal may say some day the control thread cannot wait for.
        guard status.isLoadable else { throw .invalid }
        let bytes = try FileSystem.contents(path, limit: 1 << 20)
        return bytes.split(separator: newline).map { String(decoding: $0, as: UTF8.self) }
    }

    private func show(from: Int, to: Int) {
        let names = wire.chain.names
        let line =
            "38\(decimal(to, digits: 2)) Node \(from) \"\(names[from])\" -> \(to) \"\(names[to])\""
        for session in sessions where session.caller.wantsTransitions { session.send(event: line) }
    }

    func add(_ session: WireConsoleSession) { sessions.append(session) }
    func remove(_ session: WireConsoleSession) { sessions.removeAll { $0 === session } }

    /// Ends all sessions.
    public func close() {
        for session in sessions { session.close() }
    }
}
