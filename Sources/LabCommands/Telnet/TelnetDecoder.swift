// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Takes the lines out of what a telnet client sends, RFC 854: commands and options are passed over, an end of line is CR LF,
/// CR NUL or LF alone. Memory is bounded: a longer line than `limit` becomes `.tooLong`.
struct TelnetDecoder {
    enum Line: Equatable {
        case text(String)
        case tooLong
    }

    private enum State {
        case text, carriageReturn, command, option, subnegotiation, subnegotiationCommand
    }

    let limit: Int
    private var state = State.text
    private var line: [UInt8] = []
    private var isTooLong = false

    init(limit: Int) { self.limit = limit }

    mutating func receive(_ bytes: some Sequence<UInt8>) -> [Line] {
        var lines: [Line] = []
        for byte in bytes { take(byte, &lines) }
        return lines
    }

    private mutating func take(_ byte: UInt8, _ lines: inout [Line]) {
        switch state {
        case .carriageReturn where byte == 0x0a || byte == 0:
            // The second half of an end of line.
            state = .text
        case .text, .carriageReturn:
            state = .text
            switch byte {
            case Telnet.command: state = .command
            case 0x0d:
                state = .carriageReturn
                finish(&lines)
            case 0x0a: finish(&lines)
            case 0x08, 0x7f: if !line.isEmpty { line.removeLast() }
            case 0..<0x20: break
            default: append(byte)
            }
        case .command:
            switch byte {
            case Telnet.command:
                state = .text
                append(byte)
            case Telnet.will...Telnet.dont: state = .option
            case Telnet.subnegotiation: state = .subnegotiation
            default: state = .text
            }
        case .option: state = .text
        case .subnegotiation: if byte == Telnet.command { state = .subnegotiationCommand }
        case .subnegotiationCommand: state = byte == Telnet.subnegotiationEnd ? .text : .subnegotiation
        }
    }

    private mutating func append(_ byte: UInt8) {
        if line.count < limit { line.append(byte) } else { isTooLong = true }
    }

    private mutating func finish(_ lines: inout [Line]) {
        lines.append(isTooLong ? .tooLong : .text(String(decoding: line, as: UTF8.self)))
        line.removeAll(keepingCapacity: true)
        isTooLong = false
    }
}

/// Codes of RFC 854 and 857.
enum Telnet {
    static let subnegotiationEnd: UInt8 = 240
    static let subnegotiation: UInt8 = 250
    static let will: UInt8 = 251
    static let wont: UInt8 = 252
    static let dont: UInt8 = 254
    static let command: UInt8 = 255
    private static let echo: UInt8 = 1

    /// "I echo", so that the client does not: what follows is not shown. And the opposite.
    static let hide: [UInt8] = [command, will, echo]
    static let show: [UInt8] = [command, wont, echo]

    /// Text of the console as it goes to a client: lines end in CR LF, and a byte 255 is doubled.
    static func encoded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            if byte == 0x0a { result.append(0x0d) }
            if byte == command { result.append(command) }
            result.append(byte)
        }
        return result
    }
}
