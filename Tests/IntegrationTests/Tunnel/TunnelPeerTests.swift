// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// Who hears of it when the other end of a tunnel dies.
    @Suite("Tunnels whose peer dies and comes again")
    struct TunnelPeerTests {
        /// A guest's monitor, without a guest.
        ///
        /// - Parameter channel: where it is told that the configuration has changed.
        private static func startMachine(_ path: String, _ channel: borrowing OwnedDescriptor) throws -> VhostFrontEnd {
            let machine = try VhostFrontEnd(path: path, rings: GuestRings())
            // Version 1, device status, protocol features.
            try machine.negotiate(features: 1 << 32 | 1 << 16 | 1 << 30)
            try machine.send(21, [], descriptors: [channel.rawValue])
            try machine.start()
            return machine
        }

        /// What the guest reads of its link: `status` in `struct virtio_net_config`.
        private static func hasCarrier(_ machine: VhostFrontEnd) throws -> Bool {
            let range = [UInt32(0), 24, 0].flatMap { VhostFrontEnd.bytes($0) }
            return try machine.ask(24, range + [UInt8](repeating: 0, count: 24))[12 + 6] == 1
        }

        @Test("a console, an interface and a guest see it, and see the peer come again")
        func dies() throws {
            try require("ip")
            try withFarHost { host, far in
                let (ours, theirs) = (try host.makeKey("near.key"), try host.makeKey("far.key"))
                func near(_ port: Int) -> String {
                    "tunnel://:\(port)/peer=\(theirs.text)/key=\(ours.file)/keepalive=1"
                }
                let farWords = [7000, 7001, 7002].flatMap { port in
                    let url = "tunnel://\(FarHost.nearAddress):\(port)/peer=\(ours.text)/key=\(theirs.file)"
                    return ["--port", "\(url)/keepalive=1"]
                }
                func startFar() throws -> Program {
                    try far.start([host.etherloom, "switch", "--no-stdin", "-s", host.path("far")] + farWords)
                }

                let element = try host.startSwitch("near", ["--port", near(7000)])
                let console = try UnixClient(element.console)
                _ = try console.receive(until: "vde$ ")
                try console.send(Array("debug/add port/ep\n".utf8))
                #expect(try console.receive(until: "vde$ ").contains("1000 Success"))
                try host.startElement(["plug", near(7001), "tap://t0"])
                try host.check(["ip", "link", "set", "t0", "up"])
                let socket = host.path("machine")
                try host.startElement(["plug", "vhost://\(socket)", near(7002)])
                let channel = try UnixSocket.pair(.stream)
                let machine = try Self.startMachine(socket, channel.second)

                func expect(isThere: Bool, says report: String) throws {
                    try wait(for: "carrier \(isThere) of t0: \(host.transcript)") {
                        try host.check(["ip", "link", "show", "t0"]).contains("LOWER_UP") == isThere
                    }
                    try wait(for: "carrier \(isThere) of the guest: \(host.transcript)") {
                        try Self.hasCarrier(machine) == isThere
                    }
                    let ports = try element.ask("port/print")
                    #expect(ports.contains("tunnel at port 7000\(report)"), "\(ports)")
                    #expect(try element.ask("port/attached").contains(" \(isThere ? "UP" : "DOWN") tunnel://"))
                }
                try expect(isThere: false, says: " (no peer so far)")
                let first = try startFar()
                _ = try console.receive(until: "peer answers\n")
                try expect(isThere: true, says: "\n")

                let before = Date.now
                first.send(signal: SIGKILL)
                try first.waitForEnd()
                let event = try console.receive(until: "peer silent\n")
                #expect(event.contains("3034 port/ep/status Port 01 FD "), "\(event)")
                #expect(Date.now.timeIntervalSince(before) < 10)
                try expect(isThere: false, says: " (peer silent since 20")

                let second = try startFar()
                _ = try console.receive(until: "peer answers\n")
                try expect(isThere: true, says: "\n")
                try second.stop()
            }
        }
    }
}
