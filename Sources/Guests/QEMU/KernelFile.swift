// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A kernel's file, as far as one must know it before it is booted in a machine.
struct KernelFile: Equatable {
    /// What `uname -r` will say, which its modules' directory is called by. Nil where the file does not say.
    var release: String?
    var architecture = MachineArchitecture.x86

    /// Looks at a file. Throws one line for people when a machine of this kind cannot boot it.
    static func inspect(_ path: String) throws(GuestError) -> KernelFile {
        let head: [UInt8]
        do {
            head = try FileSystem.contents(path, limit: 65536)
        } catch {
            throw GuestError("kernel \(path): \(error)")
        }
        var kernel = try inspect(head, path: path)
        // Its head does not say; its greeting does, which is somewhere in it.
        if kernel.architecture == .arm64, let bytes = try? FileSystem.contents(path, limit: 256 << 20) {
            kernel.release = release(in: bytes)
        }
        return kernel
    }

    private static func release(in bytes: [UInt8]) -> String? {
        guard let place = ByteSearch.first("Linux version ", in: bytes) else { return nil }
        let text = bytes[(place + 14)...].prefix(128).prefix { $0 > 0x20 && $0 < 0x7f }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    /// - Parameter head: the file's first 64 KiB.
    static func inspect(_ head: [UInt8], path: String) throws(GuestError) -> KernelFile {
        func refused(_ what: String) -> GuestError {
            GuestError(
                "kernel \(path): \(what); a virtual machine wants a bzImage or vmlinux for x86-64, or an Image for arm64"
            )
        }
        // Documentation/arch/x86/boot.rst: the setup header, and an offset of the version's text in the setup code.
        if number(head, 0x202, 4) == 0x5372_6448 {
            let offset = number(head, 0x20e, 2).map { $0 == 0 ? nil : Int($0) + 0x200 } ?? nil
            guard let offset, offset < head.count else { return KernelFile(release: nil) }
            let text = String(decoding: head[offset...].prefix { $0 > 0x20 && $0 < 0x7f }.prefix(128), as: UTF8.self)
            return KernelFile(release: text.isEmpty ? nil : text)
        }
        if head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            guard number(head, 18, 2) == 62, head[4] == 2 else { throw refused("it is for another processor") }
            // A program header that wants an interpreter, or a position independent file, is a program of the host.
            guard number(head, 16, 2) == 2, !hasInterpreter(head) else {
                throw refused("it is a program of the host (User Mode Linux is kind: uml)")
            }
            return KernelFile(release: nil)
        }
        // Documentation/arch/arm64/booting.rst: the magic number of the header.
        if number(head, 56, 4) == 0x644d_5241 { return KernelFile(release: nil, architecture: .arm64) }
        if head.starts(with: [0x1f, 0x8b]) {
            throw refused("it is compressed with gzip; unpack it first")
        }
        throw refused(head.isEmpty ? "it is empty" : "it is no kernel")
    }

    private static func hasInterpreter(_ head: [UInt8]) -> Bool {
        guard let start = number(head, 32, 8), let size = number(head, 54, 2), let count = number(head, 56, 2),
            start < 65536
        else { return false }
        // PT_INTERP is 3.
        return (0..<count).contains { number(head, Int(start + $0 * size), 4) == 3 }
    }

    /// Little-endian; nil beyond the end.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64? {
        guard offset >= 0, offset + count <= bytes.count else { return nil }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
    }
}
