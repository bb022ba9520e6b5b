// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A user of the shared network, by number alone: no user database knows him.
struct NetworkUser {
    let name: String
    let userID: Int
    let address: String
    let address6: String

    static let alice = NetworkUser(name: "alice", userID: 7001, address: "10.0.0.10", address6: "fd00::a")
    static let bob = NetworkUser(name: "bob", userID: 7002, address: "10.0.0.11", address6: "fd00::b")
    static let mallory = NetworkUser(name: "mallory", userID: 7003, address: "10.0.0.66", address6: "fd00::66")
    static let carol = NetworkUser(name: "carol", userID: 7004, address: "10.0.0.20", address6: "fd00::14")

    /// The words before a command of his.
    var entry: [String] {
        [
            "env", "-u", "XDG_RUNTIME_DIR", "setpriv", "--reuid=\(userID)", "--regid=\(userID)", "--clear-groups",
            "--inh-caps=-all",
        ]
    }
}

/// A running filter or delegation, and its console.
struct RunningFilter {
    let element: RunningSwitch
    /// Everything behind the program's name.
    let command: [String]

    var directory: String { element.directory }
    var program: Program { element.program }
    func ask(_ command: String) throws -> String { try element.ask(command) }

    /// How many frames rules have denied: `send dhcp-server`.
    func denied() throws -> [String: Int] { try counts("deny") }

    func permitted() throws -> [String: Int] { try counts("permit") }

    private func counts(_ verdict: String) throws -> [String: Int] {
        var result: [String: Int] = [:]
        for line in try ask("filter/counters").split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ")
            guard words.count == 4, words[1] == verdict, let count = Int(words[3]) else { continue }
            result["\(words[0]) \(words[2])"] = count
        }
        return result
    }
}

extension HostNamespace {
    /// Starts a filter of root's, or of a user's.
    func startFilter(_ name: String, _ upstream: String, _ options: [String], by user: NetworkUser? = nil) throws
        -> RunningFilter
    {
        let (directory, console) = (path(name), path("\(name).mgmt"))
        return try startFilter(
            ["filter", upstream, directory, "-M", console] + options,
            directory,
            console,
            entry: user?.entry ?? []
        )
    }

    func startFilter(_ command: [String], _ directory: String, _ console: String, entry: [String] = []) throws
        -> RunningFilter
    {
        let program = try start(entry + [etherloom] + command)
        try wait(for: "the console \(console)") {
            if program.poll() != nil { throw IntegrationFailure("\(program.name) ended: \(program.transcript)") }
            return (try? UnixClient(console)) != nil
        }
        let element = RunningSwitch(host: self, directory: directory, console: console, program: program)
        return RunningFilter(element: element, command: command)
    }

    /// Starts a stack of a user's, which runs a command.
    func startStack(
        of user: NetworkUser,
        _ network: String,
        _ command: [String],
        options: [String] = [],
        address: String? = nil
    ) throws -> Program {
        try start(
            user.entry + [
                etherloom, "run", "--net", network, "--address", "\(address ?? user.address)/24", "--address",
                "\(user.address6)/64",
            ] + options + ["--"] + command,
            input: .pipe
        )
    }

    /// Starts a stack of a user's that listens to every frame, and answers pings as every stack does.
    func startListener(of user: NetworkUser, _ network: String, options: [String] = []) throws -> Program {
        let program = try startStack(
            of: user,
            network,
            ["python3", "-u", try script("listen.py", self), "vd0"],
            options: options
        )
        try program.wait(forOutput: "listening")
        return program
    }
}

extension Program {
    /// The frames that a listener has heard.
    var heard: [[UInt8]] {
        output.split(separator: "\n").dropFirst().map { line in
            let digits = Array(line.utf8)
            return stride(from: 0, to: digits.count - 1, by: 2).map { place in
                UInt8(String(decoding: digits[place..<place + 2], as: UTF8.self), radix: 16) ?? 0
            }
        }
    }

    func hasHeard(_ part: [UInt8]) -> Bool {
        heard.contains { frame in
            frame.count >= part.count
                && (0...(frame.count - part.count)).contains { frame[$0..<($0 + part.count)].elementsEqual(part) }
        }
    }
}
