// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A switch that does not run for a moment loses frames in its sockets' buffers: each of them is counted.
    @Suite("Full socket buffers")
    struct OverflowTests {
        /// The number behind `mark` in a console's answer, blanks aside.
        private static func number(_ answer: String, _ mark: String) -> Int {
            let text = answer.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard let range = text.range(of: mark) else { return 0 }
            return Int(text[range.upperBound...].drop { $0 == " " }.prefix { $0.isNumber }) ?? 0
        }

        private static func expectCounted(
            _ element: RunningSwitch,
            sent: Int,
            flood: () throws -> Void,
            more: () throws -> Void
        ) throws {
            element.program.send(signal: SIGSTOP)
            try flood()
            element.program.send(signal: SIGCONT)
            var total = sent
            var report = ""
            // The kernel tells with the next frame that it can deliver.
            try wait(for: "the count of all frames") {
                try more()
                total += 1
                let arrived = Self.number(try element.ask("port/print"), "IN: pkts")
                report = try element.ask("port/drops")
                return arrived + Self.number(report, "- no-buffers pkts") >= total
            }
            let arrived = Self.number(try element.ask("port/print"), "IN: pkts")
            let lost = Self.number(report, "- no-buffers pkts")
            #expect(lost > 0 && arrived > 0)
            #expect(arrived + lost == total, "\(report)")
        }

        private static let sender = """
            import socket, sys
            kind, count, size = sys.argv[1], int(sys.argv[2]), 1400
            frame = b'\\xff' * 6 + bytes([2, 0, 0, 0, 0, 9]) + b'\\x88\\xb5' + bytes(size)
            if kind == 'udp':
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(('127.0.0.1', 6000))
                s.connect(('127.0.0.1', 5000))
            else:
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                s.bind((kind, 0))
            for _ in range(count): s.send(frame)
            """

        @Test("datagrams")
        func datagrams() throws {
            try require("python3")
            try withHost { host in
                let element = try host.startSwitch("vde", ["--port", "udp://5000->127.0.0.1:6000"])
                try Self.expectCounted(
                    element,
                    sent: 20_000,
                    flood: { try host.check(["python3", "-c", Self.sender, "udp", "20000"]) },
                    more: { try host.check(["python3", "-c", Self.sender, "udp", "1"]) }
                )
            }
        }

        @Test("frames of an interface")
        func frames() throws {
            try require("python3")
            try withFarHost { host, far in
                // Nothing but the test's own frames.
                try host.check(["sysctl", "-qw", "net.ipv6.conf.u0.disable_ipv6=1"])
                try far.check(["sysctl", "-qw", "net.ipv6.conf.u1.disable_ipv6=1"])
                let element = try host.startSwitch("vde", ["--port", "packet://u0"])
                let before = Self.number(try element.ask("port/print"), "IN: pkts")
                #expect(before == 0)
                try Self.expectCounted(
                    element,
                    sent: 20_000,
                    flood: { try far.check(["python3", "-c", Self.sender, "u1", "20000"]) },
                    more: { try far.check(["python3", "-c", Self.sender, "u1", "1"]) }
                )
            }
        }
    }
}
