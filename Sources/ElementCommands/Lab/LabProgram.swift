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
        Verb(name: "up", abstract: "Bring a lab up, or make a running one what its file says now."),
        Verb(name: "down", abstract: "Stop a lab's guests, and end it."),
        Verb(name: "ps", abstract: "Show the guests of a lab, or all labs that run."),
        Verb(name: "inspect", abstract: "Show all that is known of a lab, a guest, an interface or a segment."),
        Verb(name: "validate", abstract: "Check a lab file, and say all that is wrong with it."),
        Verb(name: "guest", abstract: "Start, stop, pause, create and delete guests, and wait for them."),
        Verb(name: "segment", abstract: "Add, change, remove and list the networks of a running lab."),
        Verb(name: "link", abstract: "Plug, unplug, move, cut and impair the cables of a running lab."),
        Verb(name: "interface", abstract: "Add, remove and list interfaces of guests, while they run."),
        Verb(name: "network", abstract: "Show and set addresses and routes of a running guest."),
        Verb(name: "exec", abstract: "Run a command in guests, with its input, output and exit status."),
        Verb(name: "shell", abstract: "A login shell in a guest."),
        Verb(name: "cp", abstract: "Copy files and directories between the host and a running guest."),
        Verb(name: "console", abstract: "A guest's console on this terminal."),
        Verb(name: "logs", abstract: "Show what a guest wrote to its console, or the lab's own log."),
        Verb(name: "forward", abstract: "Add, remove and list ports of the host that lead to guests."),
        Verb(name: "policy", abstract: "Set, clear and show what members of a network may send and get."),
        Verb(name: "overlay", abstract: "Push, pop and list directories over a guest's master."),
        Verb(name: "template", abstract: "Load a set of overlays for all guests at once."),
        Verb(name: "master", abstract: "Make, list and remove the root directories that guests share."),
        Verb(name: "snapshot", abstract: "Save and bring back the roots of all guests of a lab."),
        Verb(name: "fork", abstract: "Start a second lab from a running one."),
        Verb(name: "save", abstract: "Write the lab as it runs now as a lab file."),
        Verb(name: "graph", abstract: "Draw the running lab: text, Mermaid, DOT or SVG."),
        Verb(name: "events", abstract: "Show what happens in a lab, or in all."),
        Verb(name: "doctor", abstract: "Say what this host can and cannot, and sweep what a crash has left."),
        Verb(name: "prompt", abstract: "Type verbs at a prompt, or take them from a script."),
        Verb(name: "daemon", abstract: "Serve the requests of all verbs about labs; started when it is needed."),
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
        if words.first == "capture", words.count > 1, isPlaceInLab(words[1]) { return words }
        // Typed, or a script from a pipe or file; who only looks at the output of a lone name sees the help.
        if words.isEmpty, isInLab, TerminalMode.isTerminal(1) || !TerminalMode.isTerminal(0) { return ["prompt"] }
        if words.first == "help", words.count > 1, isVerb(words[1]) { return Array(words.dropFirst()) + ["--help"] }
        return nil
    }

    /// `alice:eth0`, `@lan`: what is captured is in a lab, not a switch's directory.
    static func isPlaceInLab(_ word: String) -> Bool {
        guard !word.contains("/"), !word.hasPrefix("-") else { return false }
        return word.hasPrefix("@") || word.contains(":") && !word.hasPrefix(":") && !word.hasSuffix(":")
    }

    /// The current directory, or one above it, is a lab's.
    private static var isInLab: Bool {
        var parts = (CurrentProcess.workingDirectory ?? "").split(separator: "/")
        while !parts.isEmpty {
            if (try? FileStatus(path: "/" + parts.joined(separator: "/") + "/lab.yaml")) != nil { return true }
            parts.removeLast()
        }
        return false
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
