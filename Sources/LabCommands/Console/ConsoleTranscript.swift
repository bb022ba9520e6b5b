// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One thing that a console says.
struct ConsoleItem: Equatable, Sendable {
    enum Kind: String, Sendable {
        /// A line of a command's data.
        case data
        /// `1000 Success`, and what went wrong.
        case success, failure
        /// `3021 port/+ 15`, which came by itself.
        case event
        /// The console waits for the next command.
        case prompt
        /// `9999 END OF SESSION`.
        case end
        /// Any other line: the greeting, the echo of a loaded file.
        case text
    }

    let kind: Kind
    let text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}

/// Understands what a console sends, in pieces of any size: Etherloom's, `vde_switch`'s and `wirefilter`'s, which differ in
/// greeting and prompt. A prompt is an unfinished line outside of data that ends in `$ `.
struct ConsoleTranscript {
    /// Longest line kept; the rest of a longer one is passed over.
    private static let longestLine = 1 << 14
    private static let longestPrompt = 64

    private var line: [UInt8] = []
    private var isInData = false

    mutating func receive(_ bytes: some Sequence<UInt8>) -> [ConsoleItem] {
        var items: [ConsoleItem] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                finishLine(&items)
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
        }
        // Only at the end of what came: nothing follows a prompt until something happens.
        if let length = promptLength, length == line.count { takePrompt(length, &items) }
        return items
    }

    /// The stream has ended: its last line may lack the line feed, as `9999 END OF SESSION` does.
    mutating func finish() -> [ConsoleItem] {
        var items: [ConsoleItem] = []
        if !line.isEmpty { finishLine(&items) }
        return items
    }

    private mutating func takePrompt(_ length: Int, _ items: inout [ConsoleItem]) {
        items.append(ConsoleItem(.prompt, String(decoding: line.prefix(length), as: UTF8.self)))
        line.removeFirst(length)
    }

    /// The bytes of a prompt at the beginning of the line.
    private var promptLength: Int? {
        guard !isInData, let dollar = line.prefix(Self.longestPrompt).firstIndex(of: UInt8(ascii: "$")),
            dollar + 1 < line.count, line[dollar + 1] == UInt8(ascii: " "),
            !line[..<dollar].contains(UInt8(ascii: " "))
        else { return nil }
        return dollar + 2
    }

    private mutating func finishLine(_ items: inout [ConsoleItem]) {
        // An event, or an answer that came together with the prompt before it.
        if let length = promptLength { takePrompt(length, &items) }
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        if isInData {
            if text == "." { isInData = false } else { items.append(ConsoleItem(.data, text)) }
        } else if text.hasPrefix("0000 DATA END WITH") {
            isInData = true
        } else if !text.isEmpty {
            items.append(ConsoleItem(Self.kind(text), text))
        }
    }

    private static func kind(_ text: String) -> ConsoleItem.Kind {
        let digits = text.utf8.prefix(4)
        guard digits.count == 4, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            text.utf8.dropFirst(4).first ?? 0x20 == 0x20, let code = Int(Substring(digits))
        else { return .text }
        return switch code {
        case 1000: .success
        case 1001...1999: .failure
        case 3000...3999: .event
        case 9999: .end
        default: .text
        }
    }
}
