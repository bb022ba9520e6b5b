// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Completes what is typed from what a console's `help` lists.
struct CommandCompletion {
    /// What can be done about a text.
    enum Result: Equatable {
        case nothing
        /// Goes on like this.
        case insert(String)
        /// Could go on in these ways.
        case choices([String])
    }

    /// Paths of commands, `port/print`, and words without a menu, `help`.
    private(set) var paths: [String] = []

    /// Understands the lines of `help`: path, syntax, text. Headings of menus are no commands.
    init(help lines: [String] = []) {
        for line in lines.dropFirst(2) {
            let path = line.prefix { $0 != " " }
            let rest = line.dropFirst(path.count).drop { $0 == " " }
            if !path.isEmpty, !rest.hasPrefix("====") { paths.append(String(path)) }
        }
    }

    func complete(_ text: String) -> Result {
        let typed = text.drop { $0 == " " }
        // What help takes as an argument is a command again.
        if typed.hasPrefix("help ") { return complete(String(typed.dropFirst(5))) }
        if typed.contains(" ") { return .nothing }
        let matching = paths.filter { $0.utf8.starts(with: typed.utf8) }
        guard let first = matching.first else { return .nothing }
        var common = Substring(first)
        for path in matching { while !path.hasPrefix(common) { common.removeLast() } }
        let more = common.dropFirst(typed.count)
        if !more.isEmpty { return .insert(String(more)) }
        if matching.count == 1 { return .nothing }
        // One level at a time.
        var choices: [String] = []
        for path in matching {
            let level = path.dropFirst(typed.count).firstIndex(of: "/").map { path[...$0] } ?? path[...]
            if choices.last != String(level) { choices.append(String(level)) }
        }
        return .choices(choices)
    }
}
