// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Tutorial")
    struct Tutorial {
        /// Who runs it. The script gives root's privileges up by itself, for which root must be real.
        private static var users: [HostNamespace.User] { geteuid() == 0 ? [.runner, .ordinary] : [.ordinary] }

        @Test("the tutorial of 2012 runs as it is written, for root and for anybody else", arguments: users)
        func tutorial(user: HostNamespace.User) throws {
            try require("bash", "nc.traditional")
            let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../../Examples/tutorial.sh")
            let text = try String(contentsOf: examples, encoding: .utf8)
            try withHost { host in
                let program = try host.run(
                    ["bash", try host.write(text, data: "tutorial.sh")],
                    as: user,
                    variables: ["ETHERLOOM=\(host.etherloom)"],
                    seconds: 120
                )
                #expect(program.end == .exited(0), "\(program.transcript)")
                let output = program.output
                for number in 1...3 {
                    let line = "mgmt: Port 000\(number) untagged_vlan=0000 ACTIVE - Unnamed Allocatable"
                    #expect(output.contains(line), "\(line)")
                }
                let user = user == .ordinary ? host.userName(.ordinary) : "nobody"
                #expect(
                    output.contains(
                        /mgmt:   -- endpoint ID \d+ module unix prog   : slirpvde: user=(\w+) PID=\d+  SOCK=/
                    )
                )
                #expect(output.contains(" : slirpvde: user=\(user) PID="))
                for number in 0..<3 {
                    let line = "connect to [192.168.77.10\(number)] from (UNKNOWN) [192.168.0.100]"
                    #expect(output.contains(line), "\(line)")
                }
                // "foo\nbar\nbaz\n" twice, and once with "buzz".
                let counts = output.split(separator: "\n").filter { $0.hasPrefix(" sent 0, rcvd ") }
                #expect(counts == [" sent 0, rcvd 12", " sent 0, rcvd 12", " sent 0, rcvd 13"])
                try expectPlaceIsGone(output)
                try host.expectNothingLeft()
            }
        }

        /// The directory that the script made for itself is in its output.
        private func expectPlaceIsGone(_ output: String) throws {
            guard let place = output.firstMatch(of: /\/tmp\/etherloom-tutorial\.\w+/) else {
                throw IntegrationFailure("the tutorial does not show its directory: \(output)")
            }
            #expect(!FileManager.default.fileExists(atPath: String(place.output)), "\(place.output)")
        }
    }
}
