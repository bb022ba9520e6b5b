// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// The kernel's own `vxlan` device is the other end, on another host.
    @Suite("VXLAN with the kernel")
    struct VXLANTests {
        /// How the two ends find each other.
        enum Way: String, CaseIterable, Sendable {
            case group, unicast, list, group6, unicast6

            var ours: String {
                switch self {
                case .group: "vxlan://239.1.1.1/vni=42/if=u0"
                case .unicast: "vxlan://\(FarHost.farAddress)/vni=42"
                case .list: "vxlan:///vni=42/peers=10.99.0.77,\(FarHost.farAddress),10.99.0.78"
                case .group6: "vxlan://ff05::42/vni=42/if=u0"
                case .unicast6: "vxlan://fd99::2/vni=42"
                }
            }

            var kernel: [String] {
                switch self {
                case .group: ["group", "239.1.1.1", "dev", "u1"]
                case .unicast, .list: ["remote", FarHost.nearAddress, "local", FarHost.farAddress]
                case .group6: ["group", "ff05::42", "dev", "u1"]
                case .unicast6: ["remote", "fd99::1", "local", "fd99::2"]
                }
            }
        }

        static func makeDevice(_ far: FarHost, _ way: Way, mtu: Int = 1430) throws {
            try far.check(["ip", "link", "add", "vx0", "type", "vxlan", "id", "42", "dstport", "4789"] + way.kernel)
            try far.check(["ip", "link", "set", "vx0", "mtu", "\(mtu)"])
            try far.check(["ip", "address", "add", "10.7.0.1/24", "dev", "vx0"])
            try far.check(["ip", "link", "set", "vx0", "up"])
        }

        @Test("ping, ten megabytes by TCP both ways, tagged frames; ours as an ordinary user", arguments: Way.allCases)
        func kernel(way: Way) throws {
            try require("ping", "python3", "vde_plug")
            try withFarHost { host, far in
                try Self.makeDevice(far, way)
                let element = try host.startSwitch("vde", ["--port", way.ours], as: .ordinary)
                try host.startGuest("guest", ["\(element.directory),ip=10.7.0.2/24,mtu=1430"], as: .ordinary)
                let ping = try host.join("guest", host.ping("10.7.0.1"), as: .ordinary)
                #expect(ping.output.contains("3 received"))

                let server = try far.start(
                    ["python3", "-u", try script("tcp.py", host), "serve", "10.7.0.1", "7001"])
                try server.wait(forOutput: "listening")
                let upload = try host.join("guest", try host.tcp("send", "10.7.0.1", 7001, 10_000_000), as: .ordinary)
                #expect(upload.output.contains("10000000 bytes, intact"))

                let inner = try host.startRun(
                    [
                        "--net", "\(element.directory),ip=10.7.0.3/24,mtu=1430", "--", "python3", "-u",
                        try script("tcp.py", host), "serve", "10.7.0.3", "7002",
                    ],
                    as: .ordinary
                )
                try inner.wait(forOutput: "listening")
                let download = try far.check(try host.tcp("send", "10.7.0.3", 7002, 10_000_000))
                #expect(download.contains("10000000 bytes, intact"))

                // IEEE 802.1Q: VLAN 42, priority 5.
                let raw = try far.start(["python3", "-u", try script("frames.py", host), "vx0"], input: .pipe)
                try raw.wait(forOutput: "ready")
                let plug = try Plug(host, element.directory, as: .ordinary)
                let payload = [UInt8](repeating: 0x5a, count: 100)
                let tagged = everybody + station(9) + [0x81, 0x00, 0xa0, 0x2a, 0x88, 0xb5] + payload
                try plug.send(tagged)
                try raw.wait(forOutput: "frame \(hexadecimal(tagged))\n")
                var back = tagged
                back[11] = 0x0a
                try raw.write(hexadecimal(back) + "\n")
                try plug.wait(for: back)
            }
        }

        @Test("frames larger than the underlay's MTU are fragmented there")
        func fragments() throws {
            try require("ping")
            try withFarHost { host, far in
                try Self.makeDevice(far, .unicast, mtu: 9000)
                let element = try host.startSwitch("vde", ["--port", Way.unicast.ours])
                try host.startGuest("guest", ["\(element.directory),ip=10.7.0.2/24,mtu=9000"])
                let ping = try host.join(
                    "guest",
                    ["ping", "-c", "2", "-i", "0.2", "-w", "30", "-s", "8000", "10.7.0.1"]
                )
                #expect(ping.output.contains("2 received"))
            }
        }

        @Test("packets of another network, with reserved bits, or cut short are dropped and counted")
        func malformed() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--port", "vxlan://239.1.1.1/vni=42/if=lo"])
                let witness = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                let bad = hexadecimal(frame(to: everybody, from: station(7), seed: 9))
                let good = frame(to: everybody, from: station(8), seed: 10)
                let packets = [
                    "0800000000002b00" + bad, "0c00000000002a00" + bad, "0800000100002a00" + bad,
                    "0800000000002a01" + bad, "0000000000002a00" + bad, "08000000", "0800000000002a00ffff", "",
                    "0800000000002a00" + hexadecimal(good),
                ]
                let program = """
                    import socket, sys
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    for word in sys.argv[1:]: s.sendto(bytes.fromhex(word), ('127.0.0.1', 4789))
                    """
                try host.check(["python3", "-c", program] + packets)
                try witness.wait(for: good)
                #expect(witness.frames == [good])
                let drops = try element.ask("port/drops").split(separator: " ").joined(separator: " ")
                #expect(drops.contains("- malformed pkts 6"), "\(drops)")
                #expect(drops.contains("- wrong-peer pkts 1"), "\(drops)")
                #expect(drops.contains("- runt pkts 1"), "\(drops)")
            }
        }
    }
}
