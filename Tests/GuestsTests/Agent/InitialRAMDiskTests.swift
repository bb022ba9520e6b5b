// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("Initial RAM disks")
struct InitialRAMDiskTests {
    @Test func entriesAreAsTheKernelReadsThem() {
        var disk = InitialRAMDisk()
        disk.addFile("/a/b", mode: 0o755, contents: Array("hello".utf8))
        let text = String(decoding: disk.archive, as: UTF8.self)
        // The directory above comes first: magic, inode, mode, uid, gid, links, mtime, size, 4 devices, name's size, check.
        #expect(text.hasPrefix("07070100000001000041ed00000000000000000000000200000000" + "00000000"))
        #expect(disk.archive.count % 4 == 0)
        #expect(text.contains("TRAILER!!!"))
    }

    @Test func anotherProgramUnpacksThem() throws {
        var disk = InitialRAMDisk()
        disk.addFile("init", mode: 0o755, contents: [1, 2, 3])
        disk.addFile("/etherloom/modules/000-x.ko", contents: [UInt8](repeating: 7, count: 4097))
        disk.addDirectory("/etherloom")
        disk.addLink("/bin/sh", to: "busybox")
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("cpio-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("archive")
        try Data(disk.archive).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.currentDirectoryURL = directory
        process.arguments = ["-c", "exec busybox cpio -id <archive 2>/dev/null"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try Data(contentsOf: directory.appendingPathComponent("init")) == Data([1, 2, 3]))
        let module = directory.appendingPathComponent("etherloom/modules/000-x.ko")
        #expect(try Data(contentsOf: module).count == 4097)
        let link = directory.appendingPathComponent("bin/sh").path
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "busybox")
    }

    @Test func memoryFileHoldsTheArchive() throws {
        var disk = InitialRAMDisk()
        disk.addFile("x", contents: [5])
        let file = try disk.memoryFile()
        #expect(try FileSystem.contents("/proc/self/fd/\(file.rawValue)") == disk.archive)
    }
}
