// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Text in bytes, found by the C library: for files of many megabytes.
public enum ByteSearch {
    /// The offset of a text's first occurrence. The corresponding C function is `memmem`.
    public static func first(_ text: String, in bytes: [UInt8]) -> Int? {
        let pattern = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            guard let found = unsafe memmem(start, bytes.count, pattern, pattern.count) else { return nil }
            return unsafe UnsafeRawPointer(found) - start
        }
    }
}
