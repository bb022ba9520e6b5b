// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A request or an answer between programs of ours: a list of words, in one message of a SOCK_SEQPACKET socket, with
/// descriptors if need be. What a command line is, as a message.
///
/// Encoding: each word's UTF-8, ended by a NUL byte. No word has a NUL inside, as no argument of a program has.
public struct WordMessage: Sendable, Equatable {
    public var words: [String]

    /// Longest message in bytes.
    public static var maximumByteCount: Int { 128 * 1024 }

    public init(_ words: [String]) { self.words = words }

    /// Nil when the bytes are no list of words: empty, not ended by NUL, or not UTF-8.
    public init?(bytes: [UInt8]) {
        guard bytes.last == 0 else { return nil }
        var words: [String] = []
        for part in bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false) {
            guard let word = String(validating: part, as: UTF8.self) else { return nil }
            words.append(word)
        }
        self.words = words
    }

    /// Throws `invalid` for words with NUL, none at all, or too many.
    public func encoded() throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in words {
            guard !word.utf8.contains(0) else { throw .invalid }
            bytes += Array(word.utf8) + [0]
        }
        guard !bytes.isEmpty, bytes.count <= Self.maximumByteCount else { throw .invalid }
        return bytes
    }

    /// Sends it, with descriptors, which stay the caller's.
    public func send(
        to socket: borrowing OwnedDescriptor,
        descriptors: [Int32] = []
    ) throws(Errno) {
        try UnixSocket.send(try encoded(), descriptors: descriptors, to: socket)
    }
}
