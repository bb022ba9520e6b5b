// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Skips the test unless `etherloom-lab`, which a build by hand leaves out, and these tools are there.
func requireLab(_ tools: String...) throws {
    try require()
    for tool in tools { try require(tool) }
    if !FileManager.default.isExecutableFile(atPath: "\(EtherloomBinary.path)-lab") {
        try skip("\(EtherloomBinary.path)-lab is not built; ETHERLOOM_LAB=1 swift build does it")
    }
}

/// A running `etherloom web`, as a browser would use it, by curl.
struct WebConsole {
    let host: HostNamespace
    let program: Program
    /// `http://127.0.0.1:PORT`
    let address: String
    let token: String

    init(_ host: HostNamespace, _ console: String, _ arguments: [String] = []) throws {
        self.host = host
        program = try host.startElement(["web", "-s", console] + arguments)
        let line = program.output.prefix { $0 != "\n" }
        let parts = line.components(separatedBy: "/?token=")
        guard parts.count == 2 else { throw IntegrationFailure("no address was printed: \(program.transcript)") }
        address = parts[0]
        token = parts[1]
    }

    var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    private var authorization: [String] { ["-H", "Authorization: Bearer \(token)"] }

    /// A request to its end: the status and the body.
    func request(_ path: String, _ arguments: [String] = []) throws -> (status: String, body: String) {
        let output = try host.check(["curl", "-s", "-m", "20", "-w", "\n%{http_code}"] + arguments + [address + path])
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
    }

    /// Sends a line, or another message of the page; the status.
    func post(_ session: String, _ what: String, _ body: String) throws -> String {
        try request("/sessions/\(session)/\(what)", authorization + ["--data-binary", body]).status
    }

    /// A page: its stream of events.
    func open() throws -> WebPageStream {
        let stream = try host.start(["curl", "-sN", "-w", "\n%{http_code}"] + authorization + [address + "/events"])
        try stream.wait(forOutput: "event: session\n")
        let name = stream.output.components(separatedBy: "event: session\ndata: \"").last?.prefix { $0 != "\"" }
        return WebPageStream(session: String(name ?? ""), program: stream)
    }
}

/// An open page.
struct WebPageStream {
    let session: String
    let program: Program

    func wait(for text: String) throws { try program.wait(forOutput: text) }
}
