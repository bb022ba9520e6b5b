// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A root process that becomes two: one stays root, waits and cleans up; the other becomes a user and does the work.
public enum Privileges {
    /// Which of the two this is.
    public enum Half: Sendable {
        /// The one that waits, and the number of the other.
        case keeper(worker: Int32)
        /// The one that works, and the number of its parent.
        case worker(keeper: Int32)
    }

    /// Forks. To be called before the process has a second thread.
    public static func split() throws(Errno) -> Half {
        let keeper = CurrentProcess.id
        let child = try systemCall { cel_split() }
        return child == 0 ? .worker(keeper: keeper) : .keeper(worker: child)
    }

    /// Becomes a user with one group, for good. The user's other processes can end this one, and neither look into it nor take
    /// its descriptors. It gets SIGTERM when the keeper ends; ESRCH when that has happened already.
    public static func become(user: UInt32, group: UInt32, keeper: Int32) throws(Errno) {
        try systemCall { cel_become(user, group, keeper) }
    }

    /// Gives up, for good, what moving frames does not need. To be called before the process has a second thread.
    public static func confine() throws(Errno) { try systemCall { cel_confine() } }

    /// Parts, for good, from the user's other processes: they cannot be traced, looked into through /proc, or sent signals, as far
    /// as the kernel's Landlock can do that. To be called before `confine`. Returns Landlock's ABI; 0: this kernel has none.
    public static func isolate() throws(Errno) -> Int { Int(try systemCall { cel_isolate() } as Int32) }

    /// The kernel's ABI of Landlock; 0: it has none, or it is switched off.
    public static var landlockVersion: Int { Int(cel_landlock_version()) }

    /// A user's own group; nil when the user database does not know him.
    public static func group(of userID: UInt32) -> UInt32? {
        guard let record = unsafe getpwuid(userID) else { return nil }
        return unsafe record.pointee.pw_gid
    }

    /// Waits for the worker's end, and passes on the signals that would have ended this process.
    public static func keep(_ worker: Int32) throws(Errno) -> WaitStatus {
        let handle = try ProcessHandle(worker)
        let signals = try SignalFD([SIGTERM, SIGINT, SIGHUP])
        while true {
            let ready = try Poll.readable([handle.rawDescriptor, signals.rawDescriptor], deadline: nil)
            while let signal = SignalFD.next(from: signals.rawDescriptor) { try? handle.send(signal: signal.number) }
            if ready[0] { return try ProcessHandle.wait(child: worker) }
        }
    }
}
