// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a command answers: data lines, if it is a command with data, and how it went.
///
/// On the wire: data stands between `0000 DATA END WITH '.'` and a line with a single full stop, also when the command
/// failed; then `1`, three digits of an errno(3), and its text. `1000 Success` is success.
public struct ConsoleAnswer: Sendable, Equatable {
    /// What follows the answer.
    public enum Sequel: Sendable, Equatable {
        /// The next prompt.
        case prompt
        /// The session's end: the answer is `9999 END OF SESSION` and nothing else.
        case endOfSession
        /// The switch's end, and with it the session's.
        case shutdown
    }

    /// Nil: a command without data.
    public var lines: [String]?
    /// Nil: success.
    public var error: Errno?
    public var sequel: Sequel

    public init(lines: [String]? = nil, error: Errno? = nil, sequel: Sequel = .prompt) {
        self.lines = lines
        self.error = error
        self.sequel = sequel
    }

    public static var success: ConsoleAnswer { ConsoleAnswer() }
    public static func failure(_ error: Errno) -> ConsoleAnswer { ConsoleAnswer(error: error) }
    public static func data(_ lines: [String], error: Errno? = nil) -> ConsoleAnswer {
        ConsoleAnswer(lines: lines, error: error)
    }

    /// The last line of the answer, without its line feed.
    public var replyLine: String {
        if sequel != .prompt { return "9999 END OF SESSION" }
        // strerror(0) is "Success".
        let error = error ?? Errno(rawValue: 0)
        return "1\(decimal(Int(error.rawValue), digits: 3)) \(error)"
    }

    /// The answer as it goes over the socket, up to the prompt, which is the session's.
    public func encoded() -> [UInt8] {
        var text: [UInt8] = []
        if let lines, sequel == .prompt {
            text += Array("0000 DATA END WITH '.'\n".utf8)
            for line in lines { text += ConsoleText.harmless(line) + [newline] }
            text += [fullStop, newline]
        }
        text += Array(replyLine.utf8)
        // The original ends a session without a line feed; scripts that wait for the end of the file do not care, and
        // those that compare do.
        if sequel == .prompt { text.append(newline) }
        return text
    }
}

let newline = UInt8(ascii: "\n")
let fullStop = UInt8(ascii: ".")

/// Text on its way to a client.
enum ConsoleText {
    /// A line whose contents cannot be mistaken for framing or do something to a terminal: descriptions come from whoever
    /// attaches. Control characters become question marks, and a lone full stop, which would end the data, gets a blank.
    static func harmless(_ line: String) -> [UInt8] {
        if line == "." { return Array(". ".utf8) }
        let isPlain = line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
        if isPlain { return Array(line.utf8) }
        var text = ""
        for scalar in line.unicodeScalars {
            let isControl = (scalar.value < 0x20 && scalar != "\t") || (0x7f...0x9f).contains(scalar.value)
            text.unicodeScalars.append(isControl ? "?" : scalar)
        }
        return Array(text.utf8)
    }
}

/// A number with at least this many digits, as `%0Nd`.
func decimal(_ number: some BinaryInteger, digits: Int) -> String {
    padded(String(number.magnitude), digits - (number < 0 ? 1 : 0), with: "0", prefix: number < 0 ? "-" : "")
}

/// Text at the right of a column, as `%Ns`.
func alignedRight(_ text: some CustomStringConvertible, _ width: Int) -> String {
    padded(text.description, width, with: " ")
}

/// Text at the left of a column, as `%-Ns`.
func alignedLeft(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
}

private func padded(_ text: String, _ width: Int, with character: Character, prefix: String = "") -> String {
    prefix + String(repeating: character, count: max(0, width - text.utf8.count)) + text
}
