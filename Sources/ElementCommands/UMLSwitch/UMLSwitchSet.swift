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

    func log(_ line: String) {
        if let logFile {
            try? logFile.descriptor.writeAll((line + "\n").utf8)
        } else if isDebug {
            Report.note(line)
        }
    }

    /// Carries out the commands of a text, one a line, until one fails.
    func perform(_ text: String) -> Answer {
        var answer = Answer()
        let commands: [UMLCommandLine]
        do {
            commands = try UMLConfigLexer.split(text, file: "command")
        } catch {
            answer.mistake = error.message
            return answer
        }
        for command in commands {
            let part = perform(command.words)
            answer.lines += part.lines
            if let mistake = part.mistake {
                answer.mistake = commands.count > 1 ? "line \(command.line): \(mistake)" : mistake
                return answer
            }
        }
        return answer
    }

    private func perform(_ words: [String]) -> Answer {
        log("command: \(words.joined(separator: " "))")
        let arguments = Array(words.dropFirst())
        switch words[0] {
        case "debug", "nodebug":
            isDebug = words[0] == "debug"
            return Answer()
        case "version": return Answer(lines: ["umls3 compatible server of etherloom \(Version.current)"])
        case "logfile": return setLogFile(arguments)
        case "switch": return changeSwitch(arguments)
        case "killswitch": return killSwitch(arguments)
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

    private func changeSwitch(_ arguments: [String]) -> Answer {
        guard let name = arguments.first else {
            return Answer(lines: switches.keys.sorted().map { "\($0): \(switches[$0]?.summary ?? "")" })
        }
        guard arguments.count > 1 else {
            guard let present = switches[name] else { return Answer(mistake: "switch \(name): no such switch") }
            return Answer(lines: ["\(name): \(present.summary)"])
        }
        guard switches[name] == nil else {
            return Answer(mistake: "switch \(name): exists already; end it first: killswitch \(name)")
        }
        guard !name.isEmpty, name.utf8.count <= 64, !name.contains("/") else {
            return Answer(mistake: "switch \(name): a name has 1 to 64 bytes without \"/\"")
        }
        do {
            let (text, file) = try Self.configuration(Array(arguments.dropFirst()), name)
            let config = try UMLSwitchConfig(text: text, file: file)
            let added = try UMLSwitch(config, loop: loop, mayWait: false) { [weak self] in
                self?.log("switch \(name): \($0)")
            }
            added.element.onShutdown = { [weak self] in _ = self?.killSwitch([name]) }
            switches[name] = added
            return Answer()
        } catch let failure as Failure {
            return Answer(mistake: "switch \(name): \(failure.message)")
        } catch {
            return Answer(mistake: "\(error)")
        }
    }

    /// The commands themselves, or a file that holds them: a single word with a slash is one.
    private static func configuration(_ arguments: [String], _ name: String) throws -> (text: String, file: String) {
        let only = arguments.count == 1 ? arguments[0] : ""
        guard only.contains("/"), !only.contains(where: { $0.isNewline || $0 == " " }) else {
            // Commands in braces are a word; without, one command may follow the name.
            let text = arguments.count == 1 ? arguments[0] : arguments.joined(separator: " ")
            return (text.split(separator: ";").joined(separator: "\n"), "switch \(name)")
        }
        do throws(Errno) {
            return (String(decoding: try FileSystem.contents(only), as: UTF8.self), only)
        } catch {
            throw Failure("\(only): cannot read the configuration: \(error)")
        }
    }

    private func killSwitch(_ arguments: [String]) -> Answer {
        guard arguments.count == 1 else { return Answer(mistake: "killswitch: wants a name") }
        guard let present = switches.removeValue(forKey: arguments[0]) else {
            return Answer(mistake: "killswitch \(arguments[0]): no such switch")
        }
        present.close()
        return Answer()
    }

    func closeAll() {
        for present in switches.values { present.close() }
        switches = [:]
        guests?.closeAll()
    }
}
