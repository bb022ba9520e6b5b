// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Ends this process with status 124 unless it ends by itself within `seconds` from now.
///
/// For what an exit test runs in a process of its own. Such a test awaits its child, and waits for a thread a second
/// time afterwards, which `mayRun(seconds:)` would count; the child has its own.
public func limitThisProcess(seconds: Int) {
    var thread = pthread_t()
    // No timer, no queue: the process may count its descriptors.
    pthread_create(
        &thread,
        nil,
        { argument in
            var left = UInt32(UInt(bitPattern: argument))
            // A signal, which a change of the user is too for each thread, does not shorten it.
            while left > 0 { left = sleep(left) }
            let line = "the process of this test runs for too long\n"
            _ = write(STDERR_FILENO, line, line.utf8.count)
            _exit(124)
        },
        UnsafeMutableRawPointer(bitPattern: UInt(seconds))
    )
}
