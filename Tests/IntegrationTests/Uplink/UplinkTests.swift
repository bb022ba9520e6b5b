// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A host whose interface leads to another host.
    @Suite("Uplinks to real interfaces")
    struct UplinkTests {
        /// Ping, TCP both ways with whole checksums and super-frames, and tagged frames, between a guest of ours and the far host.
        static func expectUplink(_ host: HostNamespace, _ far: FarHost, _ url: String, vlans: Bool) throws {
            let element = try host.startSwitch("vde", ["--port", url])
            try host.startGuest("guest", ["\(element.directory),ip=10.99.0.3/24"])
            let ping = try host.join("guest", host.ping(FarHost.farAddress))
            #expect(ping.output.contains("3 received"))
            let server = try far.start(
                ["python3", "-u", try script("tcp.py", host), "serve", FarHost.farAddress, "7001"])
            try server.wait(forOutput: "listening")
            let upload = try host.join("guest", try host.tcp("send", FarHost.farAddress, 7001, 10_000_000))
            #expect(upload.output.contains("10000000 bytes, intact"))
            let inner = try host.startRun([
                "--net", "\(element.directory),ip=10.99.0.4/24", "--", "python3", "-u", try script("tcp.py", host),
                "serve", "10.99.0.4", "7002",
            ])
            try inner.wait(forOutput: "listening")
            let download = try far.check(try host.tcp("send", "10.99.0.4", 7002, 10_000_000))
            #expect(download.contains("10000000 bytes, intact"))
            guard vlans else { return }
            let raw = try far.start(["python3", "-u", try script("frames.py", host), "u1"], input: .pipe)
            try raw.wait(forOutput: "ready")
            let plug = try Plug(host, element.directory)
            let tagged =
                everybody + station(9) + [0x81, 0x00, 0xa0, 0x2a, 0x88, 0xb5] + [UInt8](repeating: 0x5a, count: 100)
            try plug.send(tagged)
            try raw.wait(forOutput: "frame \(hexadecimal(tagged))\n")
            var back = tagged
            back[11] = 0x0a
            try raw.write(hexadecimal(back) + "\n")
            try plug.wait(for: back)
        }

        @Test("a packet socket: ping, ten megabytes of TCP both ways, tagged frames", arguments: ["packet", "pcap"])
        func packet(scheme: String) throws {
            try require("ping", "python3", "vde_plug")
            try withFarHost { host, far in try Self.expectUplink(host, far, "\(scheme)://u0", vlans: true) }
        }

        @Test("macvtap, made here and removed in the end")
        func macvtap() throws {
            try require("ping", "python3", "vde_plug")
            try withFarHost { host, far in
                let element = try host.startSwitch("vde", ["--port", "macvtap://mv0/link=u0/mode=bridge"])
                let mac = try host.check(["sh", "-c", "ip -o link show mv0 | sed 's/.*ether \\([^ ]*\\).*/\\1/'"])
                let word = mac.trimmingCharacters(in: .whitespacesAndNewlines)
                // A macvtap has one address, which its guest has to use.
                let guest = try host.startRun(
                    [
                        "--net", element.directory, "--", "sh", "-c",
                        "ip link set vd0 down; ip link set vd0 address \(word); ip link set vd0 up; "
                            + "ip address add 10.99.0.3/24 dev vd0; ping -c 3 -i 0.2 -w 30 \(FarHost.farAddress)",
                    ])
                try guest.wait(forOutput: "3 received")
                try element.program.stop()
                #expect(try !host.links().contains("mv0"))
            }
        }

        @Test(
            "who may not is told so",
            arguments: [
                ("packet://u0", 4, "not permitted"), ("macvtap://mv0/link=u0", 4, "not permitted"),
                ("packet://nothere", 1, "no interface"), ("packet://", 2, "which interface"),
                ("macvtap://mv0/link=u0/mode=odd", 2, "mode="), ("macvtap://u0", 1, "no macvtap"),
            ]
        )
        func refusals(_ url: String, _ status: Int, _ text: String) throws {
            try require()
            try withFarHost { host, _ in
                let program = try host.run(
                    [host.etherloom, "switch", "--no-stdin", "-s", host.path("vde"), "--port", url],
                    as: .ordinary
                )
                #expect(program.end == .exited(Int32(status)))
                #expect(program.errorLines.count == 1)
                #expect(program.errorOutput.contains(text), "\(program.errorOutput)")
            }
        }

        @Test("an interface that goes ends the port")
        func gone() throws {
            try require()
            try withHost { host in
                try host.check(["ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1"])
                try host.check(["ip", "link", "set", "d0", "up"])
                try host.check(["ip", "link", "set", "d1", "up"])
                let one = try host.startSwitch("one")
                let plug = try host.startElement(["plug", one.directory, "packet://d0"])
                try host.check(["ip", "link", "delete", "d0"])
                #expect(try plug.waitForEnd() == .exited(1))
                #expect(plug.errorOutput.contains("gone"))
            }
        }
    }
}
