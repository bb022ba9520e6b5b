// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Fixed sizes and limits of the data plane, each with its unit and its reason.
public enum Tunables {
    /// Most frames of one burst: enough to amortise a wake-up, few enough that a burst stays in the first-level cache.
    @inlinable public static var burstFrameCount: Int { 32 }
    /// Most bytes of one burst: big batches of big frames run out of the second-level cache and get slower, not faster.
    @inlinable public static var burstByteCount: Int { 128 * 1024 }

    /// Bytes before a frame in its slot: room for tags and tunnel headers to be pushed in place.
    @inlinable public static var headroomByteCount: Int { 66 }
    /// Largest frame: an IPv6 packet with 65,535 bytes of payload behind its 40-byte header, an Ethernet header and two
    /// tags. The same as `WireTunables.maximumFrameByteCount`, spelled out for the compiler to fold.
    @inlinable public static var maximumFrameByteCount: Int { 14 + 8 + 40 + 65_535 }
    /// A small slot holds a frame of the usual MTU with head room.
    @inlinable public static var smallSlotByteCount: Int { 2048 }
    /// A large slot holds the largest frame, the header before it and the head room. Not a multiple of the page size, so
    /// that the beginnings of the slots do not compete for the same cache sets.
    @inlinable public static var largeSlotByteCount: Int { 66_048 }

    /// Slots of a process. Memory is taken only when a slot is first used; the hottest slot is used again first.
    public static var smallSlotCount: Int { 32_768 }
    public static var largeSlotCount: Int { 768 }
    /// Small slots of an impaired wire, which has them for what is under way: of 50,000 frames a second in both directions those
    /// of half a second, 25,000 each, while one direction may hold as many as are free (`smallSlotReserve` beside).
    public static var wireSmallSlotCount: Int { 81_920 }
    /// Large slots that queues leave free, so that a burst can always be received.
    public static var largeSlotReserve: Int { 96 }
    /// Small slots that queues leave free, so that a burst of super-frames can always be segmented.
    public static var smallSlotReserve: Int { 2048 }

    /// Frames that may wait for one slow output.
    public static var queueFrameCount: Int { 4096 }
    /// Bytes that may wait for one slow output: a TCP window of a few megabytes fits without loss.
    public static var queueByteCount: Int { 4 << 20 }

    /// Frames and bytes in a queue from which on its senders are paused for a moment, and down to which it must empty
    /// before they go on. Small enough that what waits stays in the cache.
    public static var pauseFrameCount: Int { 1024 }
    public static var resumeFrameCount: Int { 256 }
    public static var pauseByteCount: Int { 2 << 20 }
    public static var resumeByteCount: Int { 512 << 10 }
    /// Most time that senders wait for one reader at a stretch, in nanoseconds: enough for a live reader to be scheduled on
    /// a busy machine.
    public static var pauseCredit: Int64 { 50_000_000 }
    /// Waiting time that a reader earns by reading one frame, in nanoseconds: one that reads 10,000 frames a second can hold
    /// others up for 5 % of the time, one that keeps up is always waited for.
    public static var pauseCreditPerFrame: Int64 { 5_000 }

    /// Endpoints of a process, and ports of a switch.
    public static var maximumEndpointCount: Int { 2048 }
    public static var maximumPortCount: Int { 2048 }

    /// Seconds after which a silent address is forgotten (IEEE 802.1D proposes 300, uml_switch and VDE use 100).
    public static var ageingSeconds: UInt16 { 100 }
    /// Seconds between two looks for aged addresses while somebody listens (VDE's interval).
    public static var watchedSweepSeconds: UInt16 { 2 }
    /// Seconds in which an address may not move to another port (VDE's minimal persistence): keeps duplicates and loops
    /// from tossing it about.
    public static var minimumPersistenceSeconds: UInt16 { 3 }
}
