// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A Linux kernel as a process, whose old `daemon` transport speaks the VDE protocol in a way of its own: 124 bytes, an
    /// abstract socket name of full length.
    @Suite("User Mode Linux")
    struct UserModeLinux {
        /// What the guest's first program does, and only this: its root is this machine's, read-only.
        private static let firstProgram = """
            #!/bin/sh
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            echo guest is up
            ping -c 3 -i 0.2 -w 30 192.0.2.2
            echo guest has done it
            exec sleep 10000
            """

        /// Kernels before 6.13 panic when their first program starts, if the processor has AMX; that is after the device
        /// has joined the switch.
        private static func panicsEarly() throws -> Bool {
            try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8).contains("amx_tile")
        }

        /// A kernel without a first program: it waits for a root that never comes, with its devices open.
        @Test("a kernel's network device is an endpoint before anything runs in it", arguments: Make.allCases)
        func beforeFirstProgram(make: Make) throws {
            try require("linux.uml", "vde_switch", "vde_plug")
            try withHost { host in
                let element = try host.startSwitch(make)
                let work = host.data("uml")
                #expect(mkdir(work, 0o755) == 0)
                let kernel = try host.start([
                    "linux.uml", "eth0=daemon,02:00:00:00:00:42,unix,\(element.directory)/ctl", "root=/dev/ubda",
                    "rootwait", "mem=64M", "con=null", "con0=null,fd:2", "umid=waiting", "uml_dir=\(work)",
                ])
                defer { killpg(kernel.processID, SIGKILL) }
                try kernel.wait(forOutput: "Waiting for root device")
                try element.waitForEndpoints(1)
                let report = try element.ask("port/print")
                #expect(report.contains("Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable"))
                #expect(report.contains("-- endpoint ID "))
                #expect(report.contains("module unix prog"))
                if make == .ours {
                    #expect(report.contains(" Current User: root "))
                    #expect(report.utf8.allSatisfy { $0 == 10 || (32..<127).contains($0) })
                }
                // A port like any other: what is sent to it is lost without harm while nobody reads.
                let pair = try Pair(element)
                try pair.talk()
                killpg(kernel.processID, SIGKILL)
                try kernel.waitForEnd()
                try element.waitForEndpoints(2)
            }
        }

        @Test("its network device joins as an endpoint, and the guest reaches another one")
        func daemonTransport() throws {
            try require("linux.uml", "ping")
            try withHost { host in
                let element = try host.startSwitch()
                let first = try host.write(Self.firstProgram, data: "first")
                #expect(chmod(first, 0o755) == 0)
                let station = try host.start([
                    host.etherloom, "run", "--net", element.directory, "--address", "192.0.2.2/24", "sleep", "10000",
                ])
                try element.waitForEndpoints(1)

                let work = host.data("uml")
                #expect(mkdir(work, 0o755) == 0)
                let kernel = try host.start([
                    "linux.uml", "eth0=daemon,02:00:00:00:00:42,unix,\(element.directory)/ctl", "root=/dev/root",
                    "rootfstype=hostfs", "ro", "mem=64M", "con=null", "con0=null,fd:2", "umid=guest", "uml_dir=\(work)",
                    "init=\(first)",
                ])
                // Its process group: the kernel traces each of its programs, as processes of the host that outlive it.
                defer { killpg(kernel.processID, SIGKILL) }
                if try Self.panicsEarly() {
                    try kernel.wait(forOutput: "daemon backend")
                } else {
                    try element.waitForEndpoints(2)
                    // Its description is two bytes of padding; nothing of them may reach a terminal.
                    let answer = try element.ask("port/print")
                    #expect(
                        answer.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || (32..<127).contains($0.value) }
                    )
                    try kernel.wait(forOutput: "guest has done it")
                    #expect(kernel.errorOutput.contains("3 received") || kernel.output.contains("3 received"))
                    let table = try element.ask("hash/print")
                    #expect(table.contains("02:00:00:00:00:42"), "\(table)")
                }

                killpg(kernel.processID, SIGKILL)
                try kernel.waitForEnd()
                try element.waitForEndpoints(1)
                try wait(for: "the kernel's address to be forgotten") {
                    try !element.ask("hash/print").contains("02:00:00:00:00:42")
                }
                try station.stop()
            }
        }
    }
}
