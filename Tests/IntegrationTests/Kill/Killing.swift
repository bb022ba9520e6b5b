// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A switch, a gateway on it, and a guest that sends through both to a server on the host's loopback interface.
struct StreamingSet {
    let element: RunningSwitch
    let gateway: Program
    let guest: Program
    /// The guest's network namespace, as links in /proc name it: `net:[4026532000]`.
    let namespace: String

    /// Starts the three, and returns when the stream runs.
    init(_ host: HostNamespace, tcp: String) throws {
        element = try host.startSwitch()
        gateway = try host.startElement(["gateway", element.directory, "-n", "10.0.2.0/24"])
        guest = try host.start([
            host.etherloom, "run", "--net", "\(element.directory),ip=10.0.2.15/24,gw=10.0.2.2", "--name", "spinner",
            "sh", "-c", "readlink /proc/self/ns/net; exec python3 -u \(tcp) stream 10.0.2.2 7001",
        ])
        try guest.wait(forOutput: "streaming")
        namespace = guest.output.split(separator: "\n").first.map(String.init) ?? ""
        guard namespace.hasPrefix("net:[") else { throw IntegrationFailure("no namespace in: \(guest.transcript)") }
    }

    func program(_ part: Part) -> Program {
        switch part {
        case .element: element.program
        case .gateway: gateway
        case .guest: guest
        }
    }

    /// What can be killed.
    enum Part: String, CaseIterable, Sendable {
        case element = "switch"
        case gateway
        case guest = "run"
    }

    /// Every order in which the three can be killed.
    static let orders: [[Part]] = Part.allCases.flatMap { first in
        Part.allCases.filter { $0 != first }.flatMap { second in
            Part.allCases.filter { $0 != first && $0 != second }.map { [first, second, $0] }
        }
    }
}

/// Living processes in a network namespace.
func processes(inNamespace namespace: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
        guard name.allSatisfy(\.isNumber) else { return false }
        return (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/ns/net")) == namespace
    }
}
