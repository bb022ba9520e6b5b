// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Filters of clients")
    struct ClientFiltering {
        /// What a console counts as refused by the filters of a port's clients.
        private func filtered(_ element: RunningSwitch) throws -> Int {
            try element.ask("port/drops").split(whereSeparator: \.isNewline).reduce(0) { sum, line in
                let words = line.split(separator: " ")
                guard words.starts(with: ["-", "filtered", "pkts"]), words.count == 4 else { return sum }
                return sum + (Int(words[3]) ?? 0)
            }
        }

        @Test("a plug receives and sends what its expressions want; its neighbour on the interface is not touched")
        func plug() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startMultiplexer()
                let narrow = try Plug(
                    host,
                    element.directory + "[alice]",
                    command: [
                        host.etherloom, "plug", "--receive-filter", "ether dst 02:00:00:00:00:07", "--send-filter",
                        "ether src 02:00:00:00:00:07", "--priority", "5", "-",
                    ]
                )
                let wide = try Plug(host, element.directory + "[alice]", command: [host.etherloom, "plug", "-"])
                let other = try Plug(host, element.directory + "[1]")
                try element.waitForEndpoints(3)
                let foreign = frame(to: station(8), from: station(1), seed: 1)
                let own = frame(to: station(7), from: station(1), seed: 2)
                try other.send(foreign)
                try other.send(own)
                try wide.wait(for: foreign)
                try wide.wait(for: own)
                try narrow.wait(for: own)
                #expect(narrow.frames == [own])
                let forged = frame(to: station(1), from: station(9), seed: 3)
                let honest = frame(to: station(1), from: station(7), seed: 4)
                try narrow.send(forged)
                try narrow.send(honest)
                try other.wait(for: honest)
                #expect(other.frames == [honest])
                var count = 0
                try wait(for: "two frames that filters refuse, counted are \(count)") {
                    count = try filtered(element)
                    return count == 2
                }
            }
        }

        @Test("a stack with a filter reaches what it lets through, and nothing else")
        func stack() throws {
            try require("ping")
            try withHost { host in
                let element = try host.startMultiplexer()
                try host.startGuest("bob", [element.directory + "[bob]"], ["--address", "10.5.0.2/24"])
                let arguments = ["--net", element.directory + "[alice]", "--address", "10.5.0.1/24"]
                let open = try host.runInStack(
                    arguments + ["--receive-filter", "arp or icmp", "--"] + host.ping("10.5.0.2", count: 1)
                )
                #expect(open.end == .exited(0))
                let closed = try host.runInStack(
                    arguments + ["--receive-filter", "arp", "--", "ping", "-c", "1", "-W", "1", "10.5.0.2"]
                )
                #expect(closed.end == .exited(1))
            }
        }

        @Test("what libpcap does not understand is said in its words; a switch of another make takes no filters")
        func mistakes() throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startMultiplexer()
                for verb in [["run", "--net", element.directory + "[a]"], ["plug", "-", element.directory + "[a]"]] {
                    let wrong = try host.run([host.etherloom] + verb + ["--receive-filter", "tcp prot 80"])
                    #expect(wrong.end == .exited(2))
                    #expect(wrong.errorLines.count == 1)
                    #expect(wrong.errorOutput.contains("--receive-filter: filter \"tcp prot 80\""))
                }
                let stock = try host.startVDESwitch("stock")
                let refused = try host.run([host.etherloom, "plug", "--send-filter", "ip", "-", stock.directory])
                #expect(refused.end == .exited(1))
                #expect(refused.errorOutput.contains("a switch of another make takes no filters"))
            }
        }

        @Test("a client that floods and one that has stopped harm nobody else; what they lose is counted")
        func hostileNeighbours() throws {
            try require("vde_plug", "ping", "python3")
            try withHost { host in
                let element = try host.startMultiplexer()
                try host.startGuest("alice", [element.directory + "[alice]"], ["--address", "10.5.0.1/24"])
                try host.startGuest("bob", [element.directory + "[bob]"], ["--address", "10.5.0.2/24"])
                let stopped = try Plug(host, element.directory + "[stopped]", command: [host.etherloom, "plug", "-"])
                try element.waitForEndpoints(3)
                stopped.program.send(signal: SIGSTOP)
                // Its end is the plug's end of input.
                let flood = """
                    import subprocess, sys
                    plug = subprocess.Popen(["vde_plug", sys.argv[1]], stdin=subprocess.PIPE)
                    station = bytes([2, 0, 0, 0, 0, 99])
                    frame = bytes([0, 60]) + station + station + bytes([0x88, 0xb5]) + bytes(46)
                    while True: plug.stdin.write(frame * 500)

                    """
                let feeder = try host.write(flood, data: "flood.py")
                let flooder = try host.start(["python3", feeder, element.directory + "[9]"])
                try wait(for: "losses of the one that has stopped") {
                    try element.ask("port/drops").contains("queue-full")
                }
                #expect(try host.join("alice", host.ping("10.5.0.2", count: 5)).end == .exited(0))
                // They die as they lived.
                stopped.program.send(signal: SIGKILL)
                try wait(for: "the end of its interface") { try element.interface("stopped") == nil }
                try flooder.stop(SIGKILL)
                try element.waitForEndpoints(2)
                #expect(try host.join("alice", host.ping("10.5.0.2", count: 1)).end == .exited(0))
            }
        }
    }
}
