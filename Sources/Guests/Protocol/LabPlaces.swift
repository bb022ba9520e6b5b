// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Where a running lab has its sockets, and the user's daemon its own.
///
/// Paths of AF_UNIX sockets end at 107 bytes, so that they are not in the lab's own directory, which may lie deep.
public enum LabPlaces {
    /// `$XDG_RUNTIME_DIR/etherloom`, or `/run/user/UID/etherloom`, or `/tmp/etherloom-UID` for a user without a directory of
    /// their own. Not made by this call.
    public static var userDirectory: String {
        let user = CurrentProcess.userID
        if let runtime = CurrentProcess.environment("XDG_RUNTIME_DIR"), runtime.hasPrefix("/"), isOwn(runtime) {
            return runtime + "/etherloom"
        }
        let usual = "/run/user/\(user)"
        return isOwn(usual) ? usual + "/etherloom" : "/tmp/etherloom-\(user)"
    }

    /// The lab's place below `userDirectory`: the first eight hexadecimal digits of the FNV-1a hash (64 bits) of its name.
    public static func identifier(lab: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in lab.utf8 {
            hash ^= UInt64(byte)
            hash = hash &* 0x0000_0100_0000_01b3
        }
        let text = String(hash, radix: 16)
        return String((String(repeating: "0", count: 16 - text.count) + text).prefix(8))
    }

    public static func runtimeDirectory(lab: String) -> String { userDirectory + "/" + identifier(lab: lab) }

    /// Makes a directory that only this user can look into, and checks one that is there already: below /tmp it may be
    /// somebody's trap.
    public static func makePrivate(_ path: String) throws(GuestError) {
        let status: FileStatus
        do {
            try? FileSystem.makeDirectory(path, mode: 0o700)
            status = try FileStatus(path: path, followLinks: false)
        } catch {
            throw GuestError("\(path): \(error)")
        }
        guard status.isDirectory, status.userID == CurrentProcess.userID, status.mode & 0o022 == 0 else {
            throw GuestError(
                "\(path) is not a directory that only user \(CurrentProcess.userID) can write to; remove it"
            )
        }
    }

    /// Makes a directory and those above it that are missing.
    static func makeDirectories(_ path: String) throws(GuestError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if (try? FileStatus(path: made))?.isDirectory == true { continue }
            do {
                try FileSystem.makeDirectory(made, mode: 0o755)
            } catch {
                if error != .exists { throw GuestError("cannot make \(made): \(error)") }
            }
        }
    }

    /// A connection with a program of this user's, or of root's: below /tmp somebody else may have made the directory first, and
    /// what is said there is nothing for him. Throws `notPermitted` then. Root may speak with anybody's by an explicit path.
    public static func connection(_ kind: UnixSocket.Kind, to path: String) throws(Errno) -> OwnedDescriptor {
        guard let address = UnixSocketAddress(path: path) else { throw .nameTooLong }
        let socket = try UnixSocket.connection(kind, to: address)
        let (own, other) = (CurrentProcess.userID, try UnixSocket.credentials(socket).userID)
        let isMeant = own == 0 && !path.hasPrefix(userDirectory + "/")
        guard other == own || other == 0 || isMeant else { throw .notPermitted }
        return socket
    }

    private static func isOwn(_ path: String) -> Bool {
        guard let status = try? FileStatus(path: path) else { return false }
        return status.isDirectory && status.userID == CurrentProcess.userID
    }
}

/// The files of one running lab, below its runtime directory.
public struct RuntimeFiles: Sendable, Equatable {
    public let directory: String
    public init(directory: String) { self.directory = directory }

    public var keeper: String { directory + "/keeper" }
    public var keeperProcess: String { directory + "/keeper.pid" }
    public var lab: String { directory + "/lab" }
    public var fabric: String { directory + "/fabric" }
    public var log: String { directory + "/log" }
    /// Switch directories of the segments.
    public var segments: String { directory + "/s" }
    /// Sockets of vhost-user interfaces.
    public var vhost: String { directory + "/v" }
    /// Names of bridges on the host that are to be removed, a line each.
    public var hostBridges: String { directory + "/bridges" }
    /// Where guests' roots are mounted, inside of the lab's namespaces.
    public var roots: String { directory + "/r" }

    /// The lab that this directory belongs to, as its keeper has written it: its name and its directory.
    public func owner() -> (name: String, directory: String)? {
        guard let bytes = try? FileSystem.contents(lab, limit: 65536), let words = WordMessage(bytes: bytes)?.words,
            words.count == 2
        else { return nil }
        return (words[0], words[1])
    }
}
