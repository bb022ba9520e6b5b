// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Standard output and standard error, unbuffered.
public enum StandardStreams {
    /// Makes sure that descriptors 0 to 2 are open, on /dev/null at least, so that none of ours takes such a number.
    public static func ensureOpen() { cel_ensure_standard_streams() }

    /// Writes a text to standard output, unbuffered; false when not all of it could be written.
    @discardableResult
    public static func writeOutput(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let bytes = Array(rest)
            let count = unsafe cel_write(1, bytes, bytes.count)
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Writes a text to standard error. A stream that is closed or full loses it: nothing depends on messages.
    public static func writeError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe cel_write(2, bytes, bytes.count)
    }
}
