// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

extension EtherloomLab {
    /// A verb and the words that may follow it at once.
    struct Verb {
        let name: String
        let parts: [String]
    }

    /// What may be typed at the prompt.
    static var verbs: [Verb] {
        configuration.subcommands.compactMap { command in
            guard let name = command.configuration.commandName, name != "prompt", name != "daemon" else { return nil }
            return Verb(
                name: name,
                parts: command.configuration.subcommands.compactMap { $0.configuration.commandName }
            )
        }
    }

    /// Whether `--lab` may stand behind the verb itself.
    static func takesLab(_ words: [String]) -> Bool {
        guard let verb = verbs.first(where: { $0.name == words.first }) else { return false }
        return verb.parts.isEmpty && !["validate", "web", "doctor"].contains(verb.name)
    }
}
