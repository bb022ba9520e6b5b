// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("What cannot be done is refused in one line, and leaves nothing")
    struct BadCommandLines {
        static let long = String(repeating: "x", count: 120)

        /// By subject; each on one host.
        static let refusals: [(subject: String, cases: [Refusal])] = [
            (
                "unknown flags",
                [
                    Refusal("switch --bogus", 2, "--bogus", "etherloom switch --help"),
                    Refusal("gateway --bogus", 2, "--bogus", "etherloom gateway --help"),
                    Refusal("run --bogus", 2, "--bogus", "etherloom run --help"),
                    Refusal("plug --bogus", 2, "--bogus", "etherloom plug --help"),
                    Refusal("term --bogus", 2, "--bogus", "etherloom term --help"),
                    Refusal("bogus", 2, "bogus", "etherloom --help"),
                    Refusal("vde_switch --bogus", 1, "'--bogus'", "vde_switch --help"),
                    Refusal("vde_switch -bogus=1", 1, "'-bogus=1'", "vde_switch --help"),
                    Refusal("vde_switch -xZ", 1, "'-Z'", "vde_switch --help"),
                    Refusal("vde_switch -s", 1, "'-s' needs a value", "vde_switch --help"),
                    Refusal("vde_switch --sock", 1, "'--sock' needs a value", "vde_switch --help"),
                    Refusal("vde_switch --hub=1", 1, "'--hub=1' takes no value", "vde_switch --help"),
                    Refusal("vde_switch --m", 1, "ambiguous", "'--m'", "vde_switch --help"),
                    Refusal("slirpvde --bogus", 255, "'--bogus'", "slirpvde --help"),
                    Refusal("slirpvde -n", 255, "'-n' needs a value", "slirpvde --help"),
                    Refusal("vde_plug2tap -p x t0", 255, "port x: not a port number"),
                    Refusal("unixterm --bogus", 255, "--bogus", "SOCKET"),
                    Refusal("unixterm -Z", 255, "'-Z'", "SOCKET"),
                ]
            ),
            (
                "addresses",
                [
                    Refusal("run --net @ --address 10.9.0.300/24 true", 2, "10.9.0.300/24", "for example"),
                    Refusal("run --net @ --address 10.9.0.3/99 true", 2, "99", "0 to 32"),
                    Refusal("run --net @ --address 10.9.0.3 true", 2, "10.9.0.3", "10.9.0.3/24"),
                    Refusal("run --net @,ip=1.2.3.4/99 true", 2, "1.2.3.4/99", "0 to 32"),
                    Refusal("run --net @ --mac zz true", 2, "mac=zz", "02:00:00:00:00:01"),
                    Refusal("run --net @ --mtu 5 true", 2, "mtu=5", "68 to"),
                    Refusal("run --net @ --via 1.2.3 true", 2, "gw=1.2.3", "for example"),
                    Refusal("run --net @ --if averyverylongname true", 2, "averyverylongname", "at most 15"),
                    Refusal("run --address 10.9.0.3/24 true", 2, "--net"),
                    Refusal("gateway @ --network 10.9.0.0/99", 2, "10.9.0.0/99", "1 to 29"),
                    Refusal("switch --no-stdin -s %new --gateway 1.2.3.4/99", 2, "1.2.3.4/99", "1 to 29"),
                    Refusal("slirpvde -s @ -n 1.2.3.4/99", 1, "1.2.3.4/99", "1 to 29"),
                ]
            ),
            (
                "forwards and ports",
                [
                    Refusal("gateway @ -L nonsense", 2, "nonsense", "HOSTPORT:GUESTADDRESS:GUESTPORT"),
                    Refusal("gateway @ -L 99999:10.0.2.15:22", 2, "99999", "1 to 65535"),
                    Refusal("gateway @ -L 8022:1.1.1.1:22", 2, "1.1.1.1", "10.0.2.0/24"),
                    Refusal("switch --no-stdin -s %new --gateway 10.0.2.0/24 -L nonsense", 2, "nonsense", "HOSTPORT"),
                    Refusal("slirpvde -s @ -L nonsense", 1, "nonsense", "HOSTPORT"),
                    Refusal("gateway @ -P 4000", 1, "4000", "1 to 1024"),
                    Refusal("switch --no-stdin -s %new -n 0", 2, "0 ports", "between 1 and"),
                    Refusal("switch --no-stdin -s %new -n 99999999", 2, "99999999", "between 1 and"),
                    Refusal("switch --no-stdin -s %new -m 999", 2, "999", "octal"),
                    Refusal("switch --no-stdin -s %new -g nosuchgroup", 2, "nosuchgroup"),
                    Refusal("switch --no-stdin -s %new -t averyverylongname", 2, "averyverylongname", "1 to 15"),
                ]
            ),
            (
                "the switch's directory",
                [
                    Refusal("switch --no-stdin -s %\(long)", 1, long, "at most 107 bytes", "-s"),
                    Refusal("switch --no-stdin -s %a/b", 1, "a/b", "make the one above it"),
                    Refusal("switch --no-stdin -s /etc/passwd", 1, "/etc/passwd", "no directory", "-s"),
                    Refusal("switch --no-stdin -s @", 1, "/vde", "another switch", "-s"),
                    Refusal("switch --no-stdin -s %new -M @-mgmt", 1, "/vde-mgmt", "another console", "-M"),
                    Refusal("switch --no-stdin -s %new -M %a/b", 1, "a/b", "-M"),
                    Refusal("switch --no-stdin -s %new -f %none", 1, "none", "start-up commands"),
                    Refusal("vde_switch -s %\(long)", 1, long, "at most 107 bytes"),
                    Refusal("vde_switch -s %a/b", 1, "a/b", "make the one above it"),
                    Refusal("vde_switch -s /etc/passwd", 1, "/etc/passwd", "no directory", "-s"),
                    Refusal("vde_switch -s @", 1, "/vde", "another switch", "-s"),
                ]
            ),
            (
                "nothing to join",
                [
                    Refusal("run --net %none true", 125, "none", "etherloom switch -s"),
                    Refusal("run --join nobody true", 125, "nobody"),
                    Refusal("gateway %none", 1, "none", "etherloom switch -s"),
                    Refusal("gateway", 2, "-s"),
                    Refusal("plug %none @", 1, "none", "etherloom switch -s"),
                    Refusal("plug @ %none", 1, "none", "etherloom switch -s"),
                    Refusal("plug", 2, "two places"),
                    Refusal("term %none", 1, "none", "-M"),
                    Refusal("term %none showinfo", 1, "none", "-M"),
                    Refusal("slirpvde -s %none", 1, "none", "etherloom switch -s"),
                    Refusal("unixterm %none", 255, "none", "-M"),
                ]
            ),
        ]

        @Test("by subject: flags, addresses, forwards, directories, nothing to join", arguments: refusals.indices)
        func refused(index: Int) throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                for refusal in Self.refusals[index].cases { try refusal.check(host) }
                #expect(try element.endpoints().isEmpty)
            }
        }

        @Test(
            "a dead switch's sockets: who wants to join is told",
            arguments: ["run --net", "gateway", "plug", "slirpvde -s"]
        )
        func deadSwitch(command: String) throws {
            try require()
            try withHost { host in
                let dead = try host.startSwitch("dead")
                _ = try host.startSwitch()
                try dead.program.stop(SIGKILL)
                let last = command == "plug" ? " @" : command.hasPrefix("run") ? " true" : ""
                let status: Int32 = command.hasPrefix("run") ? 125 : 1
                try Refusal("\(command) \(dead.directory)\(last)", status, dead.directory, "dead", "start it again")
                    .check(host)
                // The next one cleans up.
                _ = try host.startSwitch("dead")
            }
        }

        @Test("who asks a compatible name for help gets it where, and with the status that, Debian's gives")
        func help() throws {
            try require("vde_switch", "slirpvde", "vde_plug2tap", "vde_plug", "wirefilter")
            try withHost { host in
                for name in ["vde_switch", "slirpvde", "vde_plug2tap", "vde_plug", "wirefilter"] {
                    let ours = try host.run([host.compatible(name), "-h"])
                    let theirs = try host.run([name, "-h"])
                    #expect(ours.end == theirs.end, "\(ours.transcript)")
                    #expect(ours.output.isEmpty == theirs.output.isEmpty, "\(ours.transcript)")
                    #expect((ours.output + ours.errorOutput).contains("sage"))
                }
            }
        }

        @Test("a forwarded port that the host uses", arguments: ["tcp", "udp"])
        func portInUse(transport: String) throws {
            try require("python3")
            try withHost { host in
                _ = try host.startSwitch()
                let kind = transport == "tcp" ? "STREAM" : "DGRAM"
                let other = try host.start(
                    [
                        "python3", "-uc",
                        """
                        import socket, sys
                        s = socket.socket(socket.AF_INET, socket.SOCK_\(kind))
                        s.bind(("0.0.0.0", 8022))
                        \(transport == "tcp" ? "s.listen()" : "")
                        print("bound")
                        sys.stdin.read()
                        """,
                    ],
                    input: .pipe
                )
                try other.wait(forOutput: "bound")
                let flag = transport == "tcp" ? "-L" : "-U"
                for command in ["gateway @", "switch --no-stdin -s %new --gateway 10.0.2.0/24", "slirpvde -s @"] {
                    let target = command.hasPrefix("slirpvde") ? "10.0.2.15:22" : "10.0.2.15:22"
                    try Refusal("\(command) \(flag) 8022:\(target)", 1, "8022", "in use", "choose another").check(host)
                }
                try Refusal("run --gateway \(flag) 8022:10.0.2.15:22 true", transport == "tcp" ? 125 : 2).check(host)
            }
        }
    }
}
