// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Messages of UML's management console, mconsole, version 2: datagrams of numbers in the host's byte order.
///
/// A request has a magic number, the version, a length and 512 bytes; an answer an error flag, a flag that more follows, a
/// length and 512 bytes; a notice a magic number, the version, its kind, a length and 512 bytes.
enum MconsoleMessage {
    static let magic: UInt32 = 0xcafe_babe
    static let version: UInt32 = 2
    /// The last of them is a NUL.
    static let dataByteCount = 512

    /// A request; nil for a line that is too long.
    static func request(_ line: String) -> [UInt8]? {
        let text = Array(line.utf8)
        guard text.count < dataByteCount, !text.contains(0) else { return nil }
        return number(magic) + number(version) + number(UInt32(text.count)) + text
            + [UInt8](repeating: 0, count: dataByteCount - text.count)
    }

    /// A part of an answer.
    struct Answer: Equatable {
        var isError: Bool
        var hasMore: Bool
        var text: String
    }

    /// What a kernel tells by itself.
    enum Notice: Equatable {
        /// mconsole is there, at this path.
        case socket(String)
        case panic(String)
        case hang
        case user(String)
    }

    enum Message: Equatable {
        case answer(Answer)
        case notice(Notice)
    }

    /// Nil when the bytes are neither.
    static func parse(_ bytes: [UInt8]) -> Message? {
        guard let first = value(bytes, 0), let second = value(bytes, 4), let third = value(bytes, 8) else { return nil }
        if first == magic {
            guard second == version, let length = value(bytes, 12) else { return nil }
            let text = text(bytes, from: 16, length: length)
            switch third {
            case 0: return .notice(.socket(text))
            case 1: return .notice(.panic(text))
            case 2: return .notice(.hang)
            case 3: return .notice(.user(text))
            default: return nil
            }
        }
        return .answer(Answer(isError: first != 0, hasMore: second != 0, text: text(bytes, from: 12, length: third)))
    }

    private static func text(_ bytes: [UInt8], from start: Int, length: UInt32) -> String {
        let data = bytes.dropFirst(start).prefix(Int(min(length, UInt32(dataByteCount)))).prefix { $0 != 0 }
        return String(decoding: data, as: UTF8.self)
    }

    private static func number(_ value: UInt32) -> [UInt8] {
        // Little endian, as every port of Swift to Linux.
        (0..<4).map { UInt8(value >> (8 * UInt32($0)) & 0xff) }
    }

    private static func value(_ bytes: [UInt8], _ offset: Int) -> UInt32? {
        guard offset + 4 <= bytes.count else { return nil }
        return bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
