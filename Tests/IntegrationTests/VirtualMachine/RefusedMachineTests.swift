// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// What cannot be a virtual machine: one line that says why, and the status for it.
    @Suite("Machines that cannot be")
    struct RefusedMachineTests {
        private struct Case {
            /// Keys of the guest in the lab file.
            let keys: String
            let status: Int32
            /// What the one line says.
            let text: String
        }

        /// Runs `up` with a guest, and expects one line.
        private func expect(_ lab: RunningLab, _ wanted: Case, environment: [String] = []) throws {
            try lab.write("guests: {dave: {kind: qemu, memory: 128M, \(wanted.keys)}}")
            let up = try lab.run(["up", "-q"], environment: environment)
            #expect(up.end == .exited(wanted.status), "\(wanted.keys): \(up.transcript)")
            #expect(up.errorOutput.contains(wanted.text), "\(wanted.keys): \(up.errorOutput)")
            #expect(up.errorLines.count == 1, "\(wanted.keys): \(up.errorOutput)")
            #expect(up.errorOutput.contains("dave"), "\(wanted.keys): \(up.errorOutput)")
            try lab.check("down")
        }

        @Test("kernels, images and options that are none")
        func wrong() throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, "guests: {}")
                let (kernel, directory) = ("kernel: \(MachineLab.kernel)", lab.directory)
                let script = """
                    cd "$1" && mkdir empty && echo text >text && truncate -s 4M zeros && : >nothing &&
                    { head -c 56 /dev/zero; printf ARMd; head -c 4096 /dev/zero; } >arm &&
                    { printf '\\177ELF\\2\\1\\1'; head -c 9 /dev/zero; printf '\\2\\0\\53\\0'; head -c 4096 /dev/zero; } >sparc &&
                    printf 'QFI\\373\\0\\0\\0\\003' >broken.qcow2 && head -c 4096 /dev/zero >>broken.qcow2
                    """
                try host.check(["sh", "-euc", script, "sh", directory], as: .ordinary)
                let cases = [
                    Case(keys: "kernel: missing", status: 2, text: "kernel \(directory)/missing does not exist"),
                    Case(keys: "cpus: 1", status: 2, text: "needs kernel: FILE or image: FILE"),
                    Case(keys: "kernel: text", status: 1, text: "it is no kernel"),
                    Case(keys: "kernel: nothing", status: 1, text: "it is empty"),
                    Case(keys: "kernel: arm", status: 4, text: "etherloom-agent-aarch64, which runs in virtual"),
                    Case(keys: "kernel: sparc", status: 1, text: "it is for another processor"),
                    Case(keys: "kernel: /bin/sh", status: 1, text: "it is a program of the host"),
                    Case(keys: "image: missing", status: 2, text: "image \(directory)/missing does not exist"),
                    Case(keys: "image: empty", status: 1, text: "is a directory; a root directory is given by master:"),
                    Case(keys: "image: text", status: 1, text: "has no boot loader"),
                    Case(keys: "image: zeros", status: 1, text: "has no boot loader"),
                    Case(keys: "image: broken.qcow2", status: 1, text: "qemu-img failed"),
                    Case(
                        keys: "\(kernel), image: zeros",
                        status: 1,
                        text: "cannot mount the root (/dev/vda1 of type ext4)"
                    ),
                    Case(
                        keys: "\(kernel), master: empty",
                        status: 1,
                        text: "cannot run anything in the root: no /sbin/init"
                    ),
                    Case(keys: "\(kernel), arguments: [-nonsense]", status: 1, text: "-nonsense: invalid option"),
                ]
                for wanted in cases { try expect(lab, wanted) }
                let device = "\(kernel), arguments: [etherloom.network=nonsense], interfaces: {eth0: {}}"
                try expect(lab, Case(keys: device, status: 1, text: "nonsense"))
                try lab.endDaemon()
                try host.expectNothingLeft()
            }
        }

        @Test("a host that lacks what machines need is told what that is, with status 4")
        func lacking() throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, "guests: {}")
                // All that the host has, but for what begins so.
                func path(without name: String) throws -> String {
                    let directory = lab.directory + "/without-\(name)"
                    let script = """
                        mkdir "$1"; for place in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
                        for file in "$place"/*; do case ${file##*/} in $2*) ;; *) ln -s "$file" "$1/" 2>/dev/null || true; esac
                        done; done
                        """
                    try host.check(["sh", "-c", script, "sh", directory, name], as: .ordinary)
                    return "PATH=\(directory)"
                }
                try MachineLab.makeMaster(lab)
                try MachineLab.makeImage(lab)
                let kernel = "kernel: \(MachineLab.kernel)"
                try lab.endDaemon()
                try expect(
                    lab,
                    Case(keys: kernel, status: 4, text: "qemu-system-x86_64 is not installed; Debian: apt-get install"),
                    environment: [try path(without: "qemu-system")]
                )
                try lab.endDaemon()
                let arm = "{ head -c 56 /dev/zero; printf ARMd; } >\(lab.directory)/arm"
                try host.check(["sh", "-c", arm], as: .ordinary)
                try expect(
                    lab,
                    Case(
                        keys: "kernel: arm",
                        status: 4,
                        text: "qemu-system-aarch64 is not installed; Debian: apt-get install qemu-system-arm"
                    ),
                    environment: [try path(without: "qemu-system-aarch64")]
                )
                try lab.endDaemon()
                try expect(
                    lab,
                    Case(
                        keys: "\(kernel), image: disk.img",
                        status: 4,
                        text: "qemu-img is not installed; Debian: apt-get"
                    ),
                    environment: [try path(without: "qemu-img")]
                )
                try lab.endDaemon()
                try expect(
                    lab,
                    Case(keys: kernel, status: 4, text: "etherloom-agent, which runs in virtual machines, is missing"),
                    environment: ["ETHERLOOM_AGENT=/nowhere"]
                )
                try lab.endDaemon()
                try host.expectNothingLeft()
            }
        }
    }
}
