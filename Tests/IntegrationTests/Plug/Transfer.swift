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

    /// Pings in VLAN 7, with tags, small ones and one of full size: a stack on the second network asks one on the first.
    ///
    /// Debian's switch passes tags between members alone, ours between ports that nobody configured.
    static func tagged(_ host: HostNamespace, _ one: RunningSwitch, _ other: RunningSwitch, _ make: Make) throws {
        if make == .debian {
            try one.carryTags()
            if other.directory != one.directory { try other.carryTags() }
        }
        let answerer = try host.startTagged(in: one.directory + "[9]", "10.7.0.1")
        let words = ["python3", "-u", try script("tagged.py", host), "ping", "vd0", "10.7.0.2", "10.7.0.1", "7"]
        let ping = try host.runInStack(["--net", other.directory + "[10]", "--"] + words)
        #expect(ping.output == "3 answers with their tag\n", "\(ping.transcript)")
        try answerer.stop()
    }
}

/// The host itself, 10.1.0.1 at its tap t0, and stacks on a switch: a ping, 10 MB of TCP both ways, tagged pings.
enum TapTransfer {
    static func run(_ host: HostNamespace, _ element: RunningSwitch, _ make: Make) throws {
        let network = ["--net", element.directory]
        let ping = try host.runInStack(network + ["--address", "10.1.0.2/24", "--"] + host.ping("10.1.0.1"))
        #expect(ping.end == .exited(0), "\(ping.transcript)")
        let server = try host.startServer("10.1.0.1", 7001)
        let upload = try host.runInStack(
            network + ["--address", "10.1.0.3/24", "--"] + host.tcp("send", "10.1.0.1", 7001, 10_000_000)
        )
        #expect(upload.output == "peer got 10000000 bytes, intact\n", "\(upload.transcript)")
        try server.stop()
        let inner = try host.startServer(in: network + ["--address", "10.1.0.4/24"], "10.1.0.4", 7002)
        let download = try host.check(host.tcp("send", "10.1.0.4", 7002, 10_000_000))
        #expect(download == "peer got 10000000 bytes, intact\n")
        try inner.stop()
        if make == .debian { try element.carryTags() }
        let answerer = try host.startTagged(in: element.directory + "[9]", "10.7.0.1")
        let words = ["python3", "-u", try script("tagged.py", host), "ping", "t0", "10.7.0.2", "10.7.0.1", "7"]
        #expect(try host.check(words) == "3 answers with their tag\n")
        try answerer.stop()
    }
}
