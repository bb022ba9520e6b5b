// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One request that the daemon takes, as its document describes it.
struct APIRoute: Sendable {
    enum Method: String, Sendable { case get, post, patch, delete }

    /// What a member of a body is.
    enum BodyType: Sendable {
        case string
        case milliseconds
        /// Strings.
        case words
        /// Strings, and strings in those.
        case changes
        /// Strings by name.
        case variables
    }

    let method: Method
    /// With `{name}` for parts that vary.
    let path: String
    let name: String
    let summary: String
    var query: [(name: String, description: String)] = []
    /// Members of the body's object: name, type, what it is, whether it must be there.
    var body: [(name: String, type: BodyType, description: String, isRequired: Bool)] = []
    var answer = "What came of it."
    var isStream = false

    static let all: [APIRoute] = [
        APIRoute(.get, "/health", "health", "Whether the daemon takes requests."),
        APIRoute(.get, "/openapi.json", "document", "This document."),
        APIRoute(.get, "/events", "events", "What happens in all labs, as server-sent events; a snapshot first.") {
            $0.isStream = true
        },
        APIRoute(.get, "/labs", "labs", "The labs that run."),
        APIRoute(.post, "/labs", "up", "Bring a lab up, or a running one to what its file says.") {
            $0.query = [
                ("dry-run", "1: only say what would be done."), ("wait", "0: answer when all has begun."),
                ("timeout", "Milliseconds to wait for guests to be ready."),
            ]
            $0.body = [
                ("directory", .string, "The lab's directory, absolute.", true),
                ("file", .string, "The text of its file.", true),
                ("file-name", .string, "What messages call the file.", false),
                ("lab-name", .string, "The name of a lab whose file gives none.", false),
                ("environment", .variables, "Values of variables in the file.", false),
                ("guests", .words, "Guests to start; all without it.", false),
                ("down-for", .milliseconds, "Milliseconds without carrier for what is moved.", false),
            ]
        },
        APIRoute(.get, "/labs/{lab}", "lab", "A lab: what is wanted of it, and what there is."),
        APIRoute(.patch, "/labs/{lab}", "change", "Change a running lab.") {
            $0.query = [("dry-run", "1: only say what would be done.")]
            $0.body = [
                (
                    "changes", .changes,
                    "Changes, each a list of words: [\"link\", \"move\", \"alice:eth0\", \"wan\"].",
                    true
                ),
                ("down-for", .milliseconds, "Milliseconds without carrier for what is moved.", false),
            ]
        },
        APIRoute(.delete, "/labs/{lab}", "down", "Stop a lab's guests, and end it.") {
            $0.query = [("grace", "Milliseconds for guests to end by themselves.")]
        },
        APIRoute(.get, "/labs/{lab}/events", "lab-events", "What happens in a lab; a snapshot first.") {
            $0.isStream = true
        },
        APIRoute(.get, "/labs/{lab}/file", "file", "The running lab as a lab file."),
        APIRoute(.get, "/labs/{lab}/graph", "graph", "The running lab as a drawing.") {
            $0.query = [("format", "text, mermaid, dot or svg.")]
        },
        APIRoute(.get, "/labs/{lab}/guests/{guest}", "guest", "One guest."),
        APIRoute(.delete, "/labs/{lab}/guests/{guest}", "delete-guest", "Take a guest out of the lab.") {
            $0.query = [("files", "1: what it changed is deleted, too.")]
        },
        APIRoute(.post, "/labs/{lab}/guests/{guest}/{action}", "act", "start, stop, kill, pause, resume or reset.") {
            $0.query = [
                ("grace", "stop: milliseconds to end by itself."), ("wait", "1: answer when it has come about."),
                ("timeout", "Milliseconds to wait."),
            ]
        },
        APIRoute(
            .post,
            "/labs/{lab}/guests/{guest}/requests/{request}",
            "ask",
            "network or monitor: words to the guest."
        ) {
            $0.body = [("words", .words, "The words.", true)]
            $0.answer = "Lines."
        },
        APIRoute(.get, "/labs/{lab}/snapshots", "snapshots", "Snapshots of the lab."),
        APIRoute(.post, "/labs/{lab}/snapshots/{snapshot}", "save-snapshot", "Save the roots of all guests."),
        APIRoute(.post, "/labs/{lab}/snapshots/{snapshot}/restore", "restore-snapshot", "Bring them back."),
        APIRoute(.delete, "/labs/{lab}/snapshots/{snapshot}", "remove-snapshot", "Forget a snapshot."),
    ]

    private init(
        _ method: Method,
        _ path: String,
        _ name: String,
        _ summary: String,
        _ more: (inout APIRoute) -> Void = { _ in }
    ) {
        self.method = method
        self.path = path
        self.name = name
        self.summary = summary
        more(&self)
    }

    var parameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}
