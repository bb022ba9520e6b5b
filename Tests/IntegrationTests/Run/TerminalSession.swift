// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// A user at a terminal: an interactive shell on a pseudo-terminal of its own session.
final class TerminalSession {
    struct Silence: Error, CustomStringConvertible {
        let awaited: String
        let seen: String
        var description: String { "\"\(awaited)\" did not come; since the last line awaited: \"\(seen)\"" }
    }

    private let master: Int32
    private let shell: pid_t
    private var pending = ""
    static let prompt = "ready> "

    init() throws {
        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        let slave = String(cString: ptsname(master))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session's leader opens becomes the session's.
        posix_spawn_file_actions_addopen(&actions, 0, slave, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A test's thread has signals blocked, which a login has not.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK))
        let words = Self.strings(["bash", "--norc", "--noprofile", "--noediting", "-i"])
        let environment = Self.strings([
            "PS1=\(Self.prompt)", "HISTFILE=/dev/null", "TERM=dumb", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ])
        defer { for word in words + environment { free(word) } }
        var pid: pid_t = 0
        try #require(posix_spawn(&pid, "/bin/bash", &actions, &attributes, words, environment) == 0)
        shell = pid
        try expect(Self.prompt)
    }

    private static func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        var list: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        list.append(nil)
        return list
    }

    deinit {
        // The end of the terminal would end them too, all but those that ignore it.
        kill(shell, SIGKILL)
        close(master)
        waitpid(shell, nil, 0)
    }

    func type(_ text: String) {
        _ = text.withCString { write(master, $0, strlen($0)) }
    }

    /// Reads the terminal until `text` has been shown.
    func expect(_ text: String, seconds: Int = 30, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_sec += seconds
        while true {
            if let range = pending.firstRange(of: text) {
                pending = String(pending[range.upperBound...])
                return
            }
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            let left = Int32(max(deadline.tv_sec - now.tv_sec, 0)) * 1000
            guard left > 0, poll(&entry, 1, left) > 0 else { throw Silence(awaited: text, seen: pending) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(master, &bytes, bytes.count)
            guard count > 0 else { throw Silence(awaited: text, seen: pending) }
            pending += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    /// Types a line and waits for the next prompt.
    func run(_ line: String) throws {
        type(line + "\n")
        try expect(Self.prompt)
    }
}
