// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// What umls3's server does: named switches, and the commands that change them.
final class UMLSwitchSet {
    private let loop: ControlLoop
    private var switches: [String: UMLSwitch] = [:]
    private(set) var isDebug: Bool
    private var logFile: LogFile?
    private var guests: UMLSwitchGuests?

    private final class LogFile {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    /// What a command answers: lines, and whether it worked.
    struct Answer: Equatable {
        var lines: [String] = []
        var mistake: String?
    }

    /// - Parameter guestDirectory: where guests have their sockets; nil: without guests.
    init(loop: ControlLoop, isDebug: Bool, guestDirectory: String? = nil) {
        self.loop = loop
        self.isDebug = isDebug
        guests = guestDirectory.map { path in
            UMLSwitchGuests(directory: path, loop: loop) { [weak self] in self?.log($0) }
        }
    }

    /// Says something that matters in the log file, if there is one.
    func log(_ line: String) {
        if let logFile {
            try? logFile.descriptor.writeAll((line + "\n").utf8)
        } else if isDebug {
            Report.note(line)
        }
    }

    /// A text's commands, as far as they were carried out.
    private final class Script {
        private var commands: ArraySlice<UMLCommandLine>
        private let isSeveral: Bool
        private let done: (Answer) -> Void
        private var answer = Answer()

        init(_ commands: [UMLCommandLine], done: @escaping (Answer) -> Void) {
            self.commands = commands[...]
            isSeveral = commands.count > 1
            self.done = done
        }

        func next() -> UMLCommandLine? { commands.popFirst() }

        /// The first mistake is the end.
        func take(_ part: Answer, of command: UMLCommandLine) {
            answer.lines += part.lines
            guard let mistake = part.mistake else { return }
            answer.mistake = isSeveral ? "line \(command.line): \(mistake)" : mistake
            commands = []
        }

        func end() { done(answer) }
    }

    /// What a command answers, which may be known later.
    private final class Reply {
        private var answer: Answer?
        private var resume: ((Answer) -> Void)?

        func give(_ answer: Answer) {
            if let resume { return resume(answer) }
            self.answer = answer
        }

        /// The answer if it is there; else `resume` gets it.
        func take(later resume: @escaping (Answer) -> Void) -> Answer? {
            if answer == nil { self.resume = resume }
            return answer
        }
    }

    /// Carries out the commands of a text, one a line, until one fails. A command that takes its time holds up those behind it
    /// and nothing else.
    ///
    /// - Parameter done: called once, perhaps before this returns.
    func perform(_ text: String, _ done: @escaping (Answer) -> Void) {
        do {
            run(Script(try UMLConfigLexer.split(text, file: "command"), done: done))
        } catch {
            done(Answer(mistake: error.message))
        }
    }

    private func run(_ script: Script) {
        while let command = script.next() {
            let reply = Reply()
            perform(command.words, reply)
            let answer = reply.take { [weak self] answer in
                script.take(answer, of: command)
                self?.run(script)
            }
            guard let answer else { return }
            script.take(answer, of: command)
        }
        script.end()
    }

    private func perform(_ words: [String], _ reply: Reply) {
        if isDebug { log("command: \(words.joined(separator: " "))") }
        switch words[0] {
        case "switch" where words.count > 2: addSwitch(words[1], Array(words.dropFirst(2)), reply)
        case "killswitch": killSwitch(Array(words.dropFirst()), reply)
        default: reply.give(perform(words))
        }
    }

    private func perform(_ words: [String]) -> Answer {
        let arguments = Array(words.dropFirst())
        switch words[0] {
        case "debug", "nodebug":
            isDebug = words[0] == "debug"
            return Answer()
        case "version": return Answer(lines: ["umls3 compatible server of etherloom \(Version.current)"])
        case "logfile": return setLogFile(arguments)
        case "switch": return showSwitches(arguments.first)
        case "help":
            return Answer(
                lines: [
                    "switch                     shows all switches",
                    "switch NAME                shows one",
                    "switch NAME { COMMANDS }   adds one, set up by uml_switch2's commands",
                    "switch NAME FILE           the same, the commands in a file",
                    "killswitch NAME            ends one",
                    "debug, nodebug             says what happens, or not",
                    "logfile PATH               where it is said",
                ] + (guests == nil ? [] : UMLSwitchGuests.help) + ["version"]
            )
        default:
            return guests?.perform(words[0], arguments) ?? Answer(mistake: "\(words[0]): unknown command")
        }
    }

    private func setLogFile(_ arguments: [String]) -> Answer {
        guard arguments.count == 1 else { return Answer(mistake: "logfile: wants a path") }
        do throws(Errno) {
            let flags = OpenFlags.append
            logFile = LogFile(try OwnedDescriptor.open(arguments[0], flags: flags, mode: 0o600))
            return Answer()
        } catch {
            return Answer(mistake: "logfile \(arguments[0]): \(error)")
        }
    }

    private func showSwitches(_ name: String?) -> Answer {
        guard let name else {
            return Answer(lines: switches.keys.sorted().map { "\($0): \(switches[$0]?.summary ?? "")" })
        }
        guard let present = switches[name] else { return Answer(mistake: "switch \(name): no such switch") }
        return Answer(lines: ["\(name): \(present.summary)"])
    }

    private func addSwitch(_ name: String, _ arguments: [String], _ reply: Reply) {
        guard switches[name] == nil else {
            return reply.give(
                Answer(mistake: "switch \(name): exists already; end it first: killswitch \(name)")
            )
        }
        guard !name.isEmpty, name.utf8.count <= 64, !name.contains("/") else {
            return reply.give(Answer(mistake: "switch \(name): a name has 1 to 64 bytes without \"/\""))
        }
        do {
            let config = try Self.configuration(arguments, name)
            let added = try UMLSwitch(config, loop: loop, mayWait: false) { [weak self] in
                self?.log("switch \(name): \($0)")
            }
            added.element.onShutdown = { [weak self] in self?.killSwitch([name], Reply()) }
            switches[name] = added
            added.begin { [weak self] failure in
                guard let failure else { return reply.give(Answer()) }
                self?.switches[name] = nil
                reply.give(Answer(mistake: "switch \(name): \(failure.message)"))
            }
        } catch let failure as Failure {
            reply.give(Answer(mistake: "switch \(name): \(failure.message)"))
        } catch {
            reply.give(Answer(mistake: "\(error)"))
        }
    }

    /// From the commands themselves, or a file that holds them: a single word with a slash is one.
    private static func configuration(_ arguments: [String], _ name: String) throws -> UMLSwitchConfig {
        let only = arguments.count == 1 ? arguments[0] : ""
        guard only.contains("/"), !only.contains(where: { $0.isNewline || $0 == " " }) else {
            // Commands in braces are a word; without, one command may follow the name.
            let text = arguments.count == 1 ? arguments[0] : arguments.joined(separator: " ")
            return try UMLSwitchConfig(text: text, file: "switch \(name)", hasSemicolons: true)
        }
        let text: String
        do throws(Errno) {
            text = String(decoding: try FileSystem.contents(only), as: UTF8.self)
        } catch {
            throw Failure("\(only): cannot read the configuration: \(error)")
        }
        return try UMLSwitchConfig(text: text, file: only)
    }

    private func killSwitch(_ arguments: [String], _ reply: Reply) {
        guard arguments.count == 1 else { return reply.give(Answer(mistake: "killswitch: wants a name")) }
        let name = arguments[0]
        guard let present = switches[name] else {
            return reply.give(Answer(mistake: "killswitch \(name): no such switch"))
        }
        guard !present.isEnding else { return reply.give(Answer(mistake: "killswitch \(name): is ending already")) }
        present.close { [weak self] in
            self?.switches[name] = nil
            reply.give(Answer())
        }
    }

    func closeAll() {
        for present in switches.values { present.closeNow() }
        switches = [:]
        guests?.closeAll()
    }
}
