// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The small machine of `unixcmd`: numbered statements that tell how to talk to a console, from a file such as
/// /etc/vde2/vdecmd.
///
///     TIMEOUT 1000          milliseconds that an IN waits
///     1 IN '$ ' 100         takes bytes until they end so; at the end of the time or of the stream go to 100
///     3 SEND '$*\n'         $* is the command, $1 … $9 its words
///     5 THROW               forgets what was taken
///     7 IF '10' 20          go to 20 when what was taken begins so
///     9 GOTO 100            13 COPY: prints it      20 SKIP 2: forgets so many bytes, or up to a text
///     22 EXITATOI           ends with the number that it begins with; RVATOI keeps that for EXITRV
///     100 EXIT -1
///
/// A number that stands nowhere means the next one. OUTTAG and OUTSHIFT, which are for a library, do nothing here.
struct CommandMachine {
    enum Statement: Equatable {
        case input(String, Int)
        case send(String)
        case forget
        case branch(String, Int)
        case jump(Int)
        case copy
        case skipCount(Int)
        case skipText(String)
        case exit(Int)
        case exitNumber
        case keepNumber
        case exitKept
        case nothing
    }

    /// What is wrong with a file, and where.
    struct ParseError: Error, Equatable, CustomStringConvertible {
        let line: Int
        let message: String
        var description: String { "line \(line): \(message)" }
    }

    /// What the machine talks to.
    protocol Peer {
        /// The next byte; nil when none comes within the time, or none any more.
        mutating func receive(milliseconds: Int) -> UInt8?
        mutating func send(_ bytes: [UInt8]) -> Bool
        mutating func write(_ bytes: [UInt8])
        mutating func trace(_ text: String)
    }

    /// Without anything coming or going in between: a file that only jumps would not end.
    static var maximumIdleSteps: Int { 10_000 }
    static var maximumTakenByteCount: Int { 1 << 20 }

    private(set) var timeoutMilliseconds = 1000
    private(set) var statements: [(number: Int, statement: Statement)] = []

    init(_ text: String) throws(ParseError) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = try Self.words(line, index + 1)
            guard let first = words.first else { continue }
            if first.lowercased() == "timeout" {
                timeoutMilliseconds = try Self.number(words, 1, index + 1)
                continue
            }
            guard let number = Int(first) else {
                throw ParseError(line: index + 1, message: "\"\(first)\": a statement begins with a number")
            }
            statements.append((number, try Self.statement(Array(words.dropFirst()), index + 1)))
        }
        statements.sort { $0.number < $1.number }
    }

    private static func statement(_ words: [String], _ line: Int) throws(ParseError) -> Statement {
        switch words.first?.uppercased() {
        case "IN": return .input(try text(words, line), try number(words, 2, line))
        case "SEND": return .send(try text(words, line))
        case "THROW": return .forget
        case "IF": return .branch(try text(words, line), try number(words, 2, line))
        case "GOTO": return .jump(try number(words, 1, line))
        case "COPY": return .copy
        case "SKIP":
            if words.count > 1, let count = Int(words[1]) { return .skipCount(count) }
            return .skipText(try text(words, line))
        case "EXIT": return .exit(try number(words, 1, line))
        case "EXITATOI": return .exitNumber
        case "RVATOI": return .keepNumber
        case "EXITRV": return .exitKept
        case "OUTTAG", "OUTSHIFT", nil: return .nothing
        case let word?: throw ParseError(line: line, message: "\"\(word)\": no such statement")
        }
    }

    private static func text(_ words: [String], _ line: Int) throws(ParseError) -> String {
        guard words.count > 1 else { throw ParseError(line: line, message: "\(words[0]) wants a text") }
        return words[1]
    }

    private static func number(_ words: [String], _ index: Int, _ line: Int) throws(ParseError) -> Int {
        guard words.count > index, let number = Int(words[index]) else {
            throw ParseError(line: line, message: "\(words[0]) wants a number")
        }
        return number
    }

    /// Words between blanks, or between single quotes with a backslash before a quote, n, r, t and itself.
    private static func words(_ line: Substring, _ number: Int) throws(ParseError) -> [String] {
        var words: [String] = []
        var rest = line
        while let first = rest.first(where: { $0 != " " && $0 != "\t" && $0 != "\r" }) {
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard first == "'" else {
                if first == "#" { break }
                let word = rest.prefix { $0 != " " && $0 != "\t" && $0 != "\r" }
                words.append(String(word))
                rest = rest.dropFirst(word.count)
                continue
            }
            rest.removeFirst()
            var word = ""
            while let character = rest.popFirst(), character != "'" {
                guard character == "\\" else {
                    word.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "n": word.append("\n")
                case "r": word.append("\r")
                case "t": word.append("\t")
                case let other?: word.append(other)
                case nil: throw ParseError(line: number, message: "a text without its closing quote")
                }
            }
            words.append(word)
        }
        return words
    }

    /// Runs to an exit and returns its status; 255 when the statements end without one, or go round for nothing.
    func run(command: [String], _ peer: inout some Peer) -> Int32 {
        var taken: [UInt8] = []
        var kept: Int32 = 0
        var index = 0
        var idleSteps = 0
        while index < statements.count, idleSteps < Self.maximumIdleSteps {
            let (number, statement) = statements[index]
            peer.trace("\(number) \(statement) with \"\(String(decoding: taken, as: UTF8.self))\"\n")
            index += 1
            idleSteps += 1
            switch statement {
            case .input(let ending, let label):
                idleSteps = 0
                let ending = Array(ending.utf8)
                var isFound = false
                while !isFound, taken.count < Self.maximumTakenByteCount,
                    let byte = peer.receive(milliseconds: timeoutMilliseconds)
                {
                    taken.append(byte)
                    isFound = taken.suffix(ending.count).elementsEqual(ending)
                }
                if !isFound { index = position(label) }
            case .send(let text): if !peer.send(Array(Self.expand(text, command).utf8)) { return 255 }
            case .forget: taken.removeAll()
            case .branch(let beginning, let label): if taken.starts(with: beginning.utf8) { index = position(label) }
            case .jump(let label): index = position(label)
            case .copy: peer.write(taken)
            case .skipCount(let count): taken.removeFirst(min(max(0, count), taken.count))
            case .skipText(let text):
                let text = Array(text.utf8)
                let start = (0...taken.count).first { taken[$0...].starts(with: text) } ?? taken.count
                taken.removeFirst(min(start + text.count, taken.count))
            case .exit(let status): return Int32(truncatingIfNeeded: status) & 0xff
            case .exitNumber: return Self.leadingNumber(taken)
            case .keepNumber: kept = Self.leadingNumber(taken)
            case .exitKept: return kept
            case .nothing: break
            }
        }
        return 255
    }

    private func position(_ number: Int) -> Int { statements.firstIndex { $0.number >= number } ?? statements.count }

    private static func leadingNumber(_ bytes: [UInt8]) -> Int32 {
        Int32(truncatingIfNeeded: ConsoleArgument.number(String(decoding: bytes, as: UTF8.self))?.value ?? 0) & 0xff
    }

    private static func expand(_ text: String, _ command: [String]) -> String {
        var result = ""
        var rest = Substring(text)
        while let character = rest.popFirst() {
            guard character == "$", let next = rest.first else {
                result.append(character)
                continue
            }
            if next == "*" {
                result += command.joined(separator: " ")
            } else if let number = next.wholeNumberValue, next.isASCII, number > 0 {
                result += number <= command.count ? command[number - 1] : ""
            } else {
                result.append(character)
                continue
            }
            rest.removeFirst()
        }
        return result
    }
}
