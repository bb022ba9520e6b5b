// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One direction of an impaired wire: decides what becomes of each frame and when it arrives.
///
/// # Theory of operation
///
///     admit ──▶ too long? lost? how often? ──▶ schedule (each copy) ──▶ waits in a `TimedQueue` ──▶ left
///                                              buffer, speed, bandwidth, delay, order
///
/// Only sizes and times come in; the frames stay with the caller, who lets each wait until the time given. All chance comes
/// from one generator: with the same seed and the same frames at the same times the same things happen.
public struct ImpairedDirection: Sendable {
    /// What becomes of a frame.
    @frozen
    public enum Admission: Sendable, Equatable {
        case lost(DropCause)
        /// So many copies arrive, one at least.
        case passes(copies: Int)
    }

    /// Changes count from the next frame on.
    public var settings: ImpairmentSettings
    private var random: RandomSource
    private var isInLossBurst = false
    /// When the sender's interface, and then the channel, have finished what they were given.
    private var interfaceFree: UInt64 = 0
    private var channelFree: UInt64 = 0
    private var latestArrival: UInt64 = 0
    /// Those three before the latest copy was scheduled.
    private var before: (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// What is in the wire.
    public private(set) var byteCount = 0
    public private(set) var frameCount = 0

    /// Copies of one frame, so that a percentage of 100 has an end.
    public static var maximumCopyCount: Int { 16 }
    /// The longest time in the wire, in nanoseconds: ten minutes.
    static var longestTime: Double { 600e9 }

    public init(_ settings: ImpairmentSettings, seed: UInt64) {
        self.settings = settings
        random = RandomSource(seed: seed)
    }

    /// Begins anew with another seed.
    public mutating func reseed(_ seed: UInt64) { random = RandomSource(seed: seed) }

    /// Whether a frame of this size gets into the wire, and how often it comes out.
    public mutating func admit(byteCount size: Int) -> Admission {
        if !settings.maximumFrame.isZero {
            let limit = settings.maximumFrame.sample(&random)
            if limit > 0, Double(size) > limit { return .lost(.tooLarge) }
        }
        if isLost() { return .lost(.impaired) }
        var copies = 1
        if !settings.duplicate.isZero {
            while copies < Self.maximumCopyCount, random.happens(percent: settings.duplicate.sample(&random)) {
                copies += 1
            }
        }
        return .passes(copies: copies)
    }

    /// With a burst length B and a loss rate p, the bad state of two is left with probability 1/B and entered with
    /// p / (B (1 - p)), so that over time the share of lost frames is p.
    private mutating func isLost() -> Bool {
        guard !settings.loss.isZero else {
            isInLossBurst = false
            return false
        }
        let percent = settings.loss.sample(&random)
        let burst = settings.lossBurst.isZero ? 0 : settings.lossBurst.sample(&random)
        guard burst > 0 else {
            isInLossBurst = false
            return random.happens(percent: percent)
        }
        if isInLossBurst {
            if random.unit() * burst < 1 { isInLossBurst = false }
        } else if percent >= 100 {
            isInLossBurst = true
        } else {
            isInLossBurst = random.happens(percent: percent / (burst * (1 - percent / 100)))
        }
        return isInLossBurst
    }

    /// When a copy of an admitted frame arrives, in nanoseconds: `now` for at once. Nil: there is no room for it in the wire.
    /// One that does not arrive at once is to be reported by `left` when it does.
    public mutating func schedule(byteCount size: Int, now: UInt64) -> UInt64? {
        if !settings.buffer.isZero {
            let limit = settings.buffer.sample(&random)
            if limit > 0, Double(byteCount + size) > limit { return nil }
        }
        var time = now
        before = (interfaceFree, channelFree, latestArrival)
        if !settings.speed.isZero { time = Self.pass(size, settings.speed.sample(&random), from: time, &interfaceFree) }
        if !settings.bandwidth.isZero {
            time = Self.pass(size, settings.bandwidth.sample(&random), from: time, &channelFree)
        }
        // A backlog that long is none that anybody waits for.
        guard Double(time - now) <= Self.longestTime else {
            (interfaceFree, channelFree, latestArrival) = before
            return nil
        }
        let overtakes = !settings.reorder.isZero && random.happens(percent: settings.reorder.sample(&random))
        if !overtakes {
            let delay = settings.delay.sample(&random) * 1e6
            if delay > 0 { time &+= UInt64(min(delay, Self.longestTime)) }
            if settings.isOrdered { time = max(time, latestArrival) }
            latestArrival = max(latestArrival, time)
        }
        if time > now {
            byteCount += size
            frameCount += 1
        }
        return time
    }

    /// There is no place where the copy that was just scheduled could wait: it is lost, and takes no time of the wire, or a
    /// sender that is too fast for long would leave nothing but waiting behind.
    public mutating func cancel(byteCount size: Int, wasToWait: Bool) {
        (interfaceFree, channelFree, latestArrival) = before
        if wasToWait { left(byteCount: size) }
    }

    /// When `size` bytes that begin at `time` or later have gone through something of this rate.
    private static func pass(_ size: Int, _ rate: Double, from time: UInt64, _ free: inout UInt64) -> UInt64 {
        guard rate > 0 else { return time }
        free = max(free, time) &+ UInt64(min(Double(size) / rate * 1e9, longestTime))
        return free
    }

    /// A copy that waited is out of the wire.
    public mutating func left(byteCount size: Int) {
        byteCount = max(0, byteCount - size)
        frameCount = max(0, frameCount - 1)
    }

    /// Until when a sender is to be kept waiting, for the sake of `speed`; a time that is past when it is not.
    public var senderFree: UInt64 { settings.speed.isZero ? 0 : interfaceFree }

    /// How many bits of a frame of this size are to be changed.
    public mutating func damage(byteCount size: Int) -> Int {
        var bits = 0
        if !settings.corrupt.isZero, random.happens(percent: settings.corrupt.sample(&random)) { bits = 1 }
        guard !settings.noise.isZero else { return bits }
        // As many as there should be on the average; the fraction decides about one more.
        let expected = max(0, min(settings.noise.sample(&random) * Double(size) / 1_048_576, Double(size)))
        let whole = expected.rounded(.down)
        return bits + Int(whole) + (random.unit() < expected - whole ? 1 : 0)
    }

    /// Changes bits of a frame, at random places.
    public mutating func damage(_ bytes: inout MutableSpan<UInt8>, bits: Int) {
        guard bytes.count > 0 else { return }
        for _ in 0..<bits {
            let bit = Int(random.below(UInt64(bytes.count) * 8))
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
        }
    }
}
