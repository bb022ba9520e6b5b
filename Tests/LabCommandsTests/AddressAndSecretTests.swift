// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import LabCommands

@Suite("Where to listen, and secrets")
struct AddressAndSecretTests {
    @Test(
        "an address to listen on",
        arguments: [
            ("8080", "127.0.0.1", 8080, true), ("localhost:1", "127.0.0.1", 1, true),
            ("127.9.9.9:0", "127.9.9.9", 0, true), ("[::1]:65535", "::1", 65535, true),
            ("0.0.0.0:80", "0.0.0.0", 80, false), ("[::]:80", "::", 80, false),
            ("192.0.2.1:80", "192.0.2.1", 80, false),
            ("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, false),
        ]
    )
    func good(text: String, host: String, port: Int, isLoopback: Bool) throws {
        let address = try ListenAddress(text, option: "--listen")
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.isLoopback == isLoopback)
        if isLoopback {
            try address.requireConsent(false, option: "--listen")
        } else {
            #expect(throws: Failure.self) { try address.requireConsent(false, option: "--listen") }
            try address.requireConsent(true, option: "--listen")
        }
    }

    @Test(
        "no address to listen on",
        arguments: [
            "", ":", ":80", "x", "-1", "65536", "+80", "8 0", "١", "127.0.0.1:", "::1", "::1:80", "[::1]", "[::1:80",
            "[127.0.0.1]:80", "example.org:80", "1.2.3:80", "256.0.0.1:80", "[fe80::1%lo]:80", "127.0.0.1:80:90",
        ]
    )
    func bad(text: String) {
        let failure = #expect(throws: Failure.self) { try ListenAddress(text, option: "--listen") }
        #expect(failure?.status == 2)
        #expect(failure?.message.hasPrefix("--listen \(text): ") == true)
        #expect(failure?.message.contains("\n") == false)
    }

    @Test("a URL's authority")
    func authority() throws {
        let address = try ListenAddress("[::1]:5", option: "")
        #expect(address.authority(port: 7) == "[::1]:7")
        #expect(ListenAddress.local.authority(port: 7) == "127.0.0.1:7")
    }

    @Test("a secret equals itself only")
    func matching() {
        let secret = Secret("correct horse")
        #expect(secret.matches("correct horse"))
        for other in [
            "", "c", "correct hors", "correct horsE", "correct horse ", "correct horsecorrect horse", "Correct horse",
        ] {
            #expect(!secret.matches(other), "\(other)")
        }
        #expect(!Secret("").matches("x"))
    }

    @Test("random tokens have 128 bits and differ")
    func random() {
        let tokens = (0..<100).map { _ in Secret.random().text }
        #expect(tokens.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
        #expect(Set(tokens).count == 100)
    }

    /// A file with these bytes and this mode, for the time of the body.
    private func withFile(_ text: String, mode: Int = 0o600, _ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "etherloom-secret-\(UUID().uuidString)"
        #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        try body(path)
    }

    @Test("a secret from a file", arguments: ["0123456789abcdef\n", "0123456789abcdef", "0123456789abcdef\r\nmore\n"])
    func file(contents: String) throws {
        try withFile(contents) { path in
            let secret = try Secret(file: path, .token)
            #expect(secret.matches("0123456789abcdef"))
        }
    }

    @Test(
        "a file that holds no good secret",
        arguments: ["", "\n0123456789abcdef", "short\n", "0123456789abcde\u{1}f", String(repeating: "x", count: 129)]
    )
    func badFile(contents: String) throws {
        try withFile(contents) { path in
            for rule in [Secret.Rule.token, .password] {
                #expect(throws: Failure.self) { try Secret(file: path, rule) }
            }
        }
    }

    @Test("a token goes into a URL, a password does not")
    func urlCharacters() throws {
        for text in ["0123456789abcde&", "0123456789 abcdef", "0123456789abcdé12"] {
            try withFile(text) { path in
                #expect(throws: Failure.self) { try Secret(file: path, .token) }
                let password = try Secret(file: path, .password)
                #expect(password.matches(text))
            }
        }
    }

    @Test("a file that others can read or change is refused", arguments: [0o604, 0o640, 0o602, 0o666])
    func openFile(mode: Int) throws {
        try withFile("0123456789abcdef", mode: mode) { path in
            let failure = #expect(throws: Failure.self) { try Secret(file: path, .token) }
            #expect(failure?.message.contains("chmod 600") == true)
        }
    }

    @Test("no file, and no regular one", arguments: ["/nonexistent", "/dev/null", "/"])
    func noFile(path: String) {
        #expect(throws: Failure.self) { try Secret(file: path, .token) }
    }
}
