// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The processes of this machine, as far as a test is concerned: those that carry its mark in their environment.
enum ProcessTable {
    static func mark(_ identifier: String) -> String { "ETHERLOOM_TEST_HOST=\(identifier)" }

    /// Living processes with the mark. Those that wait for their parent's notice are dead, and have no environment.
    static func marked(_ identifier: String) -> [pid_t] {
        let mark = Array(mark(identifier).utf8)
        return ((try? FileSystem.names(in: "/proc")) ?? []).compactMap { pid_t($0) }.filter { process in
            guard let environment = try? FileSystem.contents("/proc/\(process)/environ") else { return false }
            return environment.split(separator: 0).contains { $0.elementsEqual(mark) }
        }
    }

    /// Whether a process runs. One that waits for its parent's notice does not.
    static func isAlive(_ process: pid_t) -> Bool {
        guard let status = try? FileSystem.contents("/proc/\(process)/stat") else { return false }
        // The name stands in parentheses and may hold anything; the state follows.
        let state = String(decoding: status, as: UTF8.self).split(separator: ")").last?.dropFirst().first
        return state != "Z" && state != "X"
    }

    static func commandLine(_ process: pid_t) -> String {
        let bytes = (try? FileSystem.contents("/proc/\(process)/cmdline")) ?? []
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    /// Kills what carries the mark, and what it starts meanwhile.
    static func kill(marked identifier: String) {
        try? wait(for: "the death of marked processes", seconds: 10) {
            let processes = marked(identifier)
            for process in processes { Glibc.kill(process, SIGKILL) }
            return processes.isEmpty
        }
    }
}

/// Removing a directory with all that is in it; what cannot be removed stays.
enum RemoveTree {
    static func remove(_ path: String) {
        guard let status = try? FileStatus(path: path, followLinks: false) else { return }
        guard status.isDirectory else {
            unlink(path)
            return
        }
        for name in (try? FileSystem.names(in: path)) ?? [] { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
