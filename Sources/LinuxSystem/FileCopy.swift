// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Extended attributes, xattr(7).
enum ExtendedAttributes {
    /// Sets all attributes of one file on another. What only the kernel may set, and what the other file system has no
    /// place for, is left out, but not what belongs to users.
    static func copy(from source: Int32, to target: Int32) throws(Errno) {
        var names = [CChar](repeating: 0, count: 65536)
        let size = names.count
        let count: Int
        do {
            count = try systemCall { unsafe cel_list_attributes(source, &names, size) }
        } catch .notSupported {
            return
        }
        guard count > 0 else { return }
        var value = [UInt8](repeating: 0, count: 65536)
        let room = value.count
        for part in names[..<(count - 1)].split(separator: 0) {
            let name = Array(part) + [0]
            do {
                let length = try systemCall { unsafe cel_attribute(source, name, &value, room) }
                try systemCall { unsafe cel_set_attribute(target, name, value, length) }
            } catch {
                let user = Array("user.".utf8CString.dropLast())
                if name.starts(with: user) { throw error }
            }
        }
    }
}

/// The contents of files.
public enum FileCopy {
    /// Copies contents, holes as holes: sharing blocks where the file system can.
    public static func copy(
        from source: borrowing OwnedDescriptor,
        to target: borrowing OwnedDescriptor,
        size: Int
    ) throws(Errno) {
        let (from, to) = (source.rawValue, target.rawValue)
        if size > 0, cel_clone_file(to, from) < 0 {
            try systemCall { cel_set_size(to, UInt64(size)) }
            try copyData(from, to)
        }
    }

    /// Copies extended attributes.
    public static func copyAttributes(
        from source: borrowing OwnedDescriptor,
        to target: borrowing OwnedDescriptor
    ) throws(Errno) {
        try ExtendedAttributes.copy(from: source.rawValue, to: target.rawValue)
    }

    private static func copyData(_ from: Int32, _ to: Int32) throws(Errno) {
        var place = 0
        while true {
            let start: Int
            do {
                start = try systemCall { cel_seek_data(from, place) }
            } catch Errno(rawValue: ENXIO) {
                return  // A hole to the end.
            } catch .invalid {
                // A file system that knows no holes.
                return try copyRange(from, to, from: place, end: Int.max)
            }
            let end = try systemCall { cel_seek_hole(from, start) }
            try copyRange(from, to, from: start, end: end)
            place = end
        }
    }

    private static func copyRange(_ from: Int32, _ to: Int32, from start: Int, end: Int) throws(Errno) {
        var place = start
        var usesKernel = true
        var buffer: [UInt8] = []
        while place < end {
            let wanted = min(end - place, 1 << 24)
            var count = 0
            if usesKernel {
                count = cel_copy_range(from, place, to, wanted)
                // Between file systems, or of one that cannot: by hand.
                if count < 0 && count != -Int(ENOSPC) && count != -Int(EINTR) { usesKernel = false }
                if count == -Int(ENOSPC) { throw .noSpace }
                if count < 0 { continue }
            } else {
                if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 1 << 18) }
                let part = min(wanted, buffer.count)
                count = try systemCall { unsafe cel_read_at(from, &buffer, part, place) }
                var written = 0
                while written < count {
                    let rest = Array(buffer[written..<count])
                    written += try systemCall { unsafe cel_write_at(to, rest, rest.count, place + written) }
                }
            }
            if count == 0 { return }
            place += count
        }
    }
}
