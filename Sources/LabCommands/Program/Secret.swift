// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A token or password that whoever wants in must show.
struct Secret: Sendable {
    private let bytes: [UInt8]

    init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// 128 bits from the kernel, as 32 hexadecimal digits.
    static func random() -> Secret {
        let words = [CurrentProcess.random(), CurrentProcess.random()]
        return Secret(
            words.map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined()
        )
    }

    /// Whether the other text is the same. The time it takes depends on the other text's length only.
    func matches(_ other: some StringProtocol) -> Bool {
        var difference: UInt8 = bytes.count == other.utf8.count ? 0 : 1
        for (index, byte) in other.utf8.enumerated() {
            difference |= byte ^ (bytes.isEmpty ? 0xff : bytes[index % bytes.count])
        }
        return difference == 0
    }

    /// What a secret in a file must be.
    struct Rule: Sendable {
        let option: String
        let shortest: Int
        /// A token goes into a URL.
        let isForURL: Bool

        static let token = Rule(option: "--token-file", shortest: 16, isForURL: true)
        static let password = Rule(option: "--password-file", shortest: 8, isForURL: false)
    }

    static let longest = 128

    /// The first line of a file that nobody but its owner can read.
    init(file path: String, _ rule: Rule) throws(Failure) {
        let contents: [UInt8]
        let status: FileStatus
        do {
            status = try FileStatus(path: path)
            contents = try FileSystem.contents(path, limit: 4096)
        } catch {
            throw Failure("\(rule.option) \(path): cannot read it: \(error)")
        }
        guard status.isRegularFile else { throw Failure("\(rule.option) \(path): not a regular file") }
        guard status.mode & 0o077 == 0 else {
            throw Failure("\(rule.option) \(path): others can read or change it; run: chmod 600 \(path)")
        }
        let line = String(decoding: contents.prefix { $0 != 0x0a && $0 != 0x0d }, as: UTF8.self)
        guard (rule.shortest...Self.longest).contains(line.utf8.count) else {
            throw Failure(
                "\(rule.option) \(path): the first line has to have \(rule.shortest) to \(Self.longest) bytes"
            )
        }
        guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw Failure("\(rule.option) \(path): a control character is in its first line")
        }
        if rule.isForURL, !line.utf8.allSatisfy({ byte in byte < 0x80 && Self.isUnreserved(byte) }) {
            throw Failure("\(rule.option) \(path): a token consists of letters, digits and - . _ ~")
        }
        self.init(line)
    }

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        let character = Character(UnicodeScalar(byte))
        return character.isLetter || character.isNumber || "-._~".contains(character)
    }
}
