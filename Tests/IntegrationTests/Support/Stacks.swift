// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Whose switch a test uses.
enum Make: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case ours, debian

    var testDescription: String { self == .ours ? "our switch" : "Debian's vde_switch" }
}

extension HostNamespace {
    func startSwitch(_ make: Make, _ name: String = "vde", as user: User = .runner) throws -> RunningSwitch {
        switch make {
        case .ours: try startSwitch(name, as: user)
        case .debian: try startVDESwitch(name, as: user)
        }
    }

    /// Starts `etherloom run`.
    ///
    /// - Parameter words: everything behind `run`.
    func startRun(_ words: [String], as user: User = .runner, input: Input = .pipe) throws -> Program {
        try start([etherloom, "run"] + words, as: user, input: input)
    }

    /// Runs a command in a stack of its own, to its end.
    func runInStack(_ words: [String], as user: User = .runner) throws -> Program {
        try run([etherloom, "run"] + words, as: user)
    }

    /// Starts a guest that stays until its input ends, and waits until it is there. Others join it by `name`.
    @discardableResult
    func startGuest(
        _ name: String,
        _ networks: [String],
        _ options: [String] = [],
        as user: User = .runner
    ) throws -> Program {
        let words = networks.flatMap { ["--net", $0] } + options + ["--name", name]
        let guest = try startRun(words + ["--", "sh", "-c", "echo guest is up; exec cat"], as: user)
        try guest.wait(forOutput: "guest is up")
        return guest
    }

    /// Runs a command in a guest started by `startGuest`.
    func join(_ name: String, _ command: [String], as user: User = .runner) throws -> Program {
        try run([etherloom, "run", "--join", name, "--"] + command, as: user)
    }

    /// Starts tcp.py's server in a guest, and waits until it listens.
    func startServer(in network: [String], _ address: String, _ port: Int, as user: User = .runner) throws -> Program {
        let server = try startRun(
            network + ["--", "python3", "-u", try script("tcp.py", self), "serve", address, "\(port)"],
            as: user
        )
        try server.wait(forOutput: "listening")
        return server
    }

    /// Starts tcp.py's server in a stack that is there, and waits until it listens.
    func startServer(joining name: String, _ address: String, _ port: Int) throws -> Program {
        let words = ["python3", "-u", try script("tcp.py", self), "serve", address, "\(port)"]
        let server = try start([etherloom, "run", "--join", name, "--"] + words)
        try server.wait(forOutput: "listening")
        return server
    }

    /// Starts tcp.py's server on the host itself.
    func startServer(_ address: String, _ port: Int) throws -> Program {
        let server = try start(["python3", "-u", try script("tcp.py", self), "serve", address, "\(port)"])
        try server.wait(forOutput: "listening")
        return server
    }

    /// Starts a stack that answers pings in VLAN 7, with tags.
    func startTagged(in network: String, _ address: String) throws -> Program {
        let words = ["python3", "-u", try script("tagged.py", self), "answer", "vd0", address, "7"]
        let answerer = try startRun(["--net", network, "--"] + words)
        try answerer.wait(forOutput: "ready")
        return answerer
    }

    /// The words of tcp.py as a client.
    func tcp(_ verb: String, _ address: String, _ port: Int, _ count: Int = 0) throws -> [String] {
        ["python3", "-u", try script("tcp.py", self), verb, address, "\(port)", "\(count)"]
    }

    /// Makes a tunnel's key: its file, and the public one as text.
    func makeKey(_ name: String, as user: User = .runner) throws -> (file: String, text: String) {
        let text = try check([etherloom, "key", data(name)], as: user)
        return (data(name), String(text.prefix { !$0.isNewline }))
    }

    func ping(_ address: String, count: Int = 3) -> [String] {
        ["ping", "-c", "\(count)", "-i", "0.2", "-w", "30", address]
    }
}
