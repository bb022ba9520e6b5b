// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Archives become a master, by tar(1), inside of the user namespace.
///
/// An archive may come from anywhere. So tar runs where nothing can be written but the new directory: a link in an archive
/// that leads outside leads to a read-only file system.
enum Unpacking {
    /// - Parameter file: "-" is the standard input.
    static func unpack(_ file: String, into target: String) throws(GuestError) {
        try confine(target)
        try extract(file, into: target)
    }

    /// Layers of an image, the lowest first, each with what it removes of those below (OCI image specification, "Whiteouts").
    static func unpack(layers: [String], into target: String) throws(GuestError) {
        try confine(target)
        for file in layers {
            guard let list = DebianMaster.output(["tar", "-t", "--quoting-style=escape", "-f", file]) else {
                throw GuestError("\(file): tar cannot read this layer; it has said above why")
            }
            for path in removed(list) { try Whiteouts.apply(path, in: target) }
            try extract(file, into: target)
        }
    }

    private static func confine(_ target: String) throws(GuestError) {
        do throws(Errno) {
            try RootMount.confineWrites(to: target)
        } catch {
            throw GuestError("\(target): cannot make everything else read-only: \(error)", status: 4)
        }
    }

    private static func extract(_ file: String, into target: String) throws(GuestError) {
        var words = ["tar", "-x", "-p", "--numeric-owner", "-C", target]
        words.append(hasManyUsers ? "--same-owner" : "--no-same-owner")
        words += ["--xattrs", "--xattrs-include=security.capability", "--xattrs-include=user.*"]
        // Nobody makes devices in a user namespace; guests have their own.
        words += ["--anchored", "--exclude=./dev/*", "--exclude=dev/*", "--no-anchored", "--exclude=.wh.*", "-f", file]
        let status: WaitStatus
        do throws(Errno) {
            let program = try ChildProgram(words, input: 0)
            status = try program.wait()
        } catch {
            throw GuestError("cannot run tar: \(error)", status: 4)
        }
        guard status.exitCode == 0 else {
            let name = file == "-" ? "the archive" : file
            throw GuestError(
                "cannot unpack \(name): tar ended with status \(status.shellStatus); it has said above why"
            )
        }
    }

    /// Whether this namespace has more users than root.
    private static var hasManyUsers: Bool {
        guard let bytes = try? FileSystem.contents("/proc/self/uid_map", limit: 65536) else { return false }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return lines.count > 1 || lines.first?.split(separator: " ").last != "1"
    }

    /// The marks in a list of names as tar writes them, as paths: `a/.wh.b`, `a/.wh..wh..opq`.
    static func removed(_ list: [UInt8]) -> [[FileName]] {
        list.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let path = unescape(line).split(separator: UInt8(ascii: "/")).filter { $0 != [UInt8(ascii: ".")] }
            guard path.last?.starts(with: Array(".wh.".utf8)) == true else { return nil }
            return path.map { FileName(bytes: $0) }
        }
    }

    /// Tar's escapes: as in C, others than printable characters by three octal digits.
    static func unescape(_ line: ArraySlice<UInt8>) -> [UInt8] {
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8,
            UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 92,
        ]
        var bytes: [UInt8] = []
        var rest = line
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.first else {
                bytes.append(byte)
                continue
            }
            let octal = rest.prefix(3)
            if octal.count == 3, octal.allSatisfy({ 48...55 ~= $0 }) {
                bytes.append(octal.reduce(0) { $0 &* 8 &+ ($1 - 48) })
                rest = rest.dropFirst(3)
            } else {
                bytes.append(plain[next] ?? next)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }
}

/// What a layer removes of those below.
enum Whiteouts {
    /// The mark is the last name of the path. What is not there needs no removal; links are not followed.
    static func apply(_ path: [FileName], in target: String) throws(GuestError) {
        guard let mark = path.last, !path.contains(where: { $0.description == ".." }) else { return }
        do throws(Errno) {
            try apply(mark, path.dropLast(), in: try DirectoryHandle.open(target), place: target)
        } catch {
            if error == .noEntry || error == .notADirectory || error == Errno(rawValue: ELOOP) { return }
            throw GuestError("\(target)/\(FileName.path(path)): \(error)")
        }
    }

    private static func apply(
        _ mark: FileName,
        _ path: ArraySlice<FileName>,
        in directory: borrowing DirectoryHandle,
        place: String
    ) throws(Errno) {
        if let next = path.first {
            let inner = try directory.openDirectory(next)
            return try apply(mark, path.dropFirst(), in: inner, place: "\(place)/\(next)")
        }
        let isOpaque = mark.description == ".wh..wh..opq"
        // `.wh..` and `.wh...` would be this directory and the one above.
        if [".wh.", ".wh..", ".wh..."].contains(mark.description) { return }
        for name in isOpaque ? try directory.names() : [mark.dropping(4)] {
            if let failure = TreeRemoval.remove(name, in: directory, place: place) { throw failure }
        }
    }
}
