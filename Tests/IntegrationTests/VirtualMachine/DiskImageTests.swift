// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Virtual machines with a disk image for a root.
    @Suite("Machines with disks")
    struct DiskImageTests {
        private static func file(_ image: String) -> String {
            """
            guests:
              dave: {kind: qemu, kernel: \(MachineLab.kernel), image: \(image), memory: 160M}
            """
        }

        private func digest(_ lab: RunningLab, _ name: String) throws -> String {
            String(try lab.host.check(["md5sum", "\(lab.directory)/\(name)"], as: lab.user).prefix(32))
        }

        @Test("an image is never written to; what its guest changes is small, and is kept when the lab is moved")
        func overlay() throws {
            try MachineLab.require("md5sum")
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file("disk.img"))
                try MachineLab.makeImage(lab)
                let before = try digest(lab, "disk.img")
                try lab.check("up")
                #expect(try MachineLab.run(lab, "dave", "cat /file; echo new >/file; rm /bin/vi; sync") == "old\n")
                #expect(try MachineLab.run(lab, "dave", "grep ' / ' /proc/mounts").contains("/dev/vda / ext4 rw"))
                try lab.end()
                #expect(try digest(lab, "disk.img") == before)
                let words = try host.check(["stat", "-c", "%b", "\(lab.directory)/host/dave/disk.qcow2"])
                let blocks = try #require(Int(words.split(separator: "\n")[0]))
                #expect(blocks * 512 < 2 << 20, "the guest's own disk takes \(blocks * 512) bytes")

                // The same lab elsewhere; and two machines of one image do not see each other.
                let moved = try RunningLab(host, as: .ordinary, Self.file("disk.img"), name: "moved")
                try host.check(["rm", "-r", moved.directory], as: .ordinary)
                try host.check(["mv", lab.directory, moved.directory], as: .ordinary)
                try moved.write(
                    Self.file("disk.img") + "\n  erin: {kind: qemu, kernel: \(MachineLab.kernel), image: disk.img}\n"
                )
                try moved.check("up")
                #expect(try MachineLab.run(moved, "dave", "cat /file; ls /bin/vi || true") == "new\n")
                #expect(try MachineLab.run(moved, "erin", "cat /file; ls /bin/vi") == "old\n/bin/vi\n")
                try moved.end()
                try host.expectNothingLeft()
            }
        }

        @Test(
            "images of QEMU's own and of other makers are laid under as raw ones",
            arguments: ["qcow2", "vmdk", "vdi"]
        )
        func formats(format: String) throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file("disk.\(format)"))
                try MachineLab.makeImage(lab)
                let paths = ["disk.img", "disk.\(format)"].map { "\(lab.directory)/\($0)" }
                try host.check(["qemu-img", "convert", "-f", "raw", "-O", format] + paths, as: .ordinary)
                try host.check(["rm", paths[0]], as: .ordinary)
                try lab.check("up")
                #expect(try MachineLab.run(lab, "dave", "cat /file") == "old\n")
                try lab.end()
            }
        }
    }
}
