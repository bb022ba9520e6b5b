// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A ping and 10 MB of TCP, both ways, between stacks on two networks that are joined.
enum Transfer {
    static func run(_ host: HostNamespace, _ one: String, _ other: String) throws {
        for (near, far) in [(one, other), (other, one)] {
            let server = try host.startServer(in: ["--net", near, "--address", "10.1.0.1/24"], "10.1.0.1", 7001)
            let ping = try host.runInStack(
                ["--net", far, "--address", "10.1.0.2/24", "--"] + host.ping("10.1.0.1")
            )
            #expect(ping.end == .exited(0))
            let client = try host.runInStack(
                ["--net", far, "--address", "10.1.0.3/24", "--"] + host.tcp("send", "10.1.0.1", 7001, 10_000_000)
            )
            #expect(client.output == "peer got 10000000 bytes, intact\n")
            server.closeInput()
            try server.stop()
        }
    }
}
