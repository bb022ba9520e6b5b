// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The masters that there are.
public enum Masters {
    /// One of them.
    public struct Entry: Sendable, Equatable {
        public var name: String
        /// What it was made from, as `debian bookworm`.
        public var origin: String
        /// Seconds since 1970.
        public var time: Int64
    }

    /// Those in a directory that `etherloom master create` has made, by name.
    public static func list(in directory: String) throws(GuestError) -> [Entry] {
        do throws(Errno) {
            return try FileSystem.names(in: directory).sorted().compactMap { entry("\(directory)/\($0)", name: $0) }
        } catch {
            throw GuestError("\(directory): \(error)")
        }
    }

    private static func entry(_ path: String, name: String) -> Entry? {
        guard !name.hasPrefix("."), let status = try? FileStatus(path: path, followLinks: false) else { return nil }
        let time = status.modifiedNanoseconds / 1_000_000_000
        if status.isDirectory, let origin = note(path) { return Entry(name: name, origin: origin, time: time) }
        if (try? FileSystem.linkTarget(path)) == "/" { return Entry(name: name, origin: "host", time: time) }
        return nil
    }

    private static func note(_ path: String) -> String? {
        do throws(Errno) {
            return try DirectoryHandle.open(path).note(MasterBuilder.note)
        } catch {
            return nil
        }
    }

    /// Removes one, if nobody's root is based on it now.
    public static func remove(_ path: String, worker: RootWorker = RootWorker(.own)) throws(GuestError) {
        let (_, name) = RootDirectories.split(path)
        guard let status = try? FileStatus(path: path, followLinks: false) else {
            throw GuestError("\(path): no such master")
        }
        guard let entry = entry(path, name: name) else {
            throw GuestError("\(path): not made by etherloom master create; remove it by hand")
        }
        if entry.origin == "host", !status.isDirectory {
            do throws(Errno) { try FileSystem.remove(path) } catch { throw GuestError("\(path): \(error)") }
            return
        }
        let real = (try? FileSystem.canonicalPath(path)) ?? path
        if let process = user(of: real) {
            throw GuestError("\(path): roots of guests are based on it (process \(process)); end their lab first")
        }
        try worker.run(["remove", real])
    }

    /// A process in whose mount namespace an overlay has this directory as a layer.
    private static func user(of path: String) -> String? {
        // As the kernel writes paths there.
        let escaped = path.utf8.map { byte -> String in
            [0x20, 0x09, 0x0a, 0x5c, 0x2c, 0x3a].contains(byte)
                ? "\\" : String(decoding: [byte], as: UTF8.self)
        }.joined()
        guard !escaped.contains("\\") else { return nil }
        var seen: Set<String> = []
        for process in (try? FileSystem.names(in: "/proc")) ?? [] where process.utf8.allSatisfy({ 48...57 ~= $0 }) {
            guard let namespace = try? FileSystem.linkTarget("/proc/\(process)/ns/mnt"),
                seen.insert(namespace).inserted,
                let bytes = try? FileSystem.contents("/proc/\(process)/mountinfo", limit: 1 << 24)
            else { continue }
            let mounts = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            let isUsed = mounts.contains { line in
                line.contains(" - overlay ") && line.split(separator: " ").last.map { uses($0, escaped) } == true
            }
            if isUsed { return process }
        }
        return nil
    }

    private static func uses(_ options: Substring, _ path: String) -> Bool {
        options.split(separator: ",").contains { option in
            guard option.hasPrefix("lowerdir") else { return false }
            return option.drop { $0 != "=" }.dropFirst().split(separator: ":").contains { $0 == path }
        }
    }
}
