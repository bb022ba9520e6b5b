// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A running switch, of whatever make.
struct RunningSwitch {
    let host: HostNamespace
    let directory: String
    let console: String
    let program: Program

    /// What the console answers to a command, frame and code included.
    func ask(_ command: String) throws -> String {
        let client = try UnixClient(console)
        _ = try client.receive(until: "vde$ ")
        try client.send(Array("\(command)\n".utf8))
        let answer = try client.receive(until: "vde$ ")
        // The session's end is the console's to see before the test goes on to count anything.
        try client.send(Array("logout\n".utf8))
        while try !client.receive().isEmpty {}
        return answer
    }

    /// One line for each endpoint: `5: description`.
    func endpoints() throws -> [String] {
        var port = 0
        return try ask("port/print").split(whereSeparator: \.isNewline).compactMap { line in
            if line.hasPrefix("Port ") { port = Int(line.dropFirst(5).prefix { $0.isNumber }) ?? 0 }
            guard line.contains("-- endpoint ID"), let colon = line.firstIndex(of: ":") else { return nil }
            return "\(port): " + line[line.index(after: colon)...].drop { $0 == " " }
        }
    }

    /// Makes the ports 9 and 10, and those that are in use, members of VLAN 7, with tags.
    func carryTags() throws {
        let present = try endpoints().compactMap { Int($0.prefix { $0.isNumber }) }
        let members = Set(present + [9, 10]).map { "vlan/addport 7 \($0)" }
        let commands = ["vlan/create 7", "port/create 9", "port/create 10"] + members
        for command in commands {
            let answer = try ask(command)
            guard answer.contains("1000 Success") else { throw IntegrationFailure("\(command): \(answer)") }
        }
    }

    func waitForEndpoints(_ count: Int) throws {
        var last: [String] = []
        try wait(for: "\(count) endpoints, there are \(last)") {
            last = try endpoints()
            return last.count == count
        }
    }
}

extension UnixClient {
    func receive(until mark: String) throws -> String {
        var text = ""
        while !text.contains(mark) {
            let part = try receive()
            guard !part.isEmpty else { throw IntegrationFailure("the stream ended before \"\(mark)\": \(text)") }
            text += String(decoding: part, as: UTF8.self)
        }
        return text
    }
}

extension HostNamespace {
    /// Starts `etherloom switch`.
    func startSwitch(_ name: String = "vde", _ arguments: [String] = [], as user: User = .runner) throws
        -> RunningSwitch
    {
        let console = path("\(name)-mgmt")
        let program = try startElement(
            ["switch", "--no-stdin", "-s", path(name), "-M", console] + arguments,
            as: user
        )
        return RunningSwitch(host: self, directory: path(name), console: console, program: program)
    }

    /// Starts a `vde_switch`: Debian's, or ours of that name.
    func startVDESwitch(
        _ name: String = "vde",
        _ arguments: [String] = [],
        as user: User = .runner,
        ours: Bool = false
    ) throws -> RunningSwitch {
        let console = path("\(name)-mgmt")
        // The end of its input is its end.
        let program = try start(
            [ours ? compatible("vde_switch") : "vde_switch", "-s", path(name), "-M", console] + arguments,
            as: user,
            input: .pipe
        )
        try waitUntilListening(path(name) + "/ctl", program)
        try waitUntilListening(console, program)
        return RunningSwitch(host: self, directory: path(name), console: console, program: program)
    }
}
