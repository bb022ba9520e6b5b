// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Networks inside of a process, and VLANs of other networks")
    struct NodeTests {
        @Test("switch:// and hub:// live in who names them first", arguments: ["switch", "hub"])
        func node(scheme: String) throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch("one")
                let other = try host.startSwitch("other")
                let node = host.path("node")
                let home = try host.startElement(["plug", one.directory, "\(scheme)://\(node)"])
                try host.startElement(["plug", other.directory, "\(scheme)://\(node)[mode=0600]"])
                try PlugTests.expectJoined(host, one.directory, other.directory)
                // Debian's clients join it as any switch.
                let here = try Plug(host, node)
                let there = try Plug(host, one.directory)
                let hello = frame(to: everybody, from: station(5), seed: 7)
                try wait(for: "the node") {
                    try here.send(hello)
                    return there.frames.contains(hello)
                }
                try home.stop()
                #expect(!FileManager.default.fileExists(atPath: node))
            }
        }

        @Test("vlan:// shows some VLANs of a network, one of them without tags")
        func vlan() throws {
            try require("vde_plug")
            try withHost { host in
                let trunk = try host.startSwitch("trunk")
                let user = try host.startSwitch(
                    "user",
                    ["--port", "vlan://3[untag=4/tag=10]{vde://\(trunk.directory)}"]
                )
                let inside = try Plug(host, user.directory)
                let network = try Plug(host, trunk.directory)
                func tagged(_ vlan: UInt8, _ from: UInt8) -> [UInt8] {
                    let payload = [UInt8](repeating: vlan &+ from, count: 80)
                    return everybody + station(from) + [0x81, 0, 0, vlan, 0x88, 0xb5] + payload
                }
                func untagged(_ vlan: UInt8, _ from: UInt8) -> [UInt8] {
                    everybody + station(from) + [0x88, 0xb5] + [UInt8](repeating: vlan &+ from, count: 80)
                }
                try wait(for: "the cable") {
                    try network.send(tagged(3, 1))
                    return inside.frames.contains(untagged(3, 1))
                }
                try network.send(tagged(11, 1))
                try network.send(untagged(4, 1))
                try network.send(tagged(10, 1))
                try inside.wait(for: tagged(4, 1))
                try inside.wait(for: tagged(10, 1))
                #expect(!inside.frames.contains(tagged(11, 1)))
                try inside.send(tagged(11, 2))
                try inside.send(untagged(3, 2))
                try inside.send(tagged(4, 2))
                try inside.send(tagged(10, 2))
                try network.wait(for: tagged(3, 2))
                try network.wait(for: untagged(4, 2))
                try network.wait(for: tagged(10, 2))
                #expect(!network.frames.contains(tagged(11, 2)))
            }
        }

        @Test("vlan:// translates numbers both ways, priorities stay, a trunk passes the rest")
        func translation() throws {
            try require("vde_plug")
            try withHost { host in
                let trunk = try host.startSwitch("trunk")
                let url = "vlan://3[tag=10:11-12:12-11/trunk]{vde://\(trunk.directory)}"
                let user = try host.startSwitch("user", ["--port", url])
                let inside = try Plug(host, user.directory)
                let network = try Plug(host, trunk.directory)
                try wait(for: "the cable") {
                    try network.send(Self.broadcast([(0x8100, 3)], from: 1))
                    return inside.frames.contains(Self.broadcast([], from: 1))
                }
                // Number there, number here; both directions. Behind the number the priority, which stays.
                for (there, here) in [(10, 10), (0xb00c, 0xb00b), (11, 12), (0xf01e, 0xf01e)] as [(UInt16, UInt16)] {
                    try network.send(Self.broadcast([(0x8100, there)], from: 1))
                    try inside.wait(for: Self.broadcast([(0x8100, here)], from: 1))
                    try inside.send(Self.broadcast([(0x8100, here)], from: 2))
                    try network.wait(for: Self.broadcast([(0x8100, there)], from: 2))
                }
                // A priority without a VLAN belongs to the untagged one, and gets its number.
                try inside.send(Self.broadcast([(0x8100, 0xa000)], from: 2))
                try network.wait(for: Self.broadcast([(0x8100, 0xa003)], from: 2))
                // What has no tag in the network is not for this user.
                try network.send(Self.broadcast([], from: 7))
                try network.send(Self.broadcast([(0x8100, 10)], from: 7))
                try inside.wait(for: Self.broadcast([(0x8100, 10)], from: 7))
                #expect(!inside.frames.contains(Self.broadcast([], from: 7)))
            }
        }

        @Test("vlan:// with qinq: a customer's tags pass inside of a service tag, nested for one VLAN of his")
        func service() throws {
            try require("vde_plug")
            try withHost { host in
                let carrier = try host.startSwitch("carrier")
                let customer = try host.startSwitch(
                    "customer",
                    ["--port", "vlan://5/qinq{vde://\(carrier.directory)}"]
                )
                let station = try host.startSwitch(
                    "station",
                    ["--port", "vlan://4{vlan://5/qinq{vde://\(carrier.directory)}}"]
                )
                let inside = try Plug(host, customer.directory)
                let one = try Plug(host, station.directory)
                let network = try Plug(host, carrier.directory)
                try wait(for: "the cables") {
                    try network.send(Self.broadcast([(0x88a8, 5), (0x8100, 4)], from: 1))
                    return inside.frames.contains(Self.broadcast([(0x8100, 4)], from: 1))
                        && one.frames.contains(Self.broadcast([], from: 1))
                }
                try one.send(Self.broadcast([], from: 2))
                try network.wait(for: Self.broadcast([(0x88a8, 5), (0x8100, 4)], from: 2))
                try inside.wait(for: Self.broadcast([(0x8100, 4)], from: 2))
                try inside.send(Self.broadcast([], from: 3))
                try network.wait(for: Self.broadcast([(0x88a8, 5)], from: 3))
                // A customer tag of the same number is no service tag.
                try network.send(Self.broadcast([(0x8100, 5)], from: 4))
                try network.send(Self.broadcast([(0x88a8, 5)], from: 5))
                try inside.wait(for: Self.broadcast([], from: 5))
                #expect(!inside.frames.contains(Self.broadcast([], from: 4)))
            }
        }

        /// A broadcast behind these tags, types and control information, outermost first.
        private static func broadcast(_ tags: [(UInt16, UInt16)], from number: UInt8) -> [UInt8] {
            var words: [UInt16] = []
            for (type, control) in tags { words += [type, control] }
            words.append(0x88b5)
            let header: [UInt8] = words.flatMap { word -> [UInt8] in [UInt8(word >> 8), UInt8(word & 0xff)] }
            return everybody + station(number) + header + [UInt8](repeating: number &* 7, count: 90)
        }

        @Test(
            "what cannot work is said in one line",
            arguments: [
                ("vlan://3", 2, "which network"), ("vlan://5000{vde:///x}", 2, "VLAN number"),
                ("vlan://3[tag=10-11-12]{vde:///x}", 2, "tag=10-11-12"), ("vlan://3{vde:///nothere}", 1, "nothere"),
                ("vlan://3[tag=10-3]{vde:///x}", 2, "named twice"), ("vlan://3/odd{vde:///x}", 2, "unknown option"),
                ("vlan://3{foo://x}", 2, "unknown scheme"), ("switch:///tmp/x[mode=9]", 2, "octal"),
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
                #expect(program.errorOutput.contains(text), "\(program.errorOutput)")
            }
        }
    }
}
