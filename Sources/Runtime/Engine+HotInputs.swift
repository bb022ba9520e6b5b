// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// Inputs that are so busy that the loop looks at them in every turn instead of being told.
///
/// A datagram socket that epoll watches costs its sender a call into epoll for each frame, and a wake-up when the loop sleeps:
/// a tenth of what sending costs, taken from the processor that the sender has. An input from which many turns in
/// succession have taken several frames is therefore taken out of epoll while that lasts. When it has had nothing for a
/// moment, epoll watches it again and the loop may sleep: it watches levels, so that nothing is missed in between.
extension Engine {
    static var hotLimit: Int { 4 }
    /// Turns in succession with several frames that make an input hot.
    private static var requiredHeat: UInt8 { 32 }
    /// How long a hot input may have nothing, in nanoseconds: a sender that shares its processor with a reader comes back
    /// within that time. Small beside what was gained by the turns before.
    private static var patience: UInt64 { 30_000 }

    /// An input had so many frames in its turn.
    @inline(__always)
    mutating func noteHeat(_ index: Int, frames: Int) {
        guard places[index].kind == .datagram else { return }
        if places[index].isHot {
            if frames > 0 { places[index].hotUntil = now &+ Self.patience }
        } else if frames < 2 {
            places[index].heat = 0
        } else {
            places[index].heat &+= 1
            if places[index].heat >= Self.requiredHeat { heat(index) }
        }
    }

    private mutating func heat(_ index: Int) {
        places[index].heat = 0
        guard hotCount < Self.hotLimit, !places[index].isPaused, !places[index].watchesWritable else { return }
        unregister(index)
        places[index].isHot = true
        places[index].hotUntil = now &+ Self.patience
        hot[hotCount] = index
        hotCount += 1
    }

    /// Forgets that an input is hot.
    ///
    /// - Returns: whether it was, and thus is not in epoll.
    mutating func forgetHeat(_ index: Int) -> Bool {
        places[index].heat = 0
        guard places[index].isHot else { return false }
        places[index].isHot = false
        for position in 0..<hotCount where hot[position] == index {
            hotCount -= 1
            hot[position] = hot[hotCount]
            break
        }
        return true
    }

    /// Has epoll watch an input again. Should it have no memory for that, the loop goes on looking and tries again.
    mutating func cool(_ index: Int) {
        do {
            try register(index)
            _ = forgetHeat(index)
        } catch {
            places[index].hotUntil = now &+ Self.patience
        }
    }

    /// The turn of the hot inputs.
    mutating func serveHot() {
        var position = 0
        while position < hotCount {
            let index = hot[position]
            if !places[index].isPaused { serve(index, channel: 0) }
            if places[index].isHot, now >= places[index].hotUntil { cool(index) }
            // One that cooled has another in its position now.
            if position < hotCount, hot[position] == index { position += 1 }
        }
    }
}
