// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// The same VLANs, set by the same console commands, and the same frames: what comes out of each port of our switch is
    /// what comes out of Debian's.
    @Suite("VLANs")
    struct VLANs {
        /// Ports 1 and 2 are in VLAN 10, port 4 in 20; 3 has both with tags, 4 has 10 with tags; nobody configured 5 and 6.
        private static let configuration = [
            "vlan/create 10", "vlan/create 20", "port/setvlan 1 10", "port/setvlan 2 10", "vlan/addport 10 3",
            "vlan/addport 20 3", "port/setvlan 4 20", "vlan/addport 10 4", "port/setvlan 3 4095",
        ]

        private func tagged(_ frame: [UInt8], _ control: UInt16?) -> [UInt8] {
            guard let control else { return frame }
            return frame[..<12] + [0x81, 0x00, UInt8(control >> 8), UInt8(control & 0xff)] + frame[12...]
        }

        /// Everything that the ports of a switch got, by port, in an order of its own.
        private func session(_ host: HostNamespace, _ make: Make) throws -> [[[UInt8]]] {
            let element = try host.startVDESwitch("\(make)", ours: make == .ours)
            let plugs = try (1...6).map { number in
                let plug = try Plug(host, "vde://\(element.directory)[\(number)]")
                try element.waitForEndpoints(number)
                return plug
            }
            for command in Self.configuration {
                #expect(try element.ask(command).contains("1000 Success"))
            }
            var seed: UInt8 = 0
            func send(_ port: Int, to destination: [UInt8], _ control: UInt16? = nil) throws -> [UInt8] {
                seed += 1
                let frame = frame(to: destination, from: station(UInt8(port)), seed: seed)
                try plugs[port - 1].send(tagged(frame, control))
                return frame
            }
            for port in 1...6 {
                for control: UInt16? in [nil, 10, 20, 0xa00a, 0xfff] {
                    _ = try send(port, to: everybody, control)
                }
            }
            /// The last word of each port to each that hears it: what was before it has come too.
            func settle() throws {
                let words: [(Int, UInt16?, [(Int, UInt16?)])] = [
                    (1, nil, [(2, nil), (3, 10), (4, 10)]), (2, nil, [(1, nil), (3, 10), (4, 10)]),
                    (3, 10, [(1, nil), (2, nil), (4, 10)]), (3, 20, [(4, nil)]),
                    (4, 10, [(1, nil), (2, nil), (3, 10)]), (4, nil, [(3, 20)]), (5, nil, [(6, nil)]),
                    (6, nil, [(5, nil)]),
                ]
                for (port, control, listeners) in words {
                    let word = try send(port, to: everybody, control)
                    for (listener, form) in listeners { try plugs[listener - 1].wait(for: tagged(word, form)) }
                }
            }
            try settle()
            // All are known now, each in its VLANs.
            for (port, other, control) in [
                (1, 2, nil), (1, 3, nil), (2, 4, nil), (3, 1, 10), (3, 4, 20), (4, 3, nil), (4, 1, 10), (1, 4, 10),
                (5, 6, nil), (5, 6, 10), (6, 1, nil),
            ] as [(Int, UInt8, UInt16?)] {
                _ = try send(port, to: station(other), control)
            }
            try settle()
            return plugs.map { $0.frames.sorted { $0.lexicographicallyPrecedes($1) } }
        }

        @Test("come out of each port as of Debian's")
        func asDebian() throws {
            try require("vde_plug", "vde_switch")
            try withHost { host in
                let (ours, theirs) = (try session(host, .ours), try session(host, .debian))
                for port in ours.indices {
                    #expect(ours[port] == theirs[port], "port \(port + 1)")
                    #expect(!ours[port].isEmpty)
                }
            }
        }

        @Test("two stacks ping each other with tags", arguments: Make.allCases)
        func stacks(make: Make) throws {
            try require("vde_switch", "python3")
            try withHost { host in
                let element = try host.startSwitch(make)
                try Transfer.tagged(host, element, element, make)
            }
        }

        @Test("tags pass between ports that nobody configured, a managed VLAN stays closed to them; a trunk has all")
        func plainPorts() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde")
                let plugs = try (1...4).map { number in
                    let plug = try Plug(host, "vde://\(element.directory)[\(number)]")
                    try element.waitForEndpoints(number)
                    return plug
                }
                for command in ["vlan/create 10", "port/setvlan 1 10", "vlan/trunk 4 1"] {
                    #expect(try element.ask(command).contains("1000 Success"))
                }
                let closed = tagged(frame(to: everybody, from: station(2), seed: 1), 10)
                let open = tagged(frame(to: everybody, from: station(2), seed: 2), 30)
                try plugs[1].send(closed)
                try plugs[1].send(open)
                try plugs[2].wait(for: open)
                try plugs[3].wait(for: open)
                let word = frame(to: everybody, from: station(1), seed: 3)
                try plugs[0].send(word)
                try plugs[3].wait(for: tagged(word, 10))
                let reply = frame(to: station(1), from: station(4), seed: 4)
                try plugs[3].send(tagged(reply, 10))
                try plugs[0].wait(for: reply)
                #expect(plugs[0].frames == [reply])
                #expect(plugs[2].frames == [open])
            }
        }
    }
}
