// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A machine with another processor than the host's, decided by its kernel; its agent is built by a cross compiler. On a host
    /// of that kind it is the machine that everybody has.
    @Suite("Machines of another processor")
    struct ForeignMachineTests {
        private static var files: String { Guest.files + "/arm64" }

        private func makeMaster(_ lab: RunningLab) throws {
            let script = """
                cd "$1" && mkdir -p arm/bin arm/etc arm/proc arm/sys arm/dev arm/tmp arm/run &&
                cp "$2" arm/bin/busybox &&
                for name in sh cat echo ip ping uname; do ln -s busybox arm/bin/$name; done
                """
            try lab.host.check(["sh", "-euc", script, "sh", lab.directory, Self.files + "/busybox"], as: lab.user)
        }

        private func makeAgent(_ lab: RunningLab) throws -> String {
            let scripts = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/").dropFirst()
            let agent = lab.directory + "/agent"
            try lab.host.check(["env", "CC=aarch64-linux-gnu-gcc", "\(scripts)/Scripts/agent", agent + "-aarch64"])
            return agent
        }

        @Test("arm64 boots by its kernel's format, is on the network, loses its carrier, gets another interface")
        func arm64() throws {
            try MachineLab.require("qemu-system-aarch64", "aarch64-linux-gnu-gcc")
            if !FileManager.default.fileExists(atPath: Self.files + "/vmlinuz") {
                try skip("no kernel for arm64: call Scripts/guests")
            }
            try withHost { host in
                let lab = try RunningLab(
                    host,
                    as: .ordinary,
                    """
                    name: mesh
                    segments: {lan: {}, other: {}}
                    guests:
                      dave:
                        kind: qemu
                        kernel: \(Self.files)/vmlinuz
                        memory: 256M
                        master: arm
                        interfaces: {eth0: {segment: lan, address: 10.0.0.1/24}}
                      carol: {interfaces: {eth0: {segment: lan, address: [10.0.0.2/24, 10.0.1.2/24]}}}
                    """
                )
                try makeMaster(lab)
                let up = try lab.run(
                    ["up", "-q", "--timeout", "180"],
                    environment: ["ETHERLOOM_AGENT=\(try makeAgent(lab))"]
                )
                #expect(up.end == .exited(0), "\(up.transcript)")
                #expect(try MachineLab.run(lab, "dave", "uname -m") == "aarch64\n")
                try lab.check("exec", "carol", "--", "ping", "-c", "1", "-W", "20", "10.0.0.1")

                let count = "cat /sys/class/net/eth0/carrier_down_count"
                let before = try MachineLab.run(lab, "dave", count)
                try lab.check("link", "move", "dave:eth0", "other")
                let wait = "until [ \"$(\(count))\" != \(before.dropLast()) ]; do :; done; echo seen"
                #expect(try MachineLab.run(lab, "dave", wait) == "seen\n")
                try lab.check("interface", "add", "dave:eth1", "segment=lan", "address=10.0.1.3/24")
                try lab.check("exec", "carol", "--", "ping", "-c", "1", "-W", "20", "10.0.1.3")
                // What is written there is in the guest's own layer.
                try MachineLab.run(lab, "dave", "echo here >/etc/note")
                #expect(try String(contentsOfFile: lab.directory + "/host/dave/etc/note", encoding: .utf8) == "here\n")
                try lab.end()
            }
        }
    }
}
