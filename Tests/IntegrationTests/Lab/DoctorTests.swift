// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

extension Integration {
    /// What a host can, and what a crash has left there.
    @Suite("The doctor")
    struct DoctorTests {
        @Test("what a killed keeper and daemon have left is named, and removed when asked; nothing else is touched")
        func sweeps() throws {
            try require("ping")
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, RunningLab.two)
                #expect(try lab.json("doctor", "--format", "json")["leftovers"]?.list?.isEmpty == true)
                try lab.check("up")
                let state = try lab.json("inspect")
                let place = try #require(state["runtime"]?.text)
                let keeper = try #require(state["keeper"]?.text.flatMap { Int32($0) })
                // A lab that runs is none.
                #expect(try lab.json("doctor", "--format", "json")["leftovers"]?.list?.isEmpty == true)

                // The daemon would otherwise see to what the keeper leaves.
                try lab.endDaemon(SIGKILL)
                kill(keeper, SIGKILL)
                try wait(for: "the keeper to be gone") { kill(keeper, 0) != 0 }
                // Somebody else's, beside it.
                let strange = (place as NSString).deletingLastPathComponent + "/01234567"
                try host.check(["mkdir", strange], as: .ordinary)
                try host.check(["touch", strange + "/keeper", strange + "/precious"], as: .ordinary)

                let found = try lab.check("doctor")
                #expect(found.contains("left     \(place) (lab \"mesh\"); remove it: etherloom doctor --fix"))
                #expect(!found.contains(strange))
                #expect(FileManager.default.fileExists(atPath: place))
                let swept = try lab.check("doctor", "--fix")
                #expect(swept.contains("swept    \(place) (lab \"mesh\")"))
                #expect(!FileManager.default.fileExists(atPath: place))
                #expect(FileManager.default.fileExists(atPath: strange + "/precious"))
                try host.check(["rm", "-r", strange], as: .ordinary)

                try lab.check("up")
                try lab.ping("alice", "10.1.0.2")
                try lab.end()
            }
        }

        @Test("a program that machines need and the host has not got is named with its package")
        func programs() throws {
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, RunningLab.two)
                let program = try lab.run(["doctor"], environment: ["PATH=/nowhere"])
                #expect(program.end == .exited(0), "\(program.transcript)")
                let lines = program.output.split(separator: "\n")
                let line = "missing  qemu-img: not installed; it is for disk images of kind: qemu; "
                #expect(lines.contains { $0 == line + "as root: apt install qemu-utils" }, "\(program.output)")
                for name in ["qemu-system-", "virtiofsd", "linux.uml", "etherloom-agent", "/dev/kvm"] {
                    #expect(lines.contains { $0.dropFirst(9).hasPrefix(name) }, "\(name): \(program.output)")
                }
            }
        }

        @Test("a host without taps cannot run guests: it says what to do, and ends with 4")
        func missing() throws {
            var options = HostNamespace.Options()
            options.hasTunDevice = false
            try withHost(options) { host in
                let lab = try RunningLab(host, as: .ordinary, RunningLab.two)
                let program = try lab.run(["doctor"])
                #expect(program.end == .exited(4))
                let lines = program.output.split(separator: "\n")
                #expect(
                    lines.contains { $0.hasPrefix("MISSING  /dev/net/tun: does not open; as root: modprobe tun") },
                    "\(program.output)"
                )
                #expect(lines.contains { $0.hasPrefix("ok       user namespaces: ") })
                let up = try lab.run(["up"])
                #expect(up.end == .exited(4))
                #expect(up.errorOutput.contains("/dev/net/tun"), "\(up.errorOutput)")
                try lab.end()
            }
        }
    }
}
