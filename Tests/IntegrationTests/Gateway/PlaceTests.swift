// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    /// Debian's slirpvde at our switch is in `DebianClients`.
    @Suite("Gateway clients: wherever the gateway is")
    struct GatewayPlaces {
        @Test("a switch has its gateway inside: out, and in by a forward")
        func inSwitch() throws {
            try require("python3")
            try withHost { host in
                _ = try host.startHostServer()
                let element = try host.startSwitch(
                    "vde",
                    ["--gateway", "10.0.5.0/24", "-L", "30000:10.0.5.50:10000"]
                )
                let guest = try host.startListeningGuest(element, "10.0.5.50/24", via: "10.0.5.2")
                try host.send(to: "192.168.0.100", port: 30_000, count: 300_000)
                try guest.wait(forOutput: "connect from 192.168.0.100 ")
                let output = try host.runGuest(
                    element,
                    "10.0.5.51/24",
                    via: "10.0.5.2",
                    "python3 \(try script("tcp.py", host)) send 10.0.5.2 7001 300000"
                )
                #expect(output.contains("peer got 300000 bytes, intact"))
            }
        }

        @Test(
            "one command runs a program behind a gateway of its own, and returns its status",
            arguments: [HostNamespace.User.runner, .ordinary]
        )
        func inRun(user: HostNamespace.User) throws {
            try require("python3")
            try withHost { host in
                _ = try host.startHostServer()
                let client = try script("tcp.py", host)
                let output = try host.check(
                    [
                        host.etherloom, "run", "--gateway", "--", "python3", client, "send", "10.0.2.2", "7001",
                        "300000",
                    ],
                    as: user
                )
                #expect(output.contains("peer got 300000 bytes, intact"))
                let failing = try host.run([host.etherloom, "run", "--gateway", "--", "sh", "-c", "exit 7"], as: user)
                #expect(failing.end == .exited(7))

                let server = try host.start(
                    [
                        host.etherloom, "run", "--gateway", "-L", "30000:10.0.2.15:10000", "--",
                        "python3", "-u", client, "serve", "0.0.0.0", "10000",
                    ],
                    as: user
                )
                try server.wait(forOutput: "listening")
                try host.send(to: "192.168.0.100", port: 30_000)
                try server.wait(forOutput: "connect from 192.168.0.100 ")
            }
        }

        @Test("our gateway serves a vdens guest on Debian's vde_switch")
        func onDebiansSwitch() throws {
            try require("vde_switch", "vdens", "ping", "python3")
            try withHost { host in
                _ = try host.startHostServer()
                let element = try host.startVDESwitch()
                let gateway = try host.startGateway(element)
                #expect(try element.endpoints()[0].hasPrefix("1: gateway: user=root PID="))
                let guest = try host.startVDENS(
                    element,
                    "10.0.2.50/24",
                    """
                    ip route add default via 10.0.2.2
                    ping -c 2 -i 0.2 -w 30 10.0.2.2
                    python3 \(try script("tcp.py", host)) send 10.0.2.2 7001 300000
                    """
                )
                try guest.wait(forOutput: "guest has done it", seconds: 2 * patience)
                #expect(guest.output.contains("2 received"))
                #expect(guest.output.contains("peer got 300000 bytes, intact"))
                #expect(gateway.poll() == nil)
            }
        }
    }
}
