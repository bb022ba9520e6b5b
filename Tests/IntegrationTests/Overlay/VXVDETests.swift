// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("vxvde with Debian's vde_plug")
    struct VXVDETests {
        static func multicast(_ host: HostNamespace) throws {
            try host.check(["ip", "link", "set", "lo", "multicast", "on"])
            try host.check(["ip", "route", "add", "224.0.0.0/4", "dev", "lo"])
        }

        @Test("frames pass both ways, unicast goes to one host only")
        func withDebian() throws {
            try require("vde_plug")
            let url = "vxvde://"
            try withHost { host in
                try Self.multicast(host)
                let element = try host.startSwitch("vde", ["--port", url], as: .ordinary)
                let here = try Plug(host, element.directory)
                let there = try Plug(host, url)
                let elsewhere = try Plug(host, url)
                let hello = frame(to: everybody, from: station(1), seed: 3)
                try wait(for: "the group") {
                    try here.send(hello)
                    return there.frames.contains(hello) && elsewhere.frames.contains(hello)
                }
                let answer = frame(to: station(1), from: station(2), size: 1514, seed: 4)
                try there.send(answer)
                try here.wait(for: answer)
                // Now it is known where station 2 is: the third does not see this.
                let secret = frame(to: station(2), from: station(1), size: 700, seed: 5)
                try here.send(secret)
                try there.wait(for: secret)
                let last = frame(to: everybody, from: station(1), seed: 6)
                try here.send(last)
                try elsewhere.wait(for: last)
                #expect(!elsewhere.frames.contains(secret))
                // Nothing of ours comes back to us from the group.
                #expect(!here.frames.contains(hello) && !here.frames.contains(last))
            }
        }

        @Test("over IPv6, to another host")
        func overIPv6() throws {
            try require("vde_plug")
            try withFarHost { host, far in
                let one = try host.startSwitch("one", ["--port", "vxvde:///v6/if=u0"], as: .ordinary)
                let directory = host.path("two")
                let other = try far.start([
                    host.etherloom, "switch", "--no-stdin", "-s", directory, "--port", "vxvde:///v6/if=u1",
                ])
                try host.waitUntilListening("\(directory)/ctl", other)
                try PlugTests.expectJoined(host, one.directory, directory)
            }
        }

        @Test(
            "with Debian's on another host over IPv6, both ways, broadcasts and unicast",
            arguments: ["vxvde:///v6/if=%", "vxvde://ff15::3/port=12345/vni=42/if=%"]
        )
        func withDebianOverIPv6(url: String) throws {
            try require("vde_plug")
            try withFarHost { host, far in
                func at(_ interface: String) -> String { url.replacingOccurrences(of: "%", with: interface) }
                let element = try host.startSwitch("vde", ["--port", at("u0")], as: .ordinary)
                let here = try Plug(host, element.directory)
                let there = try Plug(host, at("u1"), command: far.entry + ["vde_plug"])
                let hello = frame(to: everybody, from: station(1), seed: 3)
                try wait(for: "the group") {
                    try here.send(hello)
                    return there.frames.contains(hello)
                }
                let answer = frame(to: station(1), from: station(2), size: 1514, seed: 4)
                try there.send(answer)
                try here.wait(for: answer)
                let secret = frame(to: station(2), from: station(1), size: 700, seed: 5)
                try here.send(secret)
                try there.wait(for: secret)
                let call = frame(to: everybody, from: station(2), seed: 6)
                try there.send(call)
                try here.wait(for: call)
            }
        }

        @Test("two switches of ours on one host, and networks of other numbers apart")
        func ours() throws {
            try require("vde_plug")
            try withHost { host in
                try Self.multicast(host)
                let one = try host.startSwitch("one", ["--port", "vxvde://239.1.2.3/vni=77/port=1999"], as: .ordinary)
                let other = try host.startSwitch("other", ["--port", "vxvde://239.1.2.3/vni=77/port=1999"])
                let apart = try host.startSwitch("apart", ["--port", "vxvde://239.1.2.3/vni=78/port=1999"])
                let witness = try Plug(host, apart.directory)
                try apart.waitForEndpoints(2)
                try PlugTests.expectJoined(host, one.directory, other.directory)
                #expect(witness.frames.isEmpty)
            }
        }
    }
}
