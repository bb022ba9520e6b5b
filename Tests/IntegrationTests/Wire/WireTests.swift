// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Impaired wires and captures")
    struct WireTests {
        /// Mean time of a ping's answers in milliseconds.
        private static func meanTime(_ output: String) -> Double? {
            guard let line = output.split(separator: "\n").last(where: { $0.contains("min/avg/max") }),
                let numbers = line.split(separator: "=").last
            else { return nil }
            return numbers.split(separator: "/").dropFirst().first.flatMap { Double($0) }
        }

        private static func ping(_ host: HostNamespace, _ network: String, _ options: String = "-c 5 -i 0.3") throws
            -> Program
        {
            let words = "ping \(options) -w 20 10.1.0.1".split(separator: " ").map(String.init)
            return try host.runInStack(["--net", network, "--address", "10.1.0.2/24", "--"] + words)
        }

        @Test(
            "a wire makes a ping as late as it was told, and its console changes that",
            arguments: ["wire", "wirefilter"]
        )
        func delay(_ program: String) throws {
            try require("ping")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(.ours, "other")
                try host.startGuest("far", ["\(one.directory)"], ["--address", "10.1.0.1/24"])
                let console = host.path("wire")
                if program == "wire" {
                    try host.startElement(["wire", one.directory, other.directory, "-d", "40", "-M", console])
                } else {
                    _ = try host.start(
                        [
                            host.compatible("wirefilter"), "-v", "\(one.directory):\(other.directory)", "-d", "40",
                            "-M", console,
                        ],
                        input: .pipe
                    )
                    try TestSupport.wait(for: "the console", seconds: patience) {
                        FileManager.default.fileExists(atPath: console)
                    }
                }
                let late = try #require(Self.meanTime(Self.ping(host, other.directory).output))
                #expect(late >= 80 && late < 200)
                let client = try UnixClient(console)
                _ = try client.receive(until: "VDEwf$ ")
                try client.send(Array("delay 0\n".utf8))
                #expect(try client.receive(until: "VDEwf$ ") == "1000 Success\n\nVDEwf$ ")
                let quick = try #require(Self.meanTime(Self.ping(host, other.directory).output))
                #expect(quick < 80)
                try client.send(Array("loss 100\n".utf8))
                _ = try client.receive(until: "VDEwf$ ")
                #expect(try Self.ping(host, other.directory, "-c 2 -i 0.2 -W 1").end == .exited(1))
            }
        }

        @Test("wirefilter runs what a file on its standard input says, prompts, and ends with it")
        func commandsFromFile() throws {
            try require()
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(.ours, "other")
                let words = [host.compatible("wirefilter"), "-v", "\(one.directory):\(other.directory)"]
                let commands = try host.write("delay 5\nnonsense\n", data: "commands")
                let told = try host.run(words, input: .file(commands))
                #expect(told.end == .exited(0))
                #expect(told.output == "1000 Success\n\nVDEwf$ 1038 Function not implemented\n\nVDEwf$ ")
                #expect(try host.run(words, input: .file("/dev/null")).end == .exited(0))
                // A file of commands at the start: what fails is told, and the rest is run.
                let start = try host.write("nonsense\nshutdown\n", data: "start")
                let ended = try host.run(words + ["-f", start], input: .file(commands))
                #expect(ended.end == .exited(0) && ended.output.isEmpty)
                #expect(ended.errorOutput.contains("rc command error: nonsense Function not implemented"))
                let none = try host.run(words + ["-f", host.path("none")], input: .file(commands))
                #expect(none.end == .exited(0) && none.output.contains("1000 Success"))
            }
        }

        @Test("a capture is what tcpdump reads, filtered by the switch")
        func capture() throws {
            try require("tcpdump", "ping")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                try host.startGuest("far", ["\(one.directory)"], ["--address", "10.1.0.1/24"])
                let file = host.data("icmp.pcapng")
                let capture = try host.startElement(
                    ["capture", one.directory, "--filter", "icmp", "-w", file, "-c", "6"]
                )
                #expect(try Self.ping(host, one.directory, "-c 3 -i 0.2").end == .exited(0))
                #expect(try capture.waitForEnd() == .exited(0))
                let read = try host.run(["tcpdump", "-n", "-r", file])
                let lines = read.output.split(separator: "\n")
                #expect(lines.count == 6)
                #expect(lines.allSatisfy { $0.contains("ICMP echo") })
            }
        }

        @Test("only the owner may capture")
        func stranger() throws {
            try require()
            try withHost { host in
                guard host.path("x").hasPrefix("/"), geteuid() == 0 else { return }
                let one = try host.startSwitch("one", ["-m", "0777", "--directory-mode", "0777"])
                let refused = try host.run(
                    [host.etherloom, "capture", one.directory, "-w", host.path("f")],
                    as: .ordinary
                )
                #expect(refused.end == .exited(1))
                #expect(refused.errorOutput.contains("captures are for the switch's owner and root"))
                try? FileManager.default.removeItem(atPath: host.path("f"))
            }
        }
    }
}
