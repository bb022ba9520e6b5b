// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// One entry of the console's table: a command, or the heading of a menu.
public struct ConsoleCommand {
    /// What runs, by the kind of argument. Whatever follows the argument is passed over, as in vde_switch.
    public enum Action {
        case plain((ConsoleCall) throws -> ConsoleAnswer)
        /// The rest of the line; empty when there is none.
        case text((ConsoleCall, String) throws -> ConsoleAnswer)
        /// A number as atoi(3) reads it: 0 when there is none.
        case number((ConsoleCall, Int) throws -> ConsoleAnswer)
        /// So many numbers, all demanded: EINVAL when one is missing.
        case numbers(Int, (ConsoleCall, [Int]) throws -> ConsoleAnswer)
        /// A number or nothing. Text that is no number counts as 0, as atoi(3) reads it.
        case optionalNumber((ConsoleCall, Int?) throws -> ConsoleAnswer)
        /// A number and then text, both demanded: EINVAL without.
        case numberAndText((ConsoleCall, Int, String) throws -> ConsoleAnswer)
    }

    /// The registered path: `port/print`. Typed text selects the command whose path it begins with.
    public let path: String
    /// The argument as `help` shows it: `[N]`, `VLAN PORT`.
    public let syntax: String
    public let help: String
    /// Nil: a menu's heading, which `help` lists and nobody can run.
    public let action: Action?

    public init(_ path: String, _ syntax: String, _ help: String, _ action: Action) {
        self.path = path
        self.syntax = syntax
        self.help = help
        self.action = action
    }

    private init(menu path: String, _ title: String) {
        self.path = path
        syntax = "============"
        help = title
        action = nil
    }

    /// The heading of a menu.
    public static func menu(_ path: String, _ title: String) -> ConsoleCommand { ConsoleCommand(menu: path, title) }

    /// Reads the argument and runs the command. An `Errno` that it throws is its answer.
    func run(_ call: ConsoleCall, _ argument: String) -> ConsoleAnswer {
        do {
            return try perform(call, argument)
        } catch let error as Errno {
            return .failure(error)
        } catch {
            return .failure(.invalid)
        }
    }

    private func perform(_ call: ConsoleCall, _ argument: String) throws -> ConsoleAnswer {
        switch action {
        case nil: return .failure(.notImplemented)
        case .plain(let run): return try run(call)
        case .text(let run): return try run(call, argument)
        case .number(let run): return try run(call, ConsoleArgument.number(argument)?.value ?? 0)
        case .numbers(let count, let run):
            guard let numbers = ConsoleNumbers.read(argument, count) else { return .failure(.invalid) }
            return try run(call, numbers)
        case .optionalNumber(let run):
            return try run(call, argument.isEmpty ? nil : ConsoleArgument.number(argument)?.value ?? 0)
        case .numberAndText(let run):
            // What is stuck to the number is passed over.
            guard let number = ConsoleNumbers.read(argument, 1)?.first else { return .failure(.invalid) }
            let rest = argument.drop(while: ConsoleArgument.isBlank).drop { !ConsoleArgument.isBlank($0) }
            let text = rest.drop(while: ConsoleArgument.isBlank)
            return text.isEmpty ? .failure(.invalid) : try run(call, number, String(text))
        }
    }
}

/// Who gave a command, and where.
public struct ConsoleCall {
    public let console: Console
    /// The session that gave it; nil when a file is run at the start of the program.
    public let session: (any ConsoleCaller)?
    /// The files being run now, outermost first.
    var script: ConsoleScript?

    public init(console: Console, session: (any ConsoleCaller)? = nil) {
        self.console = console
        self.session = session
    }
}

/// What commands see of a session.
public protocol ConsoleCaller: AnyObject {
    /// Paths of the event categories that the session wants to hear of.
    var subscriptions: Set<String> { get set }
}

/// Reading arguments as the original does.
enum ConsoleArgument {
    /// A leading decimal number and what follows it, blanks skipped; nil when there is no digit. Numbers too large for an
    /// `Int32` become its bounds.
    static func number(_ text: String) -> (value: Int, rest: String)? {
        var rest = Substring(text).drop(while: isBlank)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        var value = 0
        var isNumber = false
        while let digit = rest.utf8.first, (0x30...0x39).contains(digit) {
            value = min(value * 10 + Int(digit - 0x30), Int(Int32.max))
            isNumber = true
            rest.removeFirst()
        }
        guard isNumber else { return nil }
        return (isNegative ? -value : value, String(rest.drop(while: isBlank)))
    }

    static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
}
