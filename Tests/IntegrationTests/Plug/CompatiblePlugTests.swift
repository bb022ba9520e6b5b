// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// `vde_plug`, `vde_plug2tap`, `dpipe` and `vdens`: ours and Debian's, on our switch and Debian's.
    @Suite("Cable programs of VDE")
    struct CompatiblePlugTests {
        /// Whose program on whose switches; Debian's on Debian's needs no test of ours.
        static let pairs: [(program: Make, element: Make)] = [(.ours, .ours), (.ours, .debian), (.debian, .ours)]

        static func path(_ host: HostNamespace, _ make: Make, _ name: String) -> String {
            make == .ours ? host.compatible(name) : name
        }

        /// The words between the switches; `%` stands before a program of the make in question.
        static let cables: [[String]] = [
            ["%vde_plug", "{one}", "{other}"],
            ["%vde_plug", "-D", "a cable", "--port2", "7", "vde://{one}", "{other}"],
            ["%vde_plug", "{one}", "=", "%vde_plug", "{other}"],
            ["%vde_plug", "{one}", "=", "vde_plug", "{other}"],
            ["%dpipe", "%vde_plug", "{one}", "=", "%vde_plug", "{other}"],
            ["%dpipe", "vde_plug", "{one}", "=", "%vde_plug", "{other}"],
            ["%dpipe", "vde_plug", "{one}", "=", "%wirefilter", "=", "%vde_plug", "{other}"],
            ["%wirefilter", "-v", "{one}:{other}"],
            ["%vde_plug", "{one}", "cmd://%vde_plug {other}"],
        ]

        @Test("two switches: ping, ten megabytes by TCP both ways, tagged pings", arguments: cables, pairs.indices)
        func cable(_ words: [String], _ pair: Int) throws {
            try require("vde_plug", "dpipe", "wirefilter", "ping", "python3")
            try withHost { host in
                let (program, element) = Self.pairs[pair]
                let one = try host.startSwitch(element, "one")
                let other = try host.startSwitch(element, "other")
                let command = words.map { word in
                    word.replacingOccurrences(of: "%", with: program == .ours ? host.compatible("") : "")
                        .replacingOccurrences(of: "{one}", with: one.directory)
                        .replacingOccurrences(of: "{other}", with: other.directory)
                }
                let cable = try host.start(command, input: .pipe)
                try PlugTests.expectJoined(host, one.directory, other.directory)
                try Transfer.run(host, one.directory, other.directory)
                try Transfer.tagged(host, one, other, element)
                try cable.stop()
                try one.waitForEndpoints(0)
                try other.waitForEndpoints(0)
            }
        }

        @Test("standard streams: frames and their end", arguments: Make.allCases)
        func streams(_ element: Make) throws {
            try require("vde_plug")
            try withHost { host in
                let place = try host.startSwitch(element)
                let ours = try Plug(host, place.directory, command: [host.compatible("vde_plug")])
                let theirs = try Plug(host, place.directory)
                let broadcast = frame(to: everybody, from: station(1))
                try wait(for: "the plugs") {
                    try ours.send(broadcast)
                    return theirs.frames.contains(broadcast)
                }
                let long = frame(to: station(1), from: station(2), size: 1514)
                try theirs.send(long)
                try ours.wait(for: long)
                #expect(
                    try place.endpoints().contains { $0.contains("vdeplug: user=root pid=\(ours.program.processID)") }
                )
                ours.program.closeInput()
                #expect(try ours.program.waitForEnd() == .exited(0))
                #expect(ours.program.errorOutput.isEmpty)
                let second = try Plug(host, place.directory, command: [host.compatible("vde_plug")])
                try place.waitForEndpoints(2)
                // The end of the switch is all that this transport has of a carrier.
                try place.program.stop()
                #expect(try second.program.waitForEnd() == .exited(0))
                try theirs.program.waitForEnd()
            }
        }

        @Test("User Mode Linux's way to run vde_plug: an inherited socket of messages", arguments: Make.allCases)
        func inherited(_ element: Make) throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let place = try host.startSwitch(element)
                let helper = try host.write(
                    """
                    import os, socket, subprocess, sys
                    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    child = subprocess.Popen([sys.argv[1], "--descr", "UML vde_transport", "--port2", "5",
                        "seqpacket://%d" % theirs.fileno(), sys.argv[2]], pass_fds=[theirs.fileno()])
                    theirs.close()
                    print("ready", flush=True)
                    while True:
                        frame = ours.recv(65536)
                        if not frame: break
                        ours.send(frame[6:12] + frame[:6] + frame[12:])
                    """,
                    data: "uml.py"
                )
                let uml = try host.start(["python3", helper, host.compatible("vde_plug"), place.directory])
                try place.waitForEndpoints(1)
                #expect(try place.endpoints()[0].hasPrefix("5: UML vde_transport"))
                let plug = try Plug(host, place.directory)
                let question = frame(to: station(9), from: station(1))
                let answer = Array(question[6..<12] + question[..<6] + question[12...])
                try wait(for: "the frame that comes back") {
                    try plug.send(question)
                    return plug.frames.contains(answer)
                }
                try uml.stop()
                try place.waitForEndpoints(1)
            }
        }

        @Test("a tap at a switch: ping, ten megabytes by TCP both ways, tagged pings", arguments: pairs.indices)
        func tap(_ pair: Int) throws {
            try require("vde_plug2tap", "ping", "python3")
            try withHost { host in
                let (program, element) = Self.pairs[pair]
                let place = try host.startSwitch(element)
                let pidFile = host.path("pid")
                let words = [
                    Self.path(host, program, "vde_plug2tap"), "-d", "-P", pidFile, "-s", place.directory, "t0",
                ]
                try host.check(words)
                try wait(for: "t0") { try host.links().contains("t0") }
                try host.check(["ip", "address", "add", "10.1.0.1/24", "dev", "t0"])
                try host.check(["ip", "link", "set", "t0", "up"])
                try TapTransfer.run(host, place, element)
                try wait(for: "the number of the process") { (try? host.stopDaemon(pidFile: pidFile)) != nil }
                try wait(for: "the end of t0") { try !host.links().contains("t0") }
                // Debian's leaves its file.
                unlink(pidFile)
            }
        }

        @Test("a stack of its own", arguments: pairs.indices, [HostNamespace.User.runner, .ordinary])
        func stack(_ pair: Int, _ user: HostNamespace.User) throws {
            try require("vdens", "ping")
            try withHost { host in
                let (program, element) = Self.pairs[pair]
                let place = try host.startSwitch(element, as: user)
                let guest = try host.startGuest("one", [place.directory], ["--address", "10.1.0.1/24"], as: user)
                let script = """
                    ip link set eth0 up; ip address add 10.1.0.2/24 dev eth0; ping -c 2 -i 0.2 -w 20 10.1.0.1 && exit 7
                    """
                let inside = try host.run(
                    [Self.path(host, program, "vdens"), "-i", "eth", place.directory, "sh", "-c", script],
                    as: user
                )
                #expect(inside.output.contains("2 received"))
                if program == .ours { #expect(inside.end == .exited(7)) }
                guest.closeInput()
                try guest.waitForEnd()
            }
        }

        @Test("a stack of its own: ten megabytes by TCP both ways, tagged pings", arguments: pairs.indices)
        func stackTransfer(_ pair: Int) throws {
            try require("vdens", "python3")
            try withHost { host in
                let (program, element) = Self.pairs[pair]
                let place = try host.startSwitch(element)
                let server = try host.startServer(
                    in: ["--net", place.directory, "--address", "10.1.0.1/24"],
                    "10.1.0.1",
                    7001
                )
                let (tcp, tagged) = (try script("tcp.py", host), try script("tagged.py", host))
                // It waits for a word before it sends tagged frames: by then its port may be known.
                let commands = """
                    ip address add 10.1.0.2/24 dev vde0; ip link set vde0 up
                    python3 -u \(tcp) serve 10.1.0.2 7002 & server=$!
                    python3 -u \(tcp) send 10.1.0.1 7001 10000000
                    read word
                    python3 -u \(tagged) ping vde0 10.7.0.2 10.7.0.1 7
                    echo guest has done it
                    cat; kill $server
                    """
                let guest = try host.start(
                    [Self.path(host, program, "vdens"), place.directory, "sh", "-c", commands],
                    input: .pipe
                )
                try guest.wait(forOutput: "peer got 10000000 bytes, intact", seconds: 60)
                let upload = try host.runInStack(
                    ["--net", place.directory, "--address", "10.1.0.3/24", "--"]
                        + host.tcp("send", "10.1.0.2", 7002, 10_000_000)
                )
                #expect(upload.output == "peer got 10000000 bytes, intact\n", "\(upload.transcript)")
                try server.stop()
                if element == .debian { try place.carryTags() }
                let answerer = try host.startTagged(in: place.directory + "[9]", "10.7.0.1")
                try guest.write("go\n")
                try guest.wait(forOutput: "guest has done it", seconds: 60)
                #expect(guest.output.contains("3 answers with their tag"), "\(guest.transcript)")
                try answerer.stop()
                guest.closeInput()
            }
        }

        @Test("vdens: several networks, name servers, none at all")
        func stacks() throws {
            try require()
            try withHost { host in
                let place = try host.startSwitch(.ours)
                let several = try host.run([
                    host.compatible("vdens"), "-m", "-R", "10.1.0.53,10.1.0.54", place.directory, place.directory, "--",
                    "sh", "-c", "ip -br link; cat /etc/resolv.conf",
                ])
                #expect(several.output.contains("vde0") && several.output.contains("vde1"))
                #expect(several.output.contains("nameserver 10.1.0.53\nnameserver 10.1.0.54"))
                let none = try host.run([host.compatible("vdens"), "no", "ip", "-br", "link"])
                #expect(none.output.split(separator: "\n").count == 1)
            }
        }

        @Test("dpipe: one way through the middle, the status of the last, a signal for all")
        func pipes() throws {
            try require()
            try withHost { host in
                let dpipe = host.compatible("dpipe")
                let oneWay = try host.run([
                    dpipe, "sh", "-c", "echo x; read a; echo back $a >&2", "=}", "sed", "-u", "s/x/y/", "}=", "sh",
                    "-c",
                    "read a; echo got $a >&2; echo z; exit 3",
                ])
                #expect(oneWay.errorOutput.contains("got y") && oneWay.errorOutput.contains("back z"))
                let status = try host.run([dpipe, "true", "=", "sh", "-c", "sleep 0.2; exit 5"])
                #expect(status.end == .exited(5))
                let pidFile = host.path("pid")
                let waiting = try host.start([dpipe, "-p", pidFile, "sleep", "100", "=", "sleep", "100"])
                try wait(for: "the file with the number") { FileManager.default.fileExists(atPath: pidFile) }
                try waiting.stop()
                #expect(!FileManager.default.fileExists(atPath: pidFile))
                let missing = try host.run([dpipe, "nowhere-to-be-found", "=", "true"])
                #expect(missing.end == .exited(1))
                #expect(missing.errorOutput.contains("nowhere-to-be-found"))
            }
        }

        @Test("a login shell runs vde_plug and nothing else")
        func shell() throws {
            try require("vde_plug")
            try withHost { host in
                let place = try host.startSwitch(.ours)
                let plug = host.compatible("vde_plug")
                let refused = try host.run([plug, "-c", "sh -i"])
                #expect(refused.end == .exited(255))
                #expect(refused.errorOutput.contains("only vde_plug can be executed"))
                let stdio = try Plug(host, "vde_plug '\(place.directory)'", command: [plug, "-c"])
                try place.waitForEndpoints(1)
                stdio.program.closeInput()
                #expect(try stdio.program.waitForEnd() == .exited(0))
            }
        }

        @Test(
            "who has it as a login shell can join networks, run no programs, and leave none behind",
            arguments: [
                "% = PROGRAM", "% 'cmd://PROGRAM'", "'vlan://5{cmd://PROGRAM}' %", "FILE %", "-d % null://",
                "% 'pcap://TRACE[write]'", "'vlan://5{pcap://TRACE[write]}' %",
            ]
        )
        func confinedShell(_ words: String) throws {
            try require()
            try withHost { host in
                let place = try host.startSwitch(.ours)
                let trace = host.path("trace")
                let program = try host.write("#!/bin/sh\ntouch \(trace)\n", data: "program.sh")
                try host.check(["chmod", "755", program])
                let file = try host.write("cmd://\(program)\n", data: "url")
                let line =
                    "vde_plug "
                    + words.replacing("%", with: place.directory)
                    .replacing("PROGRAM", with: program).replacing("FILE", with: file).replacing("TRACE", with: trace)
                let refused = try host.run([host.compatible("vde_plug"), "-c", line])
                #expect(refused.end == .exited(1), "\(refused.transcript)")
                let reason =
                    words.hasPrefix("-d")
                    ? "not in a login shell"
                    : words.contains("pcap://") ? "no files are used" : "no programs are run"
                #expect(refused.errorOutput.contains(reason), "\(refused.transcript)")
                #expect(!FileManager.default.fileExists(atPath: trace))
                try place.waitForEndpoints(0)
            }
        }
    }
}
