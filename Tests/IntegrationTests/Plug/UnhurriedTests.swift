// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Name servers and hosts that do not answer hold up nobody but who waits for them.
    @Suite("Networks that take their time")
    struct UnhurriedTests {
        /// Seconds within which a console answers, whatever else a switch waits for.
        private static let promptness = 2.0

        /// Asks the console, and says how long the answer took.
        private static func ask(_ element: RunningSwitch, _ command: String) throws -> (String, Double) {
            let begin = Date()
            let answer = try element.ask(command)
            return (answer, Date().timeIntervalSince(begin))
        }

        @Test("a name that no server answers for: the console goes on, and the network is plugged in when it is known")
        func slowName() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                // A server that hears every question and says nothing, until it is told the answer.
                let server = try host.start(
                    [
                        "python3", "-u", "-c",
                        """
                        import select, socket, sys
                        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        s.bind(("127.0.0.1", 53))
                        print("silent", flush=True)
                        speaks = False
                        while True:
                            for ready in select.select([s] + ([] if speaks else [sys.stdin]), [], [])[0]:
                                if ready is sys.stdin:
                                    speaks = True
                                    continue
                                question, peer = s.recvfrom(512)
                                if not speaks:
                                    print("asked", flush=True)
                                    continue
                                end = question.index(0, 12) + 5
                                isA = question[end - 4:end - 2] == b"\\x00\\x01"
                                answer = question[:2] + b"\\x81\\x80\\x00\\x01\\x00" + bytes([isA]) + b"\\x00" * 4
                                answer += question[12:end]
                                if isA: answer += b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x3c\\x00\\x04\\x7f\\x00\\x00\\x01"
                                s.sendto(answer, peer)
                        """,
                    ],
                    input: .pipe
                )
                try server.wait(forOutput: "silent")
                let element = try host.startSwitch()
                let far = try host.startSwitch("far", ["--port", "stream://127.0.0.1:5000[listen]"])
                let (answer, seconds) = try Self.ask(element, "port/attach stream://slow.example:5000")
                #expect(answer.contains("1000 Success"), "\(answer)")
                #expect(seconds < Self.promptness)
                try server.wait(forOutput: "asked")
                let (report, more) = try Self.ask(element, "port/attached")
                #expect(report.contains("DOWN stream://slow.example:5000"), "\(report)")
                #expect(more < Self.promptness)
                try server.write("speak\n")
                try wait(for: "the network", seconds: 40) {
                    try element.ask("port/attached").contains("UP stream://slow.example:5000")
                }
                try PlugTests.expectJoined(host, element.directory, far.directory)
            }
        }

        @Test("a host that does not answer a connection: the console goes on, and the next alternative has its turn")
        func slowHost() throws {
            try require("vde_plug", "nft")
            try withFarHost { host, far in
                try far.check(["nft", "add table inet block"])
                try far.check(["nft", "add chain inet block in { type filter hook input priority 0; }"])
                try far.check(["nft", "add rule inet block in tcp dport 5000 drop"])
                let other = try host.startSwitch("other")
                let element = try host.startSwitch()
                let text = "stream://\(FarHost.farAddress):5000|\(other.directory)"
                let (answer, seconds) = try Self.ask(element, "port/attach \(text)")
                #expect(answer.contains("1000 Success"), "\(answer)")
                #expect(seconds < Self.promptness)
                let (report, more) = try Self.ask(element, "port/attached")
                #expect(report.contains("DOWN stream://"), "\(report)")
                #expect(more < Self.promptness)
                try wait(for: "the alternative", seconds: 40) {
                    try element.ask("port/attached").contains("UP stream://")
                }
                try PlugTests.expectJoined(host, element.directory, other.directory)
            }
        }
    }
}
