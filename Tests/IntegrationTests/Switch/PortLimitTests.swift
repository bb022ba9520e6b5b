// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("What a switch's ports may do and show")
    struct PortLimitTests {
        @Test("a port may flood so many frames a second; the rest is counted, and the console says so")
        func floods() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--flood-limit", "50"])
                let one = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                let other = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                for number in 0..<200 {
                    try one.send(frame(to: everybody, from: station(1), seed: UInt8(number)))
                }
                try wait(for: "the limit to be felt") {
                    try element.ask("port/floods").contains("Port 0001 limit 50 pkts/s dropped pkts 1")
                }
                let report = try element.ask("port/floods")
                #expect(report.contains("All ports limit 50 pkts/s"), "\(report)")
                #expect(report.contains("Loops seen in 0 seconds"), "\(report)")
                #expect(try element.ask("port/drops").contains("- rate"))
                #expect(other.frames.count < 100)
                // One port gets a limit of its own: none.
                #expect(try element.ask("port/floodlimit 1 0").contains("1000 Success"))
                let count = other.frames.count
                for number in 0..<200 {
                    try one.send(frame(to: everybody, from: station(1), size: 100, seed: UInt8(number)))
                }
                try wait(for: "all frames") { other.frames.count == count + 200 }
                #expect(try element.ask("port/floods").contains("Port 0001 limit none dropped pkts 0"))
                for wrong in ["port/floodlimit", "port/floodlimit 1", "port/floodlimit x 5", "port/floodlimit 5000 1"] {
                    #expect(try element.ask(wrong).contains("1022 Invalid argument"))
                }
            }
        }

        @Test("a loop without a spanning tree is counted and named")
        func loops() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--flood-limit", "100000"])
                let other = try host.startSwitch("other", ["--flood-limit", "100000"])
                for _ in 0..<2 { try host.startElement(["plug", element.directory, other.directory]) }
                try element.waitForEndpoints(2)
                let plug = try Plug(host, element.directory)
                try element.waitForEndpoints(3)
                try plug.send(frame(to: everybody, from: station(1)))
                try wait(for: "the loop to be noticed") {
                    let report = try element.ask("port/floods")
                    return report.contains("Last loop ports ") && report.contains("address 02:00:00:00:00:01")
                }
                #expect(try !element.ask("port/floods").contains("Loops seen in 0 seconds"))
            }
        }

        @Test("the speed of a port shows in the interface of a guest, in its own namespace", arguments: [true, false])
        func speed(isOrdinary: Bool) throws {
            try require("ethtool")
            try withHost { host in
                let user: HostNamespace.User = isOrdinary ? .ordinary : .runner
                let element = try host.startSwitch(as: user)
                try host.startGuest("guest", [element.directory], as: user)
                try element.waitForEndpoints(1)
                func shown() throws -> String { try host.join("guest", ["ethtool", "vd0"], as: user).output }
                #expect(try element.ask("port/setspeed 1 2500").contains("1000 Success"))
                #expect(try shown().contains("Speed: 2500Mb/s"))
                #expect(try element.ask("port/setspeed 1 0").contains("1000 Success"))
                #expect(try shown().contains("Speed: Unknown"))
            }
        }

        @Test("a speed that cannot be shown is refused with a line")
        func speedRefused() throws {
            try require("ethtool")
            try withHost { host in
                guard host.isRoot else { try skip("a tap of another user is needed") }
                // A tap of the host's own namespace, given to an ordinary user, who may not configure it.
                try host.check(["ip", "tuntap", "add", "t0", "mode", "tap", "user", "54321", "vnet_hdr"])
                let element = try host.startSwitch("vde", ["--tap", "t0"], as: .ordinary)
                let answer = try element.ask("port/setspeed 1 1000")
                #expect(answer.contains("port 1: t0: no speed can be shown: "), "\(answer)")
                #expect(answer.contains("1001 Operation not permitted"))
                try element.program.stop()
                try host.check(["ip", "link", "delete", "t0"])
            }
        }

        @Test("with -D so many consoles hear of events, another one is refused until one is gone")
        func debugClients() throws {
            try require()
            try withHost { host in
                let element = try host.startVDESwitch("vde", ["-D", "1"], ours: true)
                func open() throws -> UnixClient {
                    let client = try UnixClient(element.console)
                    _ = try client.receive(until: "vde$ ")
                    return client
                }
                func tell(_ client: UnixClient, _ command: String) throws -> String {
                    try client.send(Array("\(command)\n".utf8))
                    return try client.receive(until: "vde$ ")
                }
                let (one, other) = (try open(), try open())
                #expect(try tell(one, "debug/add port/").contains("1000 Success"))
                #expect(try tell(one, "debug/add hash/").contains("1000 Success"))
                #expect(try tell(other, "debug/add port/").contains("1087 Too many users"))
                #expect(try tell(one, "debug/del").contains("1000 Success"))
                #expect(try tell(other, "debug/add port/").contains("1000 Success"))
            }
        }
    }
}
