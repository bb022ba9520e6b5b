// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The running stacks of one user: a directory of sockets, one for each stack, named like it.
///
/// A socket whose stack was killed answers nobody; it is removed when the next stack is made. The directory is its user's
/// alone, and stacks answer their own user alone, so that a name in /tmp gives nobody anything.
public enum StackRegistry {
    /// What a stack sends to whoever connects, before the descriptors of its namespaces: its protocol's version.
    static let greeting = Array("etherloom stack 1\n".utf8)
    static let maximumNameByteCount = 40

    /// The names of the stacks that run, sorted.
    public static func names() -> [String] {
        guard let directory = try? directory(), let names = try? FileSystem.names(in: directory) else { return [] }
        return names.filter { isAlive("\(directory)/\($0)") }.sorted()
    }

    /// The directory, made if need be: `$XDG_RUNTIME_DIR/etherloom/stacks`, or `/tmp/etherloom-UID/stacks` for a user
    /// without a directory of their own.
    static func directory() throws(StackError) -> String {
        let user = CurrentProcess.userID
        var top = "/tmp/etherloom-\(user)"
        if let runtime = CurrentProcess.environment("XDG_RUNTIME_DIR"), runtime.hasPrefix("/"),
            let status = try? FileStatus(path: runtime), status.isDirectory, status.userID == user
        {
            top = runtime + "/etherloom"
        }
        try makeOwn(top, user)
        try makeOwn(top + "/stacks", user)
        return top + "/stacks"
    }

    private static func makeOwn(_ path: String, _ user: UInt32) throws(StackError) {
        let status: FileStatus
        do {
            // One of ours from before, or somebody's trap, may be there: the check below tells.
            try? FileSystem.makeDirectory(path, mode: 0o700)
            status = try FileStatus(path: path, followLinks: false)
        } catch {
            throw StackError(.failed, "\(path): \(error)")
        }
        guard status.isDirectory, status.userID == user, status.mode & 0o022 == 0 else {
            throw StackError(
                .failed,
                "\(path) is not a directory that only user \(user) can write to",
                hint: "remove it"
            )
        }
    }

    static func checkName(_ name: String) throws(StackError) {
        let isGood = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isGood, !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= maximumNameByteCount else {
            throw StackError(
                .configuration,
                "\"\(name)\" is no name for a stack",
                hint: "1 to \(maximumNameByteCount) letters, digits, -, _ and ., the first not a ."
            )
        }
    }

    /// Connects to a stack: throws `connectionRefused` when it has ended, `noEntry` when there never was one.
    static func connect(_ path: String) throws(Errno) -> OwnedDescriptor {
        guard let address = UnixSocketAddress(path: path) else { throw .nameTooLong }
        return try UnixSocket.connection(.sequencedPacket, to: address)
    }

    /// A full backlog is a sign of life; only a refusal is none.
    static func isAlive(_ path: String) -> Bool {
        do {
            _ = try connect(path)
            return true
        } catch {
            return error != .connectionRefused && error != .noEntry
        }
    }
}

/// A stack's entry among those that run, and the socket at which it answers.
struct StackRegistration: ~Copyable, Sendable {
    let name: String
    private let path: String
    private let listener: OwnedDescriptor

    /// Takes a name, and sweeps what killed stacks have left.
    static func listen(name: String) throws(StackError) -> StackRegistration {
        try StackRegistry.checkName(name)
        let directory = try StackRegistry.directory()
        let path = "\(directory)/\(name)"
        guard let address = UnixSocketAddress(path: path) else {
            throw StackError(
                .configuration,
                "\(path): longer than a socket's name may be",
                hint: "a shorter name, or a shorter XDG_RUNTIME_DIR"
            )
        }
        do {
            return StackRegistration(name: name, path: path, listener: try bind(address, sweeping: directory))
        } catch .addressInUse {
            throw StackError(
                .nameInUse,
                "a stack \"\(name)\" runs already",
                hint: "take another --name, or --join \(name)"
            )
        } catch {
            throw StackError(.failed, "\(path): \(error)")
        }
    }

    private static func bind(
        _ address: UnixSocketAddress,
        sweeping directory: String
    ) throws(Errno) -> OwnedDescriptor {
        // Locked, or a sweeper that saw a dead socket could remove the live one that another put in its place.
        let lock = try OwnedDescriptor.open(directory, flags: O_RDONLY | O_DIRECTORY)
        try lock.lock()
        for other in try FileSystem.names(in: directory) where !StackRegistry.isAlive("\(directory)/\(other)") {
            try? FileSystem.remove("\(directory)/\(other)")
        }
        let listener = try UnixSocket.make(.sequencedPacket)
        try UnixSocket.bind(listener, to: address)
        try UnixSocket.listen(listener)
        return listener
    }

    private init(name: String, path: String, listener: consuming OwnedDescriptor) {
        self.name = name
        self.path = path
        self.listener = listener
    }

    deinit { try? FileSystem.remove(path) }

    var rawDescriptor: Int32 { listener.rawValue }

    /// Gives the namespaces of the process at `directory` to those of our user who wait for them.
    func answer(processDirectory directory: borrowing OwnedDescriptor) {
        while let client = try? UnixSocket.accept(listener) { admit(client, directory) }
    }

    private func admit(_ client: borrowing OwnedDescriptor, _ directory: borrowing OwnedDescriptor) {
        guard let credentials = try? UnixSocket.credentials(client), credentials.userID == CurrentProcess.userID else {
            return
        }
        do {
            let namespaces = try NamespaceProcess.namespaces(ofProcessAt: directory)
            let descriptors = [
                namespaces.user.rawValue, namespaces.mount.rawValue, namespaces.uts.rawValue,
                namespaces.network.rawValue, namespaces.process.rawValue,
            ]
            try UnixSocket.send(StackRegistry.greeting, descriptors: descriptors, to: client)
        } catch {
            // A stack that is just ending, or a client that gave up: the client sees the end of the connection.
        }
    }
}
