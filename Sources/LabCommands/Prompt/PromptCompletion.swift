// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What a line at the prompt may go on with.
struct PromptCompletion {
    /// Names of a running lab.
    struct Names {
        var guests: [String] = []
        var interfaces: [String] = []
        var segments: [String] = []

        var all: [String] { guests + interfaces + segments }
    }

    /// The part of a word that is there.
    let typed: String
    /// Whole words that begin with it, in order.
    let choices: [String]

    /// - Parameters:
    ///   - text: what stands before the cursor.
    ///   - names: asked when they are needed.
    init(_ text: String, names: () -> Names) {
        let words = text.drop { $0 == " " }.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        var typed = words.last ?? ""
        let list: [String]
        if words.count <= 1 {
            list = EtherloomLab.verbs.map(\.name) + ["exit"]
        } else if words.count == 2, let parts = EtherloomLab.verbs.first(where: { $0.name == words[0] })?.parts,
            !parts.isEmpty
        {
            list = parts
        } else {
            // Of several guests the last one is being typed.
            if words[0] == "exec", let comma = typed.lastIndex(of: ",") {
                typed = String(typed[typed.index(after: comma)...])
            }
            list = Self.list(words[0], names())
        }
        self.typed = typed
        choices = list.filter { $0.hasPrefix(typed) }.sorted()
    }

    /// What a verb is about.
    private static func list(_ verb: String, _ names: Names) -> [String] {
        switch verb {
        case "exec", "shell", "console", "logs", "network", "guest", "overlay": names.guests
        case "cp": names.guests.map { $0 + ":" }
        case "segment", "policy": names.segments + (verb == "policy" ? names.interfaces : [])
        case "link", "interface": names.interfaces + (verb == "link" ? names.segments : names.guests)
        case "capture": names.interfaces + names.segments.map { "@" + $0 }
        default: names.all
        }
    }
}
