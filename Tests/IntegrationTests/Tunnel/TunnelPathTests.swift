// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Two switches on two hosts, an encrypted tunnel between them, a guest at each.
    @Suite("Tunnels on paths of all kinds")
    struct TunnelPathTests {
        enum Path: String, CaseIterable, Sendable, CustomTestStringConvertible {
            case version4, version6, blockedUDP, ordinaryUser

            var testDescription: String { rawValue }
        }

        /// Both switches: the near one waits for the far one, which knows where it is.
        private struct Ends {
            let near: RunningSwitch
            /// The tunnel's end there.
            let nearPort: String
            let far: Program
            let farDirectory: String

            init(
                _ host: HostNamespace,
                _ farHost: FarHost,
                _ address: String,
                options: String,
                as user: HostNamespace.User
            )
                throws
            {
                let (ours, theirs) = (try host.makeKey("near.key", as: user), try host.makeKey("far.key"))
                nearPort = "tunnel://:7000/peer=\(theirs.text)/key=\(ours.file)\(options)"
                near = try host.startSwitch("near", ["--port", nearPort], as: user)
                farDirectory = host.path("far")
                far = try farHost.start([
                    host.etherloom, "switch", "--no-stdin", "-s", farDirectory, "--port",
                    "tunnel://\(address):7000/peer=\(ours.text)/key=\(theirs.file)\(options)",
                ])
                try host.waitUntilListening(farDirectory + "/ctl", far)
            }

            /// Waits until a guest at the near end reaches the one at the far end.
            func waitUntilReached(from guest: String, _ host: HostNamespace) throws {
                try wait(for: "the tunnel: \(far.transcript)") {
                    try host.join(guest, ["ping", "-c", "1", "-w", "2", "192.0.2.2"]).end == .exited(0)
                }
            }
        }

        @Test("ping, and ten megabytes of TCP both ways", arguments: Path.allCases)
        func carries(path: Path) throws {
            try require("ping", "python3", "nft", "vde_plug")
            try withFarHost { host, far in
                if path == .blockedUDP {
                    try far.check(["nft", "add table inet block"])
                    try far.check(["nft", "add chain inet block out { type filter hook output priority 0; }"])
                    try far.check(["nft", "add rule inet block out udp dport 7000 drop"])
                }
                let ends = try Ends(
                    host,
                    far,
                    path == .version6 ? "[fd99::1]" : FarHost.nearAddress,
                    options: path == .blockedUDP ? "/tcp=auto" : "",
                    as: path == .ordinaryUser ? .ordinary : .runner
                )
                try host.startGuest("one", ["\(ends.near.directory),ip=192.0.2.1/24"])
                try host.startGuest("two", ["\(ends.farDirectory),ip=192.0.2.2/24"])
                try ends.waitUntilReached(from: "one", host)
                #expect(
                    ends.far.errorOutput.contains("no answer by UDP; trying TCP") == (path == .blockedUDP),
                    "\(ends.far.errorOutput)"
                )
                for (from, to, address) in [("one", "two", "192.0.2.2"), ("two", "one", "192.0.2.1")] {
                    let server = try host.startServer(joining: to, address, 7002)
                    let sent = try host.join(from, try host.tcp("send", address, 7002, 10_000_000))
                    #expect(sent.output.contains("10000000 bytes, intact"), "\(sent.transcript)")
                    try server.stop()
                }
            }
        }

        @Test(
            "a transfer goes on when a router's cable takes less, whether the router may say so or not",
            arguments: [true, false]
        )
        func pathShrinks(isTold: Bool) throws {
            try require("ping", "python3", "nft")
            try withFarHost { host, router in
                let behind = try router.addHostBehind()
                try router.check(["nft", "add table inet path"])
                try router.check(["nft", "add chain inet path out { type filter hook output priority 0; }"])
                let rule = "icmp type destination-unreachable icmp code 4 counter"
                try router.check(["nft", "add rule inet path out \(rule)" + (isTold ? "" : " drop")])
                let ends = try Ends(host, behind, FarHost.nearAddress, options: "", as: .runner)
                try host.startGuest("one", ["\(ends.near.directory),ip=192.0.2.1/24"])
                try host.startGuest("two", ["\(ends.farDirectory),ip=192.0.2.2/24"])
                try ends.waitUntilReached(from: "one", host)
                let server = try host.startServer(joining: "two", "192.0.2.2", 7002)
                let transfer = try host.start(
                    [host.etherloom, "run", "--join", "one", "--"] + host.tcp("halves", "192.0.2.2", 7002, 10_000_000),
                    input: .pipe
                )
                try transfer.wait(forOutput: "half")
                try router.check(["ip", "link", "set", "u2", "mtu", "1280"])
                try transfer.write("on\n")
                try transfer.wait(forOutput: "10000000 bytes, intact")
                #expect(try transfer.waitForEnd() == .exited(0))
                // It was a hole: packets came that were too large for it.
                let rules = try router.check(["nft", "list", "table", "inet", "path"])
                #expect(rules.contains("counter packets ") && !rules.contains("counter packets 0 "), "\(rules)")
                #expect(!ends.far.errorOutput.contains("silent"), "\(ends.far.errorOutput)")
                try server.stop()
            }
        }

        @Test("a peer that starts anew is found again, by TCP too", arguments: ["", "/tcp"])
        func restart(options: String) throws {
            try require("ping")
            try withFarHost { host, far in
                let ends = try Ends(host, far, FarHost.nearAddress, options: options + "/keepalive=1", as: .runner)
                try host.startGuest("two", ["\(ends.farDirectory),ip=192.0.2.2/24"])
                func reaches(_ guest: String, _ directory: String) throws {
                    try host.startGuest(guest, ["\(directory),ip=192.0.2.1/24"])
                    try ends.waitUntilReached(from: guest, host)
                }
                try reaches("one", ends.near.directory)
                try ends.near.program.stop()
                let again = try host.startSwitch("again", ["--port", ends.nearPort])
                try reaches("three", again.directory)
            }
        }

        @Test("keys are made anew under traffic, and nothing is lost")
        func rekey() throws {
            try require("ping", "python3", "vde_plug")
            try withFarHost { host, far in
                let ends = try Ends(host, far, FarHost.nearAddress, options: "/rekey=5", as: .runner)
                try host.startGuest("one", ["\(ends.near.directory),ip=192.0.2.1/24"])
                try host.startGuest("two", ["\(ends.farDirectory),ip=192.0.2.2/24"])
                try ends.waitUntilReached(from: "one", host)
                // Two and a half lives of a session, in steps that no gap of a second would slip through.
                let ping = try host.join("one", ["ping", "-c", "260", "-i", "0.05", "-w", "40", "192.0.2.2"])
                #expect(ping.output.contains("260 received"), "\(ping.transcript)")
                #expect(!ends.far.errorOutput.contains("silent"), "\(ends.far.errorOutput)")
            }
        }
    }
}
