// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Guests

@Suite("Words of ip(8)")
struct NetworkWordsTests {
    private func parse(_ text: String) throws -> NetworkWords {
        try NetworkWords(text.split(separator: " ").map(String.init))
    }

    @Test("are understood as ip understands them")
    func good() throws {
        let address = try #require(InterfaceAddress("10.0.0.1/24"))
        let router = try #require(IPAddress("10.0.0.9"))
        #expect(try parse("addr") == .addresses(interface: nil))
        #expect(try parse("address show dev eth0") == .addresses(interface: "eth0"))
        #expect(try parse("addr add 10.0.0.1/24 dev eth0") == .addAddress(address, interface: "eth0"))
        #expect(try parse("addr del dev eth0 10.0.0.1/24") == .removeAddress(address, interface: "eth0"))
        #expect(try parse("route") == .routes)
        #expect(
            try parse("route add default via 10.0.0.9")
                == .addRoute(nil, isVersion6: false, via: router, interface: nil)
        )
        #expect(
            try parse("route add fd00::/64 dev eth0")
                == .addRoute(InterfaceAddress("fd00::/64"), isVersion6: true, via: nil, interface: "eth0")
        )
        #expect(
            try parse("route del 10.0.0.1")
                == .removeRoute(InterfaceAddress("10.0.0.1/32"), isVersion6: false, via: nil, interface: nil)
        )
        #expect(try parse("link set eth0 up mtu 1400") == .setLink("eth0", [.mtu(1400), .up(true)]))
        #expect(try parse("link set dev eth0 down") == .setLink("eth0", [.up(false)]))
    }

    @Test(
        "what they are not",
        arguments: [
            "moon", "addr add", "addr add 10.0.0.1/24", "addr add 10.0.0.1/33 dev eth0", "addr add x dev eth0",
            "addr jump",
            "route add", "route add default", "route add default via nowhere", "route add 10.0.0.0/8 via 10.0.0.9 dev",
            "link set eth0", "link set up", "link set eth0 mtu 7", "link set eth0 address x", "addr show now",
            "route add default via 10.0.0.9 fast",
        ]
    )
    func bad(text: String) {
        let error = #expect(throws: GuestError.self) { try parse(text) }
        #expect(error?.status == 2)
    }

    @Test("names of devices on a bridge fit the kernel, and differ")
    func deviceNames() {
        #expect(DeviceName.fitting("alice-eth0") == "alice-eth0")
        let long = ["bartholomew-eth0", "bartholomew-eth1", "bartholomaeus-eth0"].map { DeviceName.fitting($0) }
        #expect(Set(long).count == 3)
        #expect(long.allSatisfy { $0.utf8.count <= 15 })
    }

    @Test("variables given later win")
    func environment() {
        #expect(ProcessGuest.merged(["A=1", "B=2"], ["A=3"], ["C=", "B=4"]) == ["A=3", "B=4", "C="])
    }

    @Test("elements that fall over and over wait longer each time")
    func pauses() {
        #expect((0...12).map { KeptElement.pause($0) }.prefix(5) == [0, 100, 200, 400, 800])
        #expect(KeptElement.pause(100) == 30_000)
    }
}
