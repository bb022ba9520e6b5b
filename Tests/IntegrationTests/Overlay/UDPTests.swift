// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Networks in UDP datagrams")
    struct UDPTests {
        @Test(
            "udp:// with Debian's vde_plug at the other end",
            arguments: [
                ("udp://5000->127.0.0.1:6000", "udp://6000->127.0.0.1:5000"),
                ("udp://127.0.0.1:5000->localhost:6000", "udp://6000->127.0.0.1:5000"),
            ]
        )
        func withDebian(ours: String, theirs: String) throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--port", ours], as: .ordinary)
                try PlugTests.expectJoined(host, element.directory, theirs)
            }
        }

        @Test("udp:// between two switches of ours, over IPv6")
        func overIPv6() throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch("one", ["--port", "udp://[::1]:5000->[::1]:6000"])
                let other = try host.startSwitch("other", ["--port", "udp://6000->[::1]:5000"])
                try PlugTests.expectJoined(host, one.directory, other.directory)
            }
        }

        @Test("datagrams of somebody else are dropped, and counted")
        func stranger() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--port", "udp://5000->127.0.0.1:6000"])
                let witness = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                let forged = frame(to: everybody, from: station(7), seed: 9)
                let script = """
                    import socket, sys
                    forged = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    forged.sendto(bytes.fromhex(sys.argv[1]), ('127.0.0.1', 5000))
                    right = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    right.bind(('127.0.0.1', 6000))
                    right.sendto(bytes.fromhex(sys.argv[2]), ('127.0.0.1', 5000))
                    """
                let genuine = frame(to: everybody, from: station(8), seed: 10)
                try host.check(["python3", "-c", script, hexadecimal(forged), hexadecimal(genuine)])
                try witness.wait(for: genuine)
                #expect(!witness.frames.contains(forged))
                #expect(try element.ask("port/drops").contains("peer"))
            }
        }

        @Test(
            "what cannot work is said in one line",
            arguments: [
                ("udp://5000", 2, "[SOURCE:]PORT->HOST:PORT"),
                ("udp://5000->host", 2, "HOST:PORT"),
                ("udp://70000->127.0.0.1:1", 2, "no port number"),
                ("udp://5000->127.0.0.1:0", 2, "port 0"),
                ("udp://5000->127.0.0.1:6000/mtu=5", 2, "unknown option"),
                ("udp://5000->no.such.host.invalid:6000", 1, "no.such.host.invalid"),
                ("udp://192.0.2.1:5000->192.0.2.2:6000", 1, "cannot bind"),
                ("vxlan://239.0.0.1/vni=99999999", 2, "16777215"),
                ("vxlan://239.0.0.1/colour=red", 2, "unknown option"),
                ("vxlan://239.0.0.1/if=nothere", 1, "no interface"),
                ("vxvde://192.0.2.1", 2, "multicast"),
                ("l2tpv3://5000->127.0.0.1:6000", 2, "sessions"),
                ("l2tpv3://5000->127.0.0.1:6000/rx_session=1/tx_session=2/rx_cookie=3", 2, "cookie"),
                ("l2tpv3://5000->127.0.0.1:6000/rx_session=1/tx_session=99999999999", 2, "tx_session"),
            ]
        )
        func refusals(_ url: String, _ status: Int, _ text: String) throws {
            try require()
            try withHost { host in
                let program = try host.run([
                    host.etherloom, "switch", "--no-stdin", "-s", host.path("vde"), "--port", url,
                ])
                #expect(program.end == .exited(Int32(status)))
                #expect(program.errorLines.count == 1)
                #expect(program.errorOutput.contains(text))
            }
        }

        @Test("a port that is taken is named")
        func taken() throws {
            try require()
            try withHost { host in
                _ = try host.startSwitch("one", ["--port", "udp://5000->127.0.0.1:6000"])
                let program = try host.run([
                    host.etherloom, "switch", "--no-stdin", "-s", host.path("two"), "--port",
                    "udp://5000->127.0.0.1:7000",
                ])
                #expect(program.end == .exited(1))
                #expect(program.errorOutput.contains("UDP port 5000 is in use"))
            }
        }
    }
}
