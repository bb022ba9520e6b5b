// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Understands what a console sends: bytes in any pieces become events.
///
/// Knows the consoles of Etherloom, `vde_switch` and `wirefilter`, which differ in greeting and prompt. A prompt is an
/// unfinished line outside the data that ends in `$ `.
struct TerminalTranscript {
    enum Event: Equatable {
        /// A line of a command's data.
        case data(String)
        /// `1000 Success` and the failures.
        case reply(code: Int, line: String)
        /// `3021 port/+ 15`, which came by itself.
        case event(String)
        /// `9999 END OF SESSION`.
        case end
        /// A line outside the data: greeting, or the echo of a loaded file.
        case other(String)
        /// The console waits for the next command.
        case prompt
    }

    /// Longest line kept; the rest of a longer one is passed over.
    private static var maximumLineByteCount: Int { 1 << 16 }
    private static var maximumPromptByteCount: Int { 64 }

    private var line: [UInt8] = []
    private var isInData = false

    /// The events that these bytes complete.
    mutating func receive(_ bytes: some Collection<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            if byte == newline {
                finishLine(&events)
            } else if line.count < Self.maximumLineByteCount {
                line.append(byte)
            }
        }
        // Only at the end of what came: a prompt is followed by nothing until something happens.
        if let prompt = promptLength, prompt == line.count {
            events.append(.prompt)
            line.removeAll()
        }
        return events
    }

    /// The stream has ended: the last line may lack its line feed, as `9999 END OF SESSION` does.
    mutating func finish() -> [Event] {
        var events: [Event] = []
        if !line.isEmpty { finishLine(&events) }
        return events
    }

    /// The bytes of a prompt at the beginning of the line.
    private var promptLength: Int? {
        guard !isInData, let dollar = line.prefix(Self.maximumPromptByteCount).firstIndex(of: UInt8(ascii: "$")),
            dollar + 1 < line.count, line[dollar + 1] == UInt8(ascii: " "),
            !line[..<dollar].contains(UInt8(ascii: " "))
        else { return nil }
        return dollar + 2
    }

    private mutating func finishLine(_ events: inout [Event]) {
        // An event, or an answer that came together with the prompt before it.
        if let prompt = promptLength {
            events.append(.prompt)
            line.removeFirst(prompt)
        }
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll()
        if isInData {
            if text == "." { isInData = false } else { events.append(.data(text)) }
        } else if text.hasPrefix("0000 DATA END WITH") {
            isInData = true
        } else if let code = Self.code(text) {
            switch code {
            case 1000...1999: events.append(.reply(code: code, line: text))
            case 3000...3999: events.append(.event(text))
            case 9999: events.append(.end)
            default: events.append(.other(text))
            }
        } else if !text.isEmpty {
            events.append(.other(text))
        }
    }

    /// The four digits that begin a line of the protocol.
    private static func code(_ text: String) -> Int? {
        let digits = text.utf8.prefix(4)
        guard digits.count == 4, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            text.utf8.dropFirst(4).first ?? 0x20 == 0x20
        else { return nil }
        return Int(Substring(digits))
    }
}
