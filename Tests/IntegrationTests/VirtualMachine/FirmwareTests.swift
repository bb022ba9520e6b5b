// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A machine that boots by its firmware, from a disk that brings boot loader, kernel and agent.
    @Suite("Machines that boot by themselves")
    struct FirmwareTests {
        /// Busybox's init does what a distribution's would: file systems, modules, then the agent as a service.
        private static let start = """
            #!/bin/sh
            export PATH=/bin
            mkdir -p /proc /sys /dev /tmp
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            for module in /modules/*.ko; do insmod "$module"; done
            hostname booted
            """
        private static let inittab = """
            ::sysinit:/etc/start
            ::respawn:/bin/etherloom-agent --service
            ttyS0::respawn:/bin/sh
            """

        /// Modules that the machine needs, each after what it needs itself.
        private static let modules = [
            "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover",
            "net_failover", "virtio_net", "virtio_console", "virtio_blk",
        ]

        private func makeImage(_ lab: RunningLab) throws {
            let (host, directory) = (lab.host, lab.directory)
            let configuration = """
                SERIAL 0
                DEFAULT one
                PROMPT 0
                TIMEOUT 1
                LABEL one
                    KERNEL vmlinuz
                    INITRD initrd
                    APPEND console=ttyS0 quiet panic=-1 no_timer_check net.ifnames=0 mitigations=off
                """
            let files = try [("start", Self.start), ("inittab", Self.inittab), ("syslinux.cfg", configuration)].map {
                try host.write($0.1 + "\n", data: $0.0)
            }
            let script = """
                cd "$1" && mkdir -p tree/bin tree/etc tree/modules && ln -s bin/busybox tree/init &&
                cp "$2" tree/etc/start && cp "$3" tree/etc/inittab && chmod 755 tree/etc/start &&
                busybox=$(command -v busybox) && cp "$busybox" "$5" tree/bin/ &&
                for name in $(busybox --list); do [ -e "tree/bin/$name" ] || ln -s busybox "tree/bin/$name"; done &&
                n=10 && for name in $6; do cp "$7/cloud/modules/$name.ko" tree/modules/$n-$name.ko; n=$((n+1)); done &&
                (cd tree && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >initrd &&
                truncate -s 34M disk.img && mkfs.vfat -n BOOT disk.img >/dev/null &&
                mcopy -i disk.img "$7/cloud/vmlinuz" ::vmlinuz && mcopy -i disk.img initrd ::initrd &&
                mcopy -i disk.img "$4" ::syslinux.cfg && syslinux --install disk.img && rm -r tree initrd
                """
            let words = [host.etherloom + "-agent", Self.modules.joined(separator: " "), Guest.files]
            try host.check(["sh", "-euc", script, "sh", directory] + files + words, as: lab.user)
        }

        @Test("by boot loader and kernel of its disk; its agent, a service, takes commands, addresses and a clean end")
        func boot() throws {
            try MachineLab.require("syslinux", "mcopy", "mkfs.vfat", "gzip", "md5sum")
            let file = """
                guests:
                  dave:
                    kind: qemu
                    image: disk.img
                    memory: 160M
                    ready: {command: "true", interval: 300ms, timeout: 90s}
                    interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
                  carol:
                    interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
                segments: {lan: {}}
                """
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, file)
                try makeImage(lab)
                let digest = { try host.check(["md5sum", lab.directory + "/disk.img"], as: .ordinary) }
                let before = try digest()
                let up = try lab.run(["up"], seconds: 120)
                #expect(up.end == .exited(0), "\(up.transcript)")
                #expect(try lab.check("exec", "dave", "hostname") == "booted\n")
                try lab.check("exec", "dave", "ping", "-c", "1", "-w", "20", "10.1.0.2")
                try lab.ping("carol", "10.1.0.1")
                // What it writes to its disk is there when it boots again, and not in the image.
                try MachineLab.run(
                    lab,
                    "dave",
                    "echo written | dd of=/dev/vda bs=1M seek=33 conv=notrunc 2>/dev/null; sync"
                )
                let stop = try lab.run(["guest", "stop", "dave"])
                #expect(stop.end == .exited(0), "\(stop.transcript)")
                #expect(try lab.json("inspect", "dave")["state"]?.text == "stopped")
                try lab.check("guest", "start", "dave")
                #expect(
                    try MachineLab.run(lab, "dave", "dd if=/dev/vda bs=1M skip=33 count=1 2>/dev/null | head -c 7")
                        == "written"
                )
                // Its own way up again.
                try lab.check("guest", "reset", "dave")
                try wait(for: "dave to be up again", seconds: 60) {
                    try lab.run(["exec", "dave", "true"]).end == .exited(0)
                }
                try lab.end()
                #expect(try digest() == before)
                try host.expectNothingLeft()
            }
        }
    }
}
