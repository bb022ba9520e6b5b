// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A command line that must be refused, with one line that names the thing and what to do.
struct Refusal: Sendable {
    let words: [String]
    let status: Int32
    let mentions: [String]

    /// - Parameters:
    ///   - words: behind the program's name, or with a compatible one in front. `@` stands for the directory of a living
    ///     switch, `%` for the directory where programs make their things.
    ///   - mentions: what the line must contain.
    init(_ words: String, _ status: Int32, _ mentions: String...) {
        self.words = words.split(separator: " ").map(String.init)
        self.status = status
        self.mentions = mentions
    }

    /// Runs it and checks all of it, and that it has left no file.
    func check(_ host: HostNamespace, as user: HostNamespace.User = .runner) throws {
        let isCompatible = ["vde_switch", "slirpvde", "unixterm", "vde_plug2tap"].contains(words[0])
        let program = isCompatible ? [host.compatible(words[0])] : [host.etherloom, words[0]]
        let arguments = words.dropFirst().map {
            $0.replacingOccurrences(of: "@", with: host.path("vde")).replacingOccurrences(of: "%", with: host.path(""))
        }
        try Self.expect(
            host,
            program + arguments,
            status: status,
            mentions: mentions + (isCompatible ? [words[0]] : ["etherloom"]),
            as: user
        )
    }

    static func expect(
        _ host: HostNamespace,
        _ command: [String],
        status: Int32,
        mentions: [String],
        as user: HostNamespace.User = .runner,
        variables: [String] = []
    ) throws {
        let before = try files(host)
        let program = try host.run(command, as: user, variables: variables)
        let said = "\(program.name): \(program.transcript)"
        #expect(program.end == .exited(status), "\(said)")
        #expect(program.output.isEmpty, "\(said)")
        #expect(program.errorLines.count == 1, "\(said)")
        for text in mentions { #expect(program.errorOutput.contains(text), "\"\(text)\" is missing in \(said)") }
        #expect(try files(host) == before, "\(said)")
    }

    /// All files that programs have made, but for the places where stacks register, which are for all.
    private static func files(_ host: HostNamespace) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: host.path("")).sorted().filter {
            !$0.hasSuffix("/etherloom") && !$0.hasSuffix("/etherloom/stacks")
        }
    }
}
