// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Since when a client has taken nothing of what is there for it.
///
/// Most of that is in the kernel, where a client that never reads may have a greeting for ever. When it was put there, and that
/// it is gone, can be known; not how much of it was taken in between.
struct ClientProgress {
    private var since = MonotonicClock.nanoseconds

    /// Something is about to be sent.
    ///
    /// - Parameter isCaughtUp: everything before was taken.
    mutating func willSend(isCaughtUp: Bool) { if isCaughtUp { since = MonotonicClock.nanoseconds } }

    /// The client has taken something, and made room.
    mutating func hasTaken() { since = MonotonicClock.nanoseconds }

    func milliseconds(isCaughtUp: Bool) -> UInt64 {
        isCaughtUp ? 0 : (MonotonicClock.nanoseconds - since) / 1_000_000
    }
}

/// A session that takes one of a limited number of places.
protocol LimitedSession: AnyObject {
    /// For how long the client has taken nothing although something waits for it; 0 when nothing does.
    var idleMilliseconds: UInt64 { get }
    func close()
}

extension ConsoleServer {
    /// Of the sessions that have taken nothing for so long, the one that has for longest is ended to make room. False: there is
    /// none.
    static func makeRoom<Session: LimitedSession>(in sessions: inout [Session], afterMilliseconds limit: UInt64) -> Bool
    {
        let idle = sessions.map(\.idleMilliseconds)
        guard let longest = idle.max(), longest >= max(limit, 1), let index = idle.firstIndex(of: longest) else {
            return false
        }
        sessions.remove(at: index).close()
        return true
    }

    /// Tells a client why in the form of an answer: `1024 Too many open files`.
    static func turnAway(_ connection: consuming OwnedDescriptor) {
        _ = try? connection.write(ConsoleAnswer.failure(Errno(rawValue: EMFILE)).encoded())
    }
}
