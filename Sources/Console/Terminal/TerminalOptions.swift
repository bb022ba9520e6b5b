// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// How a terminal of a console is to behave.
public struct TerminalOptions: Sendable {
    /// The console's socket.
    public var path: String
    /// `-i`: every line carries the socket's base name, and only what a command printed is shown. Otherwise the terminal
    /// shows every byte, as the `unixterm` of VDE does.
    public var showsName = false
    /// Commands to run instead of those on standard input, each a whole line.
    public var commands: [String] = []
    /// How long an answer may take.
    public var timeoutMilliseconds = 10_000
    /// The exit status is the errno of the first command that failed, and 255 when there is no console or no answer.
    public var endsWithCode = false
    /// The name before error messages.
    public var program = "etherloom"

    public init(path: String) { self.path = path }

    /// `mgmt` of `/tmp/mgmt`.
    public var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}
