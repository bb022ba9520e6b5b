// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import TestSupport

/// Labs with virtual machines by QEMU, as users of the command line have them: what is needed, and what they are made of.
enum MachineLab {
    /// Debian's kernel for clouds, which has the virtio file system and no 9P.
    static var kernel: String { Guest.files + "/cloud/vmlinuz" }
    /// Debian's usual kernel, with modules beside it for 9P and other network devices, without the virtio file system.
    static var usualKernel: String { Guest.files + "/pc/vmlinuz" }

    static func require(_ tools: String...) throws {
        try Guest.require()
        for tool in ["qemu-system-x86_64", "qemu-img", "busybox", "ping", "mke2fs"] + tools {
            try IntegrationTests.require(tool)
        }
        if !FileManager.default.fileExists(atPath: EtherloomBinary.path + "-agent") {
            try skip("no agent: Scripts/agent .build/debug/etherloom-agent")
        }
    }

    /// A root of busybox at a path below the lab.
    static func makeMaster(_ lab: RunningLab, _ name: String = "master") throws {
        let words = ["master", "create", "--busybox", "\(lab.directory)/\(name)"]
        try lab.host.check([lab.host.etherloom] + words, as: lab.user)
    }

    /// A disk whose whole is a file system with such a root and a shell for /sbin/init's place.
    static func makeImage(_ lab: RunningLab, _ name: String = "disk.img") throws {
        try makeMaster(lab, "root")
        let root = lab.directory + "/root"
        try lab.host.check(["sh", "-c", "rm \(root)/bin/init; echo old >\(root)/file"], as: lab.user)
        let words = [
            "mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", root, "\(lab.directory)/\(name)", "48M",
        ]
        try lab.host.check(words, as: lab.user)
    }

    /// Kills the process that carries the lab's frames.
    static func killFabric(_ lab: RunningLab, name: String = "mesh") throws {
        let keeper = try KeeperClient(runtimeDirectory: "\(lab.runtime)/\(LabPlaces.identifier(lab: name))")
        guard let fabric = try keeper.request(["hello"]).value("fabric").flatMap({ pid_t($0) }) else {
            throw IntegrationFailure("the keeper knows no fabric")
        }
        kill(fabric, SIGKILL)
    }

    /// Runs a shell's line in a guest; it must succeed.
    @discardableResult
    static func run(_ lab: RunningLab, _ guest: String, _ line: String) throws -> String {
        try lab.check("exec", guest, "--", "sh", "-c", line)
    }
}
