// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Debian's programs that join a switch with something else, and keep it joined.
    @Suite("Debian's cables on our switch")
    struct DebianCables {
        /// A real interface by libpcap. Debian's program wants to be woken only when a block of the kernel's ring is full, since
        /// it asks libpcap 1.10 for no timeout: on any switch, frames from the interface arrive when more have come behind them.
        /// So there is traffic beside the test's own. It hands over what the interface's driver gets, so that
        /// the far host has to finish its checksums and segments itself.
        @Test("vde_pcapplug: ping, ten megabytes of TCP both ways, frames of full size, tagged pings")
        func pcapPlug() throws {
            try require("vde_pcapplug", "ping", "python3", "vde_plug", "ethtool")
            try withFarHost { host, far in
                try far.check(["ethtool", "-K", "u1", "tx", "off", "tso", "off", "gso", "off"])
                let element = try host.startSwitch()
                let cable = try host.start(["vde_pcapplug", "-s", element.directory, "u0"])
                try element.waitForEndpoints(1)
                let link = try far.check(["ip", "-o", "link", "show", "u1"]).split(separator: " ")
                guard let place = link.firstIndex(of: "link/ether"), place + 1 < link.count else {
                    throw IntegrationFailure("u1 has no address: \(link)")
                }
                let address = String(link[place + 1])
                let filler = try far.start(["python3", "-u", try script("fill.py", host), "u1", address])
                try filler.wait(forOutput: "filling")
                try host.startGuest("guest", ["\(element.directory),ip=10.99.0.3/24"])
                let ping = try host.join("guest", host.ping(FarHost.farAddress))
                #expect(ping.output.contains("3 received"), "\(ping.transcript)")

                let server = try far.start([
                    "python3", "-u", try script("tcp.py", host), "serve", FarHost.farAddress, "7001",
                ])
                try server.wait(forOutput: "listening")
                let upload = try host.join("guest", try host.tcp("send", FarHost.farAddress, 7001, 10_000_000))
                #expect(upload.output.contains("10000000 bytes, intact"), "\(upload.transcript)")
                let inner = try host.startRun([
                    "--net", "\(element.directory),ip=10.99.0.4/24", "--", "python3", "-u",
                    try script("tcp.py", host), "serve", "10.99.0.4", "7002",
                ])
                try inner.wait(forOutput: "listening")
                let download = try far.check(try host.tcp("send", "10.99.0.4", 7002, 10_000_000))
                #expect(download.contains("10000000 bytes, intact"))

                let raw = try far.start(["python3", "-u", try script("frames.py", host), "u1"], input: .pipe)
                try raw.wait(forOutput: "ready")
                let plug = try Plug(host, element.directory)
                let question = frame(to: everybody, from: station(9), size: 1514)
                try plug.send(question)
                try raw.wait(forOutput: "frame \(hexadecimal(question))\n")
                let answer = frame(to: station(9), from: station(10), size: 1514, seed: 9)
                try raw.write(hexadecimal(answer) + "\n")
                try plug.wait(for: answer)
                try raw.stop()
                let answerer = try host.startTagged(in: element.directory, "10.7.0.1")
                let words = ["python3", "-u", try script("tagged.py", host), "ping", "u1", "10.7.0.2", "10.7.0.1", "7"]
                #expect(try far.check(words) == "3 answers with their tag\n")
                try answerer.stop()
                try cable.stop()
            }
        }

        /// A program that watches a switch's console, makes ports there, and starts cables that it takes for up when the spanning
        /// tree says so.
        ///
        /// It has a process namespace and a session of its own, since it sends signals to numbers that it has not set.
        @Test("vde_autolink: makes a port, lays its cable, takes the spanning tree's word for it; all passes there")
        func autolink() throws {
            try require("vde_autolink", "vde_plug", "setsid", "ping", "python3")
            try withHost { host in
                guard host.isRoot else { try skip("only root may make a process namespace alone") }
                let one = try host.startVDESwitch("one", ["-F"], ours: true)
                let other = try host.startSwitch("other")
                let path = host.path("autolink")
                let program = try host.start(
                    [
                        "setsid", "--wait", "unshare", "--pid", "--fork", "--kill-child", "vde_autolink", "-s",
                        one.directory,
                        "-S",
                        one.console, "-M", path,
                    ],
                    input: .pipe
                )
                try host.waitUntilListening(path, program)
                let console = try UnixClient(path)
                _ = try console.receive(until: "VDEal$ ")
                for command in [
                    "addwire cable vde_plug --port $myport $mysock $remotehost", "addlink link \(other.directory)",
                    "addtypelink link cable", "linkonoff link 1",
                ] {
                    try console.send(Array("\(command)\n".utf8))
                    let answer = try console.receive(until: "VDEal$ ")
                    #expect(answer.contains("1000 Success"), "\(command): \(answer)")
                }
                try wait(for: "the cable") { try one.endpoints().count == 1 && other.endpoints().count == 1 }
                #expect(try one.ask("port/allprint 1").contains("NOT Unnamed Allocatable"))
                try wait(for: "the link to count as active: \(program.transcript)") {
                    program.errorOutput.contains("state change, discard -> active")
                }
                try PlugTests.expectJoined(host, one.directory, other.directory)
                try Transfer.run(host, one.directory, other.directory)
                try Transfer.tagged(host, one, other, .ours)
                try console.send(Array("shutdown\n".utf8))
                try program.waitForEnd()
                try one.waitForEndpoints(0)
            }
        }
    }
}
