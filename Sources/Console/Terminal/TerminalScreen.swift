// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What of a session a user sees. Pure: events in, text for the two outputs out.
struct TerminalScreen {
    enum Style: Equatable {
        /// Every byte as it comes.
        case everything
        /// Lines of data, each behind a name; failures and events too.
        case named(String)
        /// Lines of data as they are; failures on the error output.
        case data
    }

    let style: Style
    /// Prompts are shown: somebody types.
    let isInteractive: Bool
    /// The first failure's reply.
    private(set) var failure: String?
    /// Its errno.
    private(set) var failureCode: Int32 = 0
    private(set) var hasEnded = false
    private var hasGreeted = false

    init(style: Style, isInteractive: Bool) {
        self.style = style
        self.isInteractive = isInteractive
    }

    /// Text for standard output and standard error.
    mutating func show(_ event: TerminalTranscript.Event) -> (output: String, error: String) {
        switch event {
        case .data(let line): return (shown(line), "")
        case .event(let line): return (shown(line), "")
        // Before the first prompt: the greeting.
        case .other(let line): return (hasGreeted ? shown(line) : "", "")
        case .reply(let code, let line):
            if code == 1000 { return ("", "") }
            if failure == nil {
                failure = line
                failureCode = Int32(truncatingIfNeeded: code - 1000)
            }
            return style == .data ? ("", line + "\n") : (shown(line), "")
        case .end:
            hasEnded = true
            return ("", "")
        case .prompt:
            hasGreeted = true
            if case .named(let name) = style, isInteractive { return (name + "$ ", "") }
            return ("", "")
        }
    }

    private func shown(_ line: String) -> String {
        switch style {
        case .everything: ""
        case .named(let name): "\(name): \(line)\n"
        case .data: line + "\n"
        }
    }
}
