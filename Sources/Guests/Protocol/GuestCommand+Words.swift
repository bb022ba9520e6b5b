// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension GuestCommand {
    /// The words of `exec` after the guest's name: `[tty=COLSxROWS] [user=…] [directory=…] [environment=A=B]… -- ARGV…`.
    public var requestWords: [String] {
        var list = PlanWords()
        if usesTerminal { list.add("tty", "\(columns)x\(rows)") }
        list.add("user", user)
        list.add("directory", directory)
        list.add("environment", each: environment)
        return list.words + ["--"] + words
    }

    public init(requestWords: [String]) throws(GuestError) {
        guard let end = requestWords.firstIndex(of: "--"), end + 1 < requestWords.count else {
            throw GuestError("exec: no command; it follows \"--\"", status: 2)
        }
        self.init(Array(requestWords[(end + 1)...]))
        for word in requestWords[..<end] {
            switch PlanWords.parts(word) {
            case ("tty", let size?):
                guard let size = TerminalSize(size) else {
                    throw GuestError("\(word): a terminal's size is COLUMNSxROWS", status: 2)
                }
                usesTerminal = true
                (columns, rows) = (size.columns, size.rows)
            case ("user", let name?): user = name
            case ("directory", let path?): directory = path
            case ("environment", let variable?): environment.append(variable)
            default: throw GuestError("exec: \"\(word)\" is not understood", status: 2)
            }
        }
    }
}

/// Columns and rows, written `80x24`.
public struct TerminalSize: Equatable, Sendable, CustomStringConvertible {
    public var columns, rows: Int

    public init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    public init?(_ text: String) {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false)
        guard parts.count == 2, let columns = Int(parts[0]), let rows = Int(parts[1]),
            (1...65535).contains(columns), (1...65535).contains(rows)
        else { return nil }
        self.init(columns: columns, rows: rows)
    }

    public var description: String { "\(columns)x\(rows)" }
}
