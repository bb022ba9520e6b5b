// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Starts programs, posix_spawn(3): each in a process group of its own, with default signals and no descriptor but those
/// that it is given.
enum Spawn {
    /// Where a standard stream or an extra descriptor comes from.
    enum Source {
        case descriptor(Int32)
        case path(String, flags: Int32)
    }

    /// - Parameters:
    ///   - sources: by descriptor number in the program.
    ///   - leadsSession: the first terminal that it opens becomes its controlling one.
    static func start(
        _ command: [String],
        environment: [String],
        sources: [Int32: Source],
        leadsSession: Bool = false
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (target, source) in sources.sorted(by: { $0.key < $1.key }) {
            switch source {
            case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, target)
            case .path(let path, let flags): posix_spawn_file_actions_addopen(&actions, target, path, flags, 0o644)
            }
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, (sources.keys.max() ?? 2) + 1)

        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let group = leadsSession ? 0x80 : Int32(POSIX_SPAWN_SETPGROUP)  // 0x80: POSIX_SPAWN_SETSID
        posix_spawnattr_setflags(&attributes, Int16(group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var process: pid_t = 0
        let code = withStrings(command) { arguments in
            withStrings(environment) { variables in
                posix_spawnp(&process, command[0], &actions, &attributes, arguments, variables)
            }
        }
        guard code == 0 else { throw IntegrationFailure.system(command[0], code) }
        return process
    }

    private static func withStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
