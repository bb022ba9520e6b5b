// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The verbs of `etherloom-lab`, a program beside this one: what they do needs libraries that would make the small program big.
/// Found as git finds its own.
enum LabProgram {
    /// One verb and what the help of this program says of it.
    struct Verb: Sendable {
        let name: String
        let abstract: String
    }

    static let name = "etherloom-lab"
    static let verbs = [
        Verb(name: "master", abstract: "Make, list and remove the root directories that guests share."),
        Verb(name: "validate", abstract: "Check a lab file, and say all that is wrong with it."),
        Verb(name: "web", abstract: "The management console of a switch, ours or another's, as a web page."),
    ]

    /// The list for the help of this program.
    static var help: String {
        let width = (verbs.map(\.name.count).max() ?? 0) + 2
        let lines = verbs.map { verb in
            "  \(verb.name)\(String(repeating: " ", count: width - verb.name.count))\(verb.abstract)"
        }
        return "Run by \(name), which is part of the same installation:\n" + lines.joined(separator: "\n")
    }

    /// The words for that program when the command line is for it: `web …`, `help web`.
    static func words(_ words: [String]) -> [String]? {
        func isVerb(_ word: String?) -> Bool { verbs.contains { $0.name == word } }
        if isVerb(words.first) { return words }
        if words.first == "help", words.count > 1, isVerb(words[1]) { return [words[1], "--help"] }
        return nil
    }

    /// Where it may be: beside this program, as in a build, or where `make install` puts it.
    static func places(besides directory: String) -> [String] {
        let parent = directory.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        return ["\(directory)/\(name)", "\(parent)/lib/etherloom/\(name)"]
    }

    /// Becomes that program; comes back only by throwing.
    static func run(_ words: [String]) throws -> Never {
        let places = CurrentProcess.programDirectory.map { Self.places(besides: $0) } ?? []
        guard let path = places.first(where: { (try? FileStatus(path: $0))?.isRegularFile == true }) else {
            throw Failure(
                "\(words[0]): \(name) is missing; it belongs to \(places.joined(separator: " or "))",
                status: ExitStatus.unsupported
            )
        }
        let error = CurrentProcess.execute(path, arguments: [name] + words)
        throw Failure("\(words[0]): cannot run \(path): \(error)", status: ExitStatus.unsupported)
    }
}
