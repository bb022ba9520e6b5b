// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Cuts what a client sends into lines of at most `limit` bytes, with constant memory.
public struct ConsoleLineReader: Sendable {
    public enum Line: Sendable, Equatable {
        case text(String)
        /// Longer than the limit; none of it is kept.
        case tooLong
    }

    /// The original reads 128 bytes at a time, so no line that it understands as one is longer. It runs the rest of a
    /// longer line as another command; we refuse the line.
    public static var maximumByteCount: Int { 128 }

    private let limit: Int
    private var bytes: [UInt8] = []
    private var start = 0
    private var isDiscarding = false

    public init(limit: Int = Self.maximumByteCount) { self.limit = limit }

    public mutating func append(_ more: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    /// Something was received that no line feed ended yet.
    public var hasUnfinishedLine: Bool { start < bytes.count || isDiscarding }

    /// What stands unfinished now, for a guess at whether it is complete.
    var unfinishedText: String { isDiscarding ? "" : Self.text(bytes[start...]) }

    /// The next complete line.
    public mutating func next() -> Line? {
        guard let end = bytes[start...].firstIndex(of: newline) else {
            if bytes.count - start > limit {
                bytes.removeAll(keepingCapacity: true)
                start = 0
                isDiscarding = true
            } else if isDiscarding {
                bytes.removeAll(keepingCapacity: true)
                start = 0
            }
            return nil
        }
        defer { start = end + 1 }
        return finish(bytes[start..<end])
    }

    /// The unfinished line, taken as complete: at the end of the stream, or when the client means it so.
    public mutating func takeUnfinished() -> Line? {
        guard hasUnfinishedLine else { return nil }
        defer {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        }
        return finish(bytes[start...])
    }

    private mutating func finish(_ line: ArraySlice<UInt8>) -> Line {
        defer { isDiscarding = false }
        return isDiscarding || line.count > limit ? .tooLong : .text(Self.text(line))
    }

    /// A NUL ends the text, as it does in the original; a carriage return before the line feed is a terminal's.
    private static func text(_ line: ArraySlice<UInt8>) -> String {
        var line = line.prefix { $0 != 0 }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }
}
