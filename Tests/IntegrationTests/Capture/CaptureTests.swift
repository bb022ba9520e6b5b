// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Two stations on a switch, and what a capture makes of what they say.
private final class Stations {
    let host: HostNamespace
    let network: RunningSwitch
    let one: Plug
    let other: Plug
    /// Frames sent so far: each is another one.
    private var number = 0

    /// Stations on ports 1 and 2.
    init(_ host: HostNamespace) throws {
        self.host = host
        network = try host.startSwitch(.ours)
        one = try Plug(host, network.directory, command: [host.compatible("vde_plug")])
        try network.waitForEndpoints(1)
        other = try Plug(host, network.directory, command: [host.compatible("vde_plug")])
        try network.waitForEndpoints(2)
    }

    /// Broadcasts from the first station, and waits until the other has them all.
    func say(_ count: Int, size: Int = 100) throws {
        var last: [UInt8] = []
        for _ in 0..<count {
            number += 1
            last = frame(to: everybody, from: station(1), size: size, seed: UInt8(truncatingIfNeeded: number))
            try one.send(last)
        }
        try other.wait(for: last)
    }

    /// What pcapng.py says of files.
    func contents(_ files: [String]) throws -> [String] {
        try host.check(["python3", try script("pcapng.py", host)] + files).split(separator: "\n").map(String.init)
    }

    /// tcpdump's line for each packet, without the bytes that it shows of packets that it does not know.
    func packets(_ output: String) -> [Substring] { output.split(separator: "\n").filter { !$0.hasPrefix("\t") } }

    /// How many packets tcpdump finds in a file.
    func packetCount(_ file: String) throws -> Int {
        packets(try host.check(["sh", "-c", "tcpdump -n -t -r - < \(file)"])).count
    }
}

extension Integration {
    @Suite("Captures of a live switch")
    struct CaptureTests {
        private func withStations(_ body: (HostNamespace, Stations) throws -> Void) throws {
            try require("tcpdump", "python3")
            try withHost { host in try body(host, try Stations(host)) }
        }

        @Test("a pipe to tcpdump ends after the number of frames asked for")
        func count() throws {
            try withStations { host, stations in
                let ready = host.data("ready")
                let capture =
                    "\(host.etherloom) capture \(stations.network.directory) -c 3 --ready-fd 5 5>\(ready)"
                let pipe = try host.start(["sh", "-c", "\(capture) | tcpdump -n -t -e -r -"])
                try wait(for: "the capture") { FileManager.default.contents(atPath: ready)?.isEmpty == false }
                try stations.say(10)
                #expect(try pipe.waitForEnd() == .exited(0))
                let lines = stations.packets(pipe.output)
                #expect(lines.count == 3)
                #expect(lines.allSatisfy { $0.hasPrefix("02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff") })
                #expect(pipe.errorOutput.contains("3 frames captured"))
            }
        }

        @Test("of named ports both directions, cut to the length asked for")
        func snapLength() throws {
            try withStations { host, stations in
                let file = host.data("cut.pcapng")
                let capture = try host.startElement(
                    [
                        "capture", stations.network.directory, "1", "2", "-s", "40", "-c", "4", "-w", file, "--filter",
                        "greater 50",
                    ]
                )
                for _ in 0..<2 { try stations.say(1, size: 1000) }
                #expect(try capture.waitForEnd() == .exited(0))
                #expect(
                    try stations.contents([file]) == [
                        "section etherloom", "interface port1 snap 40 filter greater 50",
                        "packet port1 in kept 40 of 1000", "interface port2 snap 40 filter greater 50",
                        "packet port2 out kept 40 of 1000", "packet port1 in kept 40 of 1000",
                        "packet port2 out kept 40 of 1000", "statistics port1 received 2 dropped 0",
                        "statistics port2 received 2 dropped 0",
                    ]
                )
                #expect(try stations.packetCount(file) == 4)
            }
        }

        @Test("it ends by itself after the time asked for")
        func duration() throws {
            try withStations { host, stations in
                let file = host.data("second.pcapng")
                let begin = Date()
                let capture = try host.startElement(
                    ["capture", stations.network.directory, "--duration", "1.5", "-w", file]
                )
                try stations.say(5)
                #expect(try capture.waitForEnd() == .exited(0))
                #expect(Date().timeIntervalSince(begin) >= 1.5)
                #expect(try stations.packetCount(file) == 5)
            }
        }

        @Test("a ring of files keeps the latest ones, each of them whole")
        func ring() throws {
            try withStations { host, stations in
                let capture = try host.startElement(
                    ["capture", stations.network.directory, "-w", host.data("ring.pcapng"), "--ring", "8Kx3"]
                )
                // A frame takes 1044 bytes: eight of them fill a file, and the next one is begun.
                for round in 1...6 {
                    try stations.say(8, size: 1000)
                    let next = host.data("ring-0000\(round + 1).pcapng")
                    try wait(for: next) { FileManager.default.fileExists(atPath: next) }
                }
                #expect(try capture.stop(SIGINT) == .exited(0))
                let names = try FileManager.default.contentsOfDirectory(atPath: host.data(""))
                    .filter { $0.hasPrefix("ring") }.sorted()
                #expect(names == ["ring-00005.pcapng", "ring-00006.pcapng", "ring-00007.pcapng"])
                for (name, count) in zip(names, [8, 8, 0]) {
                    let lines = try stations.contents([host.data(name)])
                    #expect(lines.first == "section etherloom")
                    #expect(lines.count { $0 == "packet port1 in kept 1000 of 1000" } == count)
                    // Also of a file without a frame.
                    #expect(try stations.packetCount(host.data(name)) == count)
                }
            }
        }

        @Test("to a socket that somebody listens on", arguments: ["unix", "tcp", "tcp6"])
        func sockets(_ kind: String) throws {
            try withStations { host, stations in
                let place = [
                    "unix": "unix:\(host.path("sink"))", "tcp": "tcp:127.0.0.1:7001", "tcp6": "tcp:[::1]:7001",
                ][kind]!
                let file = host.data("sink.pcapng")
                let sink = try host.start(["python3", "-u", try script("sink.py", host), place, file])
                try sink.wait(forOutput: "listening")
                let capture = try host.startElement(["capture", stations.network.directory, "-w", place])
                try stations.say(7)
                // What has come is there at once, and not when a buffer is full.
                try wait(for: "seven packets") {
                    (try? stations.contents([file]).count { $0.hasPrefix("packet") }) == 7
                }
                #expect(try capture.stop() == .exited(0))
                #expect(try sink.waitForEnd() == .exited(0))
                #expect(try stations.packetCount(file) == 7)
                #expect(try stations.contents([file]).last == "statistics port1 received 7 dropped 0")
            }
        }

        @Test("a reader who goes away has seen enough")
        func readerGoes() throws {
            try withStations { host, stations in
                let place = "unix:\(host.path("sink"))"
                let sink = try host.start(
                    ["python3", "-u", try script("sink.py", host), place, host.data("part"), "500"]
                )
                try sink.wait(forOutput: "listening")
                let capture = try host.startElement(["capture", stations.network.directory, "-w", place])
                try stations.say(10, size: 1000)
                try sink.waitForEnd()
                try stations.say(10, size: 1000)
                #expect(try capture.waitForEnd() == .exited(0))
            }
        }

        @Test("the switch's end is said, and what came is kept")
        func switchEnds() throws {
            try withStations { host, stations in
                let file = host.data("kept.pcapng")
                let capture = try host.startElement(["capture", stations.network.directory, "-w", file])
                try stations.say(3)
                try stations.network.program.stop()
                #expect(try capture.waitForEnd() == .exited(1))
                #expect(capture.errorLines.last?.contains("\(stations.network.directory): the switch") == true)
                #expect(try stations.packetCount(file) == 3)
            }
        }
    }

    @Suite("Captures that cannot be")
    struct BadCaptureTests {
        @Test("without libpcap an expression cannot be compiled: status 4 and one line; without one nothing is missing")
        func noLibrary() throws {
            try require("tcpdump")
            try withHost { host in
                let network = try host.startSwitch(.ours)
                // A name space in which nothing that is called libpcap can be loaded.
                let hidden = """
                    for file in $(ldconfig -p | sed -n 's/.*libpcap.*=> //p'); do mount --bind /dev/null $file; done
                    exec "$@"
                    """
                let words = [
                    "unshare", "--mount", "sh", "-euc", hidden, "sh", host.etherloom, "capture", network.directory,
                ]
                let refused = try host.run(words + ["--filter", "icmp", "-w", host.data("none")])
                #expect(refused.end == .exited(4))
                #expect(refused.errorLines.count == 1)
                #expect(refused.errorLines.first?.contains("filter expressions need libpcap") == true)
                #expect(refused.errorLines.first?.contains("libpcap0.8") == true)
                #expect(!FileManager.default.fileExists(atPath: host.data("none")))
                let plain = try host.run(words + ["--duration", "0.1", "-w", host.data("some")])
                #expect(plain.end == .exited(0))
                #expect(FileManager.default.fileExists(atPath: host.data("some")))
            }
        }

        @Test(
            "places that cannot be written to, and switches that are none: one line that names them",
            arguments: [
                ("unix:/nonexistent/socket", "unix:/nonexistent/socket: "), ("tcp:127.0.0.1:1", "tcp:127.0.0.1:1: "),
                ("tcp:nowhere", "tcp:nowhere: wants HOST:PORT"), ("/nonexistent/file", "/nonexistent/file: "),
                ("unix:" + String(repeating: "x", count: 200), "unix:x"),
            ]
        )
        func badOutputs(_ output: String, _ words: String) throws {
            try require()
            try withHost { host in
                let network = try host.startSwitch(.ours)
                let capture = try host.run([host.etherloom, "capture", network.directory, "-w", output])
                #expect(capture.end == .exited(words.hasSuffix("HOST:PORT") ? 2 : 1))
                #expect(capture.errorLines.count == 1)
                #expect(capture.errorOutput.contains(words))
            }
        }

        @Test("a ring wants a file", arguments: ["-", "unix:PATH"])
        func badRing(_ output: String) throws {
            try require()
            try withHost { host in
                let network = try host.startSwitch(.ours)
                let capture = try host.run(
                    [host.etherloom, "capture", network.directory, "--ring", "1Mx2", "-w", output]
                )
                #expect(capture.end != .exited(0))
                #expect(capture.errorLines.count == 1)
            }
        }
    }
}
