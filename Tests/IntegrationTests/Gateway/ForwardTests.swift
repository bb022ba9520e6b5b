// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("Gateway clients: forwards")
    struct GatewayForwards {
        @Test("a guest sees who connects: the real address, and the gateway's for the host's loopback")
        func clientAddress() throws {
            try require("python3")
            try withHost { host in
                let element = try host.startSwitch()
                let gateway = try host.startGateway(element, ["-L", "30000:10.0.2.50:10000"])
                let guest = try host.startListeningGuest(element, "10.0.2.50/24")
                let before = gateway.descriptorCount
                try host.send(to: "192.168.0.100", port: 30_000)
                try guest.wait(forOutput: "connect from 192.168.0.100 ")
                #expect(!guest.output.contains("connect from 10.0.2.2 "))
                try host.send(to: "127.0.0.1", port: 30_000, count: 300_000)
                try guest.wait(forOutput: "connect from 10.0.2.2 ")
                try gateway.waitUntilIdle(descriptors: before)
            }
        }

        @Test("slirpvde forwards three ports to three guests, by the command line of the tutorial")
        func slirpvde() throws {
            try require("python3")
            try withHost { host in
                let element = try host.startSwitch()
                let daemon = try host.run([
                    host.compatible("slirpvde"), "-d", "-s", element.directory, "-n", "192.168.77.0",
                    "-L30000:192.168.77.100:10000", "-L30001:192.168.77.101:10000", "-L30002:192.168.77.102:10000",
                ])
                #expect(daemon.end == .exited(0))
                try element.waitForEndpoints(1)
                #expect(try element.endpoints()[0].hasPrefix("1: slirpvde: user=root PID="))
                let guests = try (0..<3).map { number in
                    try host.startListeningGuest(element, "192.168.77.10\(number)/24", via: "192.168.77.2")
                }
                for number in 0..<3 {
                    let size = 1000 + number
                    try host.send(to: "192.168.0.100", port: 30_000 + number, count: size)
                    try guests[number].wait(forOutput: "\(size) bytes, intact")
                    #expect(guests[number].output.contains("connect from 192.168.0.100 "))
                }
                for guest in guests {
                    #expect(guest.output.split(separator: "\n").filter { $0.hasPrefix("connect from") }.count == 1)
                    try guest.stop()
                }
                // The daemon's end is the switch's.
                #expect(try element.program.stop() == .exited(0))
                try host.expectNothingLeft()
            }
        }

        @Test("slirpvde takes the forward as a word of its own, and the switch's directory without a letter")
        func separateWords() throws {
            try require("python3")
            try withHost { host in
                let element = try host.startSwitch()
                let gateway = try host.start([
                    host.compatible("slirpvde"), "-n", "192.168.77.0", "-L", "30000:192.168.77.100:10000",
                    element.directory,
                ])
                try element.waitForEndpoints(1)
                let guest = try host.startListeningGuest(element, "192.168.77.100/24", via: "192.168.77.2")
                try host.send(to: "192.168.0.100", port: 30_000)
                try guest.wait(forOutput: "connect from 192.168.0.100 ")
                #expect(gateway.poll() == nil)
            }
        }

        @Test("datagrams are forwarded, and their answers come back")
        func udp() throws {
            try require("python3")
            try withHost { host in
                let element = try host.startSwitch()
                _ = try host.startGateway(element, ["-U", "30000:10.0.2.50:10000"])
                let program = try script("udp.py", host)
                let guest = try host.startGuest(
                    element,
                    "10.0.2.50/24",
                    "exec python3 -u \(program) serve 0.0.0.0 10000"
                )
                try guest.wait(forOutput: "listening")
                let far = try host.check(["python3", program, "ask", "192.168.0.100", "30000", "far"])
                #expect(far == "far from 192.168.0.100\n")
                let near = try host.check(["python3", program, "ask", "127.0.0.1", "30000", "near"])
                #expect(near == "near from 10.0.2.2\n")
            }
        }

        @Test(
            "a port that is taken is one line and status 1, also for a daemon",
            arguments: [
                ["etherloom", "gateway", "-L"], ["etherloom", "gateway", "-d", "-L"], ["slirpvde", "-L"],
                ["slirpvde", "-d", "-L"],
            ]
        )
        func portInUse(command: [String]) throws {
            try require("python3")
            try withHost { host in
                _ = try host.startHostServer(port: 30_000)
                let element = try host.startSwitch()
                let program = command[0] == "etherloom" ? host.etherloom : host.compatible(command[0])
                let gateway = try host.run(
                    [program] + command.dropFirst() + ["30000:10.0.2.50:10000", "-s", element.directory]
                )
                #expect(gateway.end == .exited(1))
                #expect(gateway.output.isEmpty)
                #expect(gateway.errorLines.count == 1, "\(gateway.errorLines)")
                #expect(gateway.errorOutput.contains("30000"))
                #expect(try element.endpoints().isEmpty)
            }
        }
    }
}
