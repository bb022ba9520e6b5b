// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Why a stack could not be had, or a command not be run in it.
public struct StackError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// This host does not let us: user namespaces or taps are missing.
        case unavailable
        /// The configuration makes no sense, or the kernel refused it.
        case configuration
        /// No address came: no DHCP server, no router.
        case noAddress
        case nameInUse
        case noSuchStack
        case commandNotFound
        case commandNotExecutable
        /// A signal came, which would have ended the program.
        case interrupted(Int32)
        /// Anything else that went wrong on our side.
        case failed
    }

    public let code: Code
    /// What happened, naming the thing and its value.
    public let message: String
    /// What to do about it.
    public let hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    init(_ error: ConfigurationError) {
        self.init(.configuration, "\"\(error.word)\": \(error.message)", hint: error.hint)
    }

    public var description: String { message + (hint.map { "; \($0)" } ?? "") }

    /// What a program that runs commands for others exits with, as a shell or `env` would: 127 and 126 speak of the
    /// command, 125 of ourselves; 4 says that this host cannot do it.
    public var exitStatus: Int32 {
        switch code {
        case .unavailable: 4
        case .commandNotFound: 127
        case .commandNotExecutable: 126
        case .interrupted(let signal): 128 + signal
        case .configuration, .noAddress, .nameInUse, .noSuchStack, .failed: 125
        }
    }
}

// The system's refusals, told apart by what would help.
extension StackError {
    /// clone(2) made no namespaces.
    static func noNamespaces(_ error: Errno) -> StackError {
        for kind in ["user", "net", "mnt", "uts", "pid"] where isZero("/proc/sys/user/max_\(kind)_namespaces") {
            let name = "user.max_\(kind)_namespaces"
            return StackError(
                .unavailable,
                "\(kind == "user" ? "user" : kind) namespaces are disabled here (sysctl \(name) is 0)",
                hint: "as root: sysctl -w \(name)=15000"
            )
        }
        if isZero("/proc/sys/kernel/unprivileged_userns_clone") {
            return StackError(
                .unavailable,
                "user namespaces are disabled here (sysctl kernel.unprivileged_userns_clone is 0)",
                hint: "as root: sysctl -w kernel.unprivileged_userns_clone=1"
            )
        }
        switch error {
        case .invalid:
            return StackError(
                .unavailable,
                "this kernel has no user or network namespaces (CONFIG_USER_NS, CONFIG_NET_NS)"
            )
        case .notPermitted:
            return StackError(
                .unavailable,
                "user namespaces are not permitted here: \(error)",
                hint: "inside a container its seccomp profile must allow clone, inside a chroot there are none"
            )
        case Errno(rawValue: 28), Errno(rawValue: 87):  // ENOSPC, EUSERS
            return StackError(
                .unavailable,
                "no more namespaces here: \(error)",
                hint: "see the sysctls user.max_*_namespaces"
            )
        default:
            return StackError(.unavailable, "cannot make namespaces: \(error)")
        }
    }

    /// There is a user namespace, but without the rights that one gives.
    static func powerlessNamespace(_ step: String, _ error: Errno) -> StackError {
        let restriction = "kernel.apparmor_restrict_unprivileged_userns"
        if error == .notPermitted || error == .accessDenied,
            content("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
        {
            return StackError(
                .unavailable,
                "\(step): \(error), because AppArmor takes the rights out of user namespaces",
                hint: "as root: sysctl -w \(restriction)=0, or give the program an AppArmor profile with \"userns\""
            )
        }
        return StackError(.unavailable, "\(step): \(error)")
    }

    /// A step of the process inside failed.
    static func failedStep(_ step: NamespaceProcess.Step, _ error: Errno, command: String?) -> StackError {
        switch step {
        case .openTun: return noTun(error)
        case .createTap: return powerlessNamespace("cannot create a tap in the new namespace", error)
        case .openProc:
            return StackError(.unavailable, "/proc/self: \(error)", hint: "namespaces need /proc to be mounted")
        case .isolateMounts: return powerlessNamespace("cannot detach the mounts", error)
        case .setHostname: return powerlessNamespace("cannot set the host name", error)
        case .openNetlink, .openPacketSocket:
            return powerlessNamespace("cannot open a socket in the new namespace", error)
        case .execute:
            let name = command ?? "command"
            // A directory of PATH that cannot be searched refuses too, as if the command were in there.
            if error == .noEntry || error == .accessDenied && !exists(name) {
                return StackError(.commandNotFound, "\(name): command not found")
            }
            return StackError(.commandNotExecutable, "\(name): \(error)")
        case .joinUserNamespace:
            return StackError(
                .failed,
                "cannot enter the stack: \(error)",
                hint: "a stack is entered from outside of every other stack, by the user that made it"
            )
        case .readCommand, .keepCapabilities, .fork, .joinNamespaces:
            return StackError(.failed, "cannot start the command (\(step)): \(error)")
        }
    }

    /// Taps cannot be had on this host.
    public static func noTun(_ error: Errno) -> StackError {
        let device = "/dev/net/tun"
        switch error {
        case .noEntry, .notADirectory:
            return StackError(
                .unavailable,
                "\(device) is missing",
                hint: "as root: mkdir -p /dev/net && mknod \(device) c 10 200 && chmod 0666 \(device)"
            )
        case .accessDenied:
            return StackError(.unavailable, "\(device): permission denied", hint: "as root: chmod 0666 \(device)")
        case .notPermitted:
            return StackError(
                .unavailable,
                "\(device): not permitted, by a device control group",
                hint: "allow the device \"c 10:200 rwm\" to this container"
            )
        case Errno(rawValue: 6), Errno(rawValue: 19):  // ENXIO, ENODEV
            return StackError(.unavailable, "\(device): the kernel has no tun driver", hint: "as root: modprobe tun")
        default:
            return StackError(.unavailable, "\(device): \(error)")
        }
    }

    /// Whether there is such a program, be it executable or not.
    private static func exists(_ command: String) -> Bool {
        if command.contains("/") { return true }
        let path = CurrentProcess.environment("PATH") ?? ""
        return path.split(separator: ":").contains { (try? FileStatus(path: "\($0)/\(command)")) != nil }
    }

    private static func isZero(_ path: String) -> Bool { content(path) == "0" }

    private static func content(_ path: String) -> String? {
        guard let bytes = try? FileSystem.contents(path, limit: 64) else { return nil }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }
}
