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

        @Test(
            "what cannot work is said in one line",
            arguments: [
                ("vlan://3", 2, "which network"), ("vlan://5000{vde:///x}", 2, "VLAN number"),
                ("vlan://3[tag=10-11]{vde:///x}", 4, "translation"), ("vlan://3{vde:///nothere}", 1, "nothere"),
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
