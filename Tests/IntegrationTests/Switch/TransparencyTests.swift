// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("What a wire would pass, the switch passes")
    struct Transparency {
        /// Frames that bridges like to keep for themselves, or to change.
        enum Kind: String, CaseIterable, Sendable {
            case tagged, doubleTagged, priorityTagged, spanningTree, pause, portAccess, lldp, jumbo

            var frame: [UInt8] {
                let source: [UInt8] = station(9)
                let payload = [UInt8](repeating: 0x5a, count: 100)
                switch self {
                // IEEE 802.1Q: VLAN 42, priority 5.
                case .tagged: return everybody + source + [0x81, 0x00, 0xa0, 0x2a, 0x88, 0xb5] + payload
                // IEEE 802.1ad: a service tag in front of a customer's.
                case .doubleTagged:
                    return everybody + source + [0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x2a, 0x88, 0xb5] + payload
                case .priorityTagged: return everybody + source + [0x81, 0x00, 0xe0, 0x00, 0x88, 0xb5] + payload
                // Group addresses that IEEE 802.1Q table 8-1 reserves.
                case .spanningTree:
                    return reserved(0x00) + source + [0x00, 0x26, 0x42, 0x42, 0x03, 0, 0, 0, 0]
                        + [UInt8](repeating: 0, count: 37)
                case .pause: return reserved(0x01) + source + [0x88, 0x08, 0x00, 0x01, 0xff, 0xff] + payload
                case .portAccess: return reserved(0x03) + source + [0x88, 0x8e, 0x01, 0x01, 0x00, 0x00] + payload
                case .lldp: return reserved(0x0e) + source + [0x88, 0xcc, 0x02, 0x07, 0x04] + source + payload
                case .jumbo: return IntegrationTests.frame(to: everybody, from: source, size: 9014)
                }
            }

            private func reserved(_ last: UInt8) -> [UInt8] { [0x01, 0x80, 0xc2, 0x00, 0x00, last] }
        }

        @Test("from a stack to a VDE client and back, unchanged", arguments: Kind.allCases)
        func stackAndClient(kind: Kind) throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let guest = try host.startRun(
                    [
                        "--net", "\(element.directory),mtu=9000", "--", "python3", "-u", try script("frames.py", host),
                        "vd0",
                    ])
                try guest.wait(forOutput: "ready")
                let plug = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                try guest.write(hexadecimal(kind.frame) + "\n")
                try plug.wait(for: kind.frame)
                var back = kind.frame
                back[11] = 0x0a
                try plug.send(back)
                try guest.wait(forOutput: "frame \(hexadecimal(back))\n")
            }
        }

        @Test("a learned address gets its frames alone; as a hub, the switch sends them to all")
        func hub() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let plugs = try (1...3).map { number in
                    let plug = try Plug(host, element.directory)
                    try element.waitForEndpoints(number)
                    return plug
                }
                func say(seed: UInt8) throws -> [UInt8] {
                    let words = frame(to: station(2), from: station(1), seed: seed)
                    try plugs[0].send(words)
                    try plugs[1].wait(for: words)
                    return words
                }
                // Stations 1 and 2 are known from now on.
                let hello = frame(to: everybody, from: station(2))
                try plugs[1].send(hello)
                try plugs[0].wait(for: hello)
                try plugs[2].wait(for: hello)
                let table = try element.ask("hash/print")
                #expect(table.contains("02:00:00:00:00:02"))
                let private1 = try say(seed: 10)

                #expect(try element.ask("port/sethub 1").contains("1000 Success"))
                let public2 = try say(seed: 20)
                try plugs[2].wait(for: public2)
                // What came later has come, so what was private is not under way.
                #expect(!plugs[2].frames.contains(private1))

                #expect(try element.ask("port/sethub 0").contains("1000 Success"))
                let mark = frame(to: everybody, from: station(2), seed: 40)
                try plugs[1].send(mark)
                try plugs[2].wait(for: mark)
                let private3 = try say(seed: 30)
                let end = frame(to: everybody, from: station(1), seed: 50)
                try plugs[0].send(end)
                try plugs[2].wait(for: end)
                #expect(!plugs[2].frames.contains(private3))
            }
        }

        @Test("a switch started as a hub is one")
        func startedAsHub() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--hub"])
                let pair = try Pair(element)
                let third = try Plug(host, element.directory)
                try element.waitForEndpoints(3)
                try pair.talk()
                let unicast = frame(to: station(2), from: station(1), seed: 77)
                try pair.one.send(unicast)
                try pair.other.wait(for: unicast)
                try third.wait(for: unicast)
            }
        }

        @Test("a switch in a namespace holds taps of it: the host itself is on the network")
        func taps() throws {
            try require("ping")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--tap", "tap0", "-t", "tap1"])
                #expect(try element.endpoints() == ["1: tap0", "2: tap1"])
                #expect(try element.ask("port/print").contains("module tuntap"))
                try host.check(["ip", "address", "add", "10.1.0.1/24", "dev", "tap0"])
                try host.check(["ip", "link", "set", "tap0", "up"])
                try host.startGuest("guest", ["\(element.directory),ip=10.1.0.2/24"])
                try host.check(host.ping("10.1.0.2"))
                #expect(try host.join("guest", host.ping("10.1.0.1")).end == .exited(0))
                // Deleted from under the switch: its port goes, the switch stays.
                try host.check(["ip", "link", "delete", "tap1"])
                try element.waitForEndpoints(2)
                #expect(try element.program.stop() == .exited(0))
                try host.expectLinks(["lo"])
            }
        }

        @Test("a cable of two switches carries frames, and ends with one of them", arguments: Make.allCases)
        func cable(make: Make) throws {
            try require("ping", "vde_switch")
            try withHost { host in
                let (one, other) = (try host.startSwitch("one"), try host.startSwitch(make, "other"))
                let cable = try host.startElement(["plug", one.directory, other.directory])
                try host.startGuest("left", ["\(one.directory),ip=10.1.0.1/24"])
                try host.startGuest("right", ["\(other.directory),ip=10.1.0.2/24"])
                #expect(try host.join("left", host.ping("10.1.0.2")).end == .exited(0))
                try other.program.stop(SIGTERM)
                #expect(try cable.waitForEnd() == .exited(1))
                #expect(cable.errorLines.count == 1)
                #expect(cable.errorOutput.contains("\(other.directory): the switch is gone"))
                try one.waitForEndpoints(1)
            }
        }
    }
}

extension HostNamespace {
    func expectLinks(_ names: [String]) throws {
        try wait(for: "no interfaces but \(names)") { try links() == names }
    }
}
