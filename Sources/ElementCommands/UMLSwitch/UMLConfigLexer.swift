// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One command of a configuration text: its words, and where it stands.
struct UMLCommandLine: Sendable, Equatable {
    var words: [String]
    var line: Int
}

/// Why a configuration text is wrong: `FILE:LINE: …`.
public struct UMLConfigError: Error, Sendable, Equatable, CustomStringConvertible {
    public let file: String
    public let line: Int
    public let message: String
    public var description: String { "\(file):\(line): \(message)" }
}

/// Splits the text of uml_switch2's and umls3's commands: one command a line, words separated by blanks; `#` begins a
/// comment; single and double quotes keep blanks; a backslash takes the next character as it is, and joins lines at a line's
/// end; braces keep everything between them, lines included, as one word. In a text that comes on a command line a ";" that is
/// not quoted ends a line as well.
enum UMLConfigLexer {
    static func split(_ text: String, file: String, hasSemicolons: Bool = false) throws(UMLConfigError)
        -> [UMLCommandLine]
    {
        var commands: [UMLCommandLine] = []
        var words: [String] = []
        var word: String?
        var line = 1
        var begin = 1
        var quote: (mark: Character, line: Int)?
        var braces: [Int] = []
        var isEscaped = false
        var isComment = false

        func endWord() {
            if let complete = word { words.append(complete) }
            word = nil
        }
        func endCommand() {
            endWord()
            if !words.isEmpty { commands.append(UMLCommandLine(words: words, line: begin)) }
            words = []
        }
        for character in text {
            let isPlain = quote == nil && !isEscaped && !isComment && braces.isEmpty
            let isNewline = character.isNewline || hasSemicolons && isPlain && character == ";"
            defer { if isNewline { line += 1 } }
            if words.isEmpty, word == nil { begin = line }
            if isComment {
                guard isNewline else { continue }
                isComment = false
            }
            if isEscaped {
                isEscaped = false
                // A joined line is one blank; inside of braces the text stays as it is for its own reader.
                if !braces.isEmpty {
                    word = (word ?? "") + "\\" + String(character)
                } else if isNewline {
                    endWord()
                } else {
                    word = (word ?? "") + String(character)
                }
            } else if character == "\\", quote?.mark != "'" {
                isEscaped = true
            } else if let open = quote {
                let isEnd = character == open.mark
                if isEnd { quote = nil }
                if !isEnd || !braces.isEmpty { word = (word ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = (character, line)
                word = (word ?? "") + (braces.isEmpty ? "" : String(character))
            } else if character == "{" {
                if !braces.isEmpty || word != nil { word = (word ?? "") + "{" } else { word = "" }
                braces.append(line)
            } else if character == "}" {
                guard braces.popLast() != nil else {
                    throw UMLConfigError(file: file, line: line, message: "\"}\" without \"{\"")
                }
                if braces.isEmpty { endWord() } else { word = (word ?? "") + "}" }
            } else if !braces.isEmpty {
                word = (word ?? "") + String(character)
            } else if character == "#", word == nil {
                isComment = true
            } else if isNewline {
                endCommand()
            } else if character == " " || character == "\t" {
                endWord()
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let quote {
            throw UMLConfigError(file: file, line: quote.line, message: "a quote (\(quote.mark)) is not closed")
        }
        if let open = braces.first {
            throw UMLConfigError(file: file, line: open, message: "\"{\" without \"}\"")
        }
        if isEscaped { word = (word ?? "") + "\\" }
        endCommand()
        return commands
    }
}
