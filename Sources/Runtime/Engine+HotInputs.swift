// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// Inputs that are so busy that the loop looks at them in every turn instead of being told.
///
/// A datagram socket that epoll watches costs its sender a call into epoll for each frame, and a wake-up when the loop sleeps:
/// a tenth of what sending costs, taken from the processor that the sender has; and until a processor that sleeps has woken
/// up, dozens of frames could have been carried. An input that has brought many frames within a millisecond is therefore
/// taken out of epoll as long as every millisecond brings some. When it has had nothing for a moment, or little for a while,
/// epoll watches it again and the loop may sleep: it watches levels, so that nothing is missed in between.
extension Engine {
    static var hotLimit: Int { 4 }
    /// How long frames are counted, in nanoseconds, before it is decided whether that is much.
    static var heatWindow: UInt64 { 1_000_000 }
    /// Frames within a window that make an input hot: carrying them took a quarter of it.
    static var requiredHeat: Int { 128 }
    /// Frames within a window without which it does not stay so: the loop never looks for nothing during more than seven
    /// eighths of its time.
    static var keepingHeat: Int { 64 }
    /// How long a hot input may have nothing, in nanoseconds: a sender that shares its processor with a reader comes back
    /// within that time, and no sleeper is woken much sooner.
    private static var patience: UInt64 { 100_000 }

    /// An input had so many frames in its turn.
    @inline(__always)
    mutating func noteHeat(_ index: Int, frames: Int) {
        guard places[index].kind == .datagram else { return }
        places[index].heat &+= frames
        if places[index].isHot, frames > 0 {
            places[index].hotUntil = now &+ Self.patience
            // No event tells of these.
            if spinNanoseconds != 0 { spinDeadline = now &+ spinNanoseconds }
        }
        if now &- places[index].heatSince >= Self.heatWindow { judgeHeat(index) }
    }

    /// The end of a window: makes an input hot or lets it cool, and begins another window.
    private mutating func judgeHeat(_ index: Int) {
        let frames = places[index].heat
        // What was long silent began in the middle of a window; it is judged by the next one.
        let isWhole = now &- places[index].heatSince < 2 &* Self.heatWindow
        places[index].heat = 0
        places[index].heatSince = now
        if places[index].isHot {
            if frames < Self.keepingHeat { places[index].hotUntil = now }
        } else if isWhole, frames >= Self.requiredHeat {
            heat(index)
        }
    }

    private mutating func heat(_ index: Int) {
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
