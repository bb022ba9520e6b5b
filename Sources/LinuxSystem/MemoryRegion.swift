// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A mapping that ends with its owner, mmap(2).
///
/// Invariant: `base` is the start of `byteCount` mapped, zero-filled, page-aligned, writable bytes until the value ends.
@safe
public struct MemoryRegion: ~Copyable, @unchecked Sendable {
    public let byteCount: Int
    private let base: UnsafeMutableRawPointer

    private init(base: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.base = unsafe base
        self.byteCount = byteCount
    }

    deinit { _ = unsafe cel_unmap(base, byteCount) }

    /// Memory of this process alone that takes no page before it is touched.
    public static func privateMemory(byteCount: Int) throws(Errno) -> MemoryRegion {
        guard let base = unsafe cel_map_private(byteCount) else { throw Errno.noMemory }
        return unsafe MemoryRegion(base: base, byteCount: byteCount)
    }

    /// The whole of a memory file, shared with whoever else holds its descriptor.
    public static func shared(_ file: borrowing OwnedDescriptor, byteCount: Int) throws(Errno) -> MemoryRegion {
        guard let base = unsafe cel_map_shared(file.rawValue, byteCount) else { throw Errno.noMemory }
        return unsafe MemoryRegion(base: base, byteCount: byteCount)
    }

    /// The mapped bytes. The caller keeps this value alive for as long as it uses the pointer.
    @unsafe
    public var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }
}

/// A file without a name that lives as long as somebody holds it, memfd_create(2).
public enum MemoryFile {
    /// Makes a zero-filled memory file whose size is sealed: a holder can change its bytes, never cut it under a reader.
    public static func create(name: String, byteCount: Int) throws(Errno) -> OwnedDescriptor {
        let file = OwnedDescriptor(adopting: try systemCall { unsafe cel_memfd_create(name) })
        let rawValue = file.rawValue
        try systemCall { cel_truncate(rawValue, Int64(byteCount)) }
        try systemCall { cel_memfd_seal_size(rawValue) }
        return file
    }
}
