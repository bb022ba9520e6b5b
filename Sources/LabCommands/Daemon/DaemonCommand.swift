// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlAPI
import ControlService
import Glibc
import Guests
import LinuxSystem

/// `etherloom daemon`: what knows the intent of a user's labs.
struct DaemonCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "daemon",
            abstract: "Serve the requests of all verbs about labs; started by them when it is needed.",
            discussion: """
                One for each user, on a socket that nobody else can open. It may be killed at any time: labs go on, and the next \
                one takes them over. A socket that the service manager passes (LISTEN_FDS) is served instead of its own.
                """
        )
    }

    @Flag(name: [.customShort("d"), .customLong("daemon")], help: "Go to the background when it serves.")
    var isDaemon = false
    @Flag(name: .customLong("on-demand"), help: "End after some minutes without a lab and without a request.")
    var isOnDemand = false
    @Option(name: .customLong("idle"), help: "Seconds for --on-demand; 300 without it.")
    var idle: Double = 300
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when it serves.")
    var readyDescriptor: Int32?

    mutating func run() throws {
        guard idle >= 0, idle < 1e8 else {
            throw Failure("--idle \(idle): seconds are wanted", status: ExitStatus.usage)
        }
        let directory = LabPlaces.userDirectory
        try LabPlaces.makePrivate(directory)
        let inherited = try Self.inheritedSocket()
        let lockFile = directory + "/daemon.lock"
        guard let lock = try isOnDemand ? DaemonSocket.lockOrAnother(directory, lockFile) : DaemonLock(lockFile) else {
            // Whoever asked for a daemon has one.
            if isOnDemand { return }
            throw Failure("a daemon of yours runs already; its socket is \(directory)/daemon")
        }
        guard let program = Self.program else {
            throw Failure("etherloom is missing beside etherloom-lab", status: ExitStatus.unsupported)
        }
        defer { withExtendedLifetime(lock) {} }
        let listener = try inherited ?? DaemonSocket.listen(directory + "/daemon").release()
        var options = ServiceProcess.Options()
        options.isDaemon = isDaemon
        options.pidFile = directory + "/daemon.pid"
        options.readyDescriptor = readyDescriptor
        let patience = isOnDemand || inherited != nil ? UInt64(idle * 1e9) : nil
        try ServiceProcess.run(options) { mailbox in
            let thread = try ServiceThread(program: program, userDirectory: directory)
            let server = APIServer(service: thread, version: "0.1.0")
            if let patience { thread.endWhenIdle(nanoseconds: patience) { mailbox.put(.done) } }
            try await server.run(listener: listener) { mailbox.put(.ready("")) }
        }
        if inherited == nil { try? FileSystem.remove(directory + "/daemon") }
        try? FileSystem.remove(lockFile)
        // Only when no lab is in it.
        try? FileSystem.removeDirectory(directory)
    }

    /// sd_listen_fds(3): the first descriptor is 3, for the process of this number only.
    private static func inheritedSocket() throws -> Int32? {
        guard CurrentProcess.environment("LISTEN_PID") == String(CurrentProcess.id),
            let count = CurrentProcess.environment("LISTEN_FDS"), count != "0"
        else { return nil }
        guard count == "1", UnixSocket.isListening(3) else {
            throw Failure("LISTEN_FDS=\(count): one unix stream socket that is listened on is wanted")
        }
        _ = fcntl(3, F_SETFD, FD_CLOEXEC)
        return 3
    }

    /// The small program, which keepers are of.
    static var program: String? {
        guard let directory = CurrentProcess.programDirectory else { return nil }
        let parent = directory.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        return ["\(directory)/etherloom", "\(parent)/bin/etherloom"].first {
            (try? FileStatus(path: $0))?.isRegularFile == true
        }
    }
}

/// Held as long as a daemon lives, flock(2): however it ends, the kernel lets go.
struct DaemonLock: ~Copyable {
    private let file: OwnedDescriptor

    /// Nil when another process has it.
    init?(_ path: String) throws {
        do throws(Errno) {
            while true {
                let file = try OwnedDescriptor.open(path, flags: O_RDWR | O_CREAT, mode: 0o600)
                guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else { return nil }
                // The one before removes its file when it ends: a lock on that one says nothing.
                if try FileStatus(file).inode == (try? FileStatus(path: path))?.inode {
                    self.file = file
                    return
                }
            }
        } catch {
            throw Failure("\(path): \(error)")
        }
    }
}

/// The daemon's own socket.
enum DaemonSocket {
    /// To be called with the lock: a socket that is there already is a dead daemon's.
    static func listen(_ path: String) throws -> OwnedDescriptor {
        guard UnixSocketAddress(path: path) != nil else { throw Failure("\(path): too long for a socket") }
        do throws(Errno) {
            let new = path + ".new"
            guard let newAddress = UnixSocketAddress(path: new) else { throw .nameTooLong }
            if (try? FileStatus(path: new, followLinks: false)) != nil { try FileSystem.remove(new) }
            let socket = try UnixSocket.make(.stream)
            try UnixSocket.bind(socket, to: newAddress)
            try FileSystem.setMode(new, 0o600)
            try UnixSocket.listen(socket)
            // Whoever finds the name finds somebody who listens.
            try FileSystem.rename(new, to: path)
            return socket
        } catch {
            throw Failure("\(path): \(error)")
        }
    }

    /// Waits until a daemon that another process has started answers; or until that one, which was about to end, has gone: then
    /// this is to be the daemon, and has the lock.
    static func lockOrAnother(_ directory: String, _ lockFile: String) throws -> DaemonLock? {
        let path = directory + "/daemon"
        let deadline = MonotonicClock.nanoseconds + 10_000_000_000
        let watch = try DirectoryWatch(directory)
        while true {
            let lock = try DaemonLock(lockFile)
            if lock != nil { return lock }
            guard let address = UnixSocketAddress(path: path) else { return nil }
            if (try? UnixSocket.connection(.stream, to: address)) != nil { return nil }
            let now = MonotonicClock.nanoseconds
            guard now < deadline else {
                throw Failure(
                    "another daemon of yours is being started, and does not answer",
                    status: ExitStatus.timeout
                )
            }
            // A socket that appears and a lock that goes are seen at once; that a process was killed which had the lock is not.
            _ = try Poll.isReadable(watch.rawDescriptor, deadline: min(deadline, now + 200_000_000))
            watch.drain()
        }
    }
}
