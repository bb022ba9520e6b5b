// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A line that somebody types: keys in, what they mean out. Knows the keys of the usual shells, and no terminal.
public struct LineEditor {
    public enum Action: Equatable, Sendable {
        /// A line is finished.
        case submit(String)
        /// The text before the cursor is to be completed.
        case complete
        /// The end of input on an empty line.
        case end
        /// Ctrl-C on an empty line.
        case interrupt
        /// The screen is to be cleared.
        case clear
    }

    /// The console takes no more in one line.
    static var maximumCount: Int { ConsoleLineReader.maximumByteCount }
    public static var historyCount: Int { 500 }

    public private(set) var text: [Character] = []
    /// Characters before the cursor.
    public private(set) var cursor = 0
    public private(set) var history: [String] = []
    /// Which line of the history is shown; `history.count` for the one being typed.
    private var position = 0
    /// What was being typed before the history was looked at.
    private var draft: [Character] = []
    /// What was cut last.
    private var cut: [Character] = []
    /// An unfinished key sequence, or character of several bytes.
    private var pending: [UInt8] = []
    private var wasReturn = false

    /// - Parameter history: lines typed before, the last one last.
    public init(history: [String] = []) {
        self.history = history.suffix(Self.historyCount)
        position = self.history.count
    }

    /// What these bytes mean, key by key.
    public mutating func take(_ bytes: some Collection<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            pending.append(byte)
            if let key = takeKey() { actions += perform(key) }
        }
        return actions
    }

    /// Puts a text at the cursor.
    public mutating func insert(_ more: String) {
        for character in more where text.count < Self.maximumCount {
            text.insert(character, at: cursor)
            cursor += 1
        }
    }

    public var textBeforeCursor: String { String(text[..<cursor]) }

    // MARK: Keys

    private enum Key {
        case character(Character)
        case control(UInt8)
        case up, down, left, right, home, end, delete, wordLeft, wordRight
        case unknown
    }

    private mutating func takeKey() -> Key? {
        guard let first = pending.first else { return nil }
        if first == 0x1b { return takeSequence() }
        if first < 0x20 || first == 0x7f {
            pending.removeAll()
            return .control(first)
        }
        let wanted = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
        guard pending.count >= wanted else { return nil }
        defer { pending.removeAll() }
        return String(validating: pending, as: UTF8.self)?.first.map { .character($0) } ?? .unknown
    }

    /// ESC [ … letter, ESC O letter, ESC letter: ECMA-48 and what terminals send for their keys.
    private mutating func takeSequence() -> Key? {
        guard pending.count >= 2 else { return nil }
        guard pending[1] == UInt8(ascii: "[") || pending[1] == UInt8(ascii: "O") else {
            defer { pending.removeAll() }
            return pending[1] == UInt8(ascii: "b") ? .wordLeft : pending[1] == UInt8(ascii: "f") ? .wordRight : .unknown
        }
        guard let last = pending.last, pending.count >= 3, (0x40...0x7e).contains(last) || pending.count > 16 else {
            return nil
        }
        let parameters = String(decoding: pending[2..<(pending.count - 1)], as: UTF8.self)
        pending.removeAll()
        switch (last, parameters) {
        case (UInt8(ascii: "A"), _): return .up
        case (UInt8(ascii: "B"), _): return .down
        case (UInt8(ascii: "C"), "1;5"): return .wordRight
        case (UInt8(ascii: "D"), "1;5"): return .wordLeft
        case (UInt8(ascii: "C"), _): return .right
        case (UInt8(ascii: "D"), _): return .left
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): return .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): return .end
        case (UInt8(ascii: "~"), "3"): return .delete
        default: return .unknown
        }
    }

    private mutating func perform(_ key: Key) -> [Action] {
        var isReturn = false
        defer { wasReturn = isReturn }
        switch key {
        case .character(let character): insert(String(character))
        case .up: recall(position - 1)
        case .down: recall(position + 1)
        case .left: cursor = max(0, cursor - 1)
        case .right: cursor = min(text.count, cursor + 1)
        case .home: cursor = 0
        case .end: cursor = text.count
        case .delete: if cursor < text.count { text.remove(at: cursor) }
        case .wordLeft: cursor = wordStart
        case .wordRight: cursor = wordEnd
        case .unknown: break
        case .control(let code):
            isReturn = code == 0x0d
            // CR and LF together are one end of line.
            if code == 0x0a && wasReturn { return [] }
            return perform(control: code)
        }
        return []
    }

    private mutating func perform(control code: UInt8) -> [Action] {
        switch code {
        case 0x0a, 0x0d: return [.submit(finish())]
        case 0x09: return [.complete]
        case 0x01: cursor = 0
        case 0x05: cursor = text.count
        case 0x02: cursor = max(0, cursor - 1)
        case 0x06: cursor = min(text.count, cursor + 1)
        case 0x08, 0x7f:
            if cursor > 0 {
                cursor -= 1
                text.remove(at: cursor)
            }
        case 0x03:
            if text.isEmpty { return [.interrupt] }
            replace([])
        case 0x04:
            if text.isEmpty { return [.end] }
            if cursor < text.count { text.remove(at: cursor) }
        case 0x0b: remove(cursor..<text.count)
        case 0x15: remove(0..<cursor)
        case 0x17: remove(wordStart..<cursor)
        case 0x19: insert(String(cut))
        case 0x0c: return [.clear]
        case 0x10: recall(position - 1)
        case 0x0e: recall(position + 1)
        default: break
        }
        return []
    }

    // MARK: Text

    private var wordStart: Int {
        var index = cursor
        while index > 0, text[index - 1] == " " { index -= 1 }
        while index > 0, text[index - 1] != " " { index -= 1 }
        return index
    }

    private var wordEnd: Int {
        var index = cursor
        while index < text.count, text[index] == " " { index += 1 }
        while index < text.count, text[index] != " " { index += 1 }
        return index
    }

    private mutating func remove(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        cut = Array(text[range])
        text.removeSubrange(range)
        cursor = range.lowerBound
    }

    private mutating func replace(_ new: [Character]) {
        text = new
        cursor = new.count
    }

    private mutating func recall(_ wanted: Int) {
        guard (0...history.count).contains(wanted), wanted != position else { return }
        if position == history.count { draft = text }
        position = wanted
        replace(wanted == history.count ? draft : Array(history[wanted]))
    }

    private mutating func finish() -> String {
        let line = String(text)
        if !line.allSatisfy({ $0 == " " }), history.last != line {
            history.append(line)
            if history.count > Self.historyCount { history.removeFirst() }
        }
        replace([])
        position = history.count
        draft = []
        return line
    }
}
