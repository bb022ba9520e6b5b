// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a keeper or a fabric answered to a request.
public struct KeeperAnswer: Sendable {
    /// The words after `ok`.
    public var words: [String]
    public var descriptors: [SharedDescriptor]

    public init(_ words: [String] = [], descriptors: [SharedDescriptor] = []) {
        self.words = words
        self.descriptors = descriptors
    }

    /// The value of the word `key=…`.
    public func value(_ key: String) -> String? {
        for word in words where word.hasPrefix(key + "=") { return String(word.dropFirst(key.utf8.count + 1)) }
        return nil
    }

    /// Reads `ok …` and `error STATUS MESSAGE`; nil for words that are neither.
    public static func parse(
        _ words: [String],
        descriptors: [SharedDescriptor] = []
    ) -> Result<KeeperAnswer, GuestError>? {
        switch words.first {
        case "ok": return .success(KeeperAnswer(Array(words.dropFirst()), descriptors: descriptors))
        case "error":
            let status = words.count > 1 ? Int32(words[1]) : nil
            let message = words.dropFirst(2).joined(separator: " ")
            return .failure(GuestError(message.isEmpty ? "it failed" : message, status: status ?? 1))
        default: return nil
        }
    }
}

extension GuestError {
    /// As an answer: `error STATUS MESSAGE`.
    public var words: [String] { ["error", String(status), message.withoutControls] }
}
