// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Synchronization

/// What the monitor of a virtual machine wants of its device's rings, on the way from the control thread to the loop.
public enum VhostChange: ~Copyable, Sendable {
    /// The guest's memory is this from now on. Rings that run are looked for in it.
    case memory(GuestMemory)
    /// What was agreed upon.
    case features(VirtioFeatures)
    /// A ring is set up completely.
    case start(VhostRingSetup)
    /// A ring rests. Its next available index is in `VhostAnswer` then.
    case stop(ring: Int)
    /// Whom to wake about used buffers.
    case call(ring: Int, OwnedDescriptor?)
    case enable(ring: Int, Bool)
    /// The machine is gone, or starts anew.
    case reset
}

/// A ring as the monitor described it.
public struct VhostRingSetup: ~Copyable, Sendable {
    public var ring: Int
    public var size: Int
    public var address: VhostRingAddress
    public var base: UInt16
    public var isEnabled: Bool
    /// A predecessor worked on it until it died: `base` is where it began, long ago.
    public var isTakenUp: Bool
    /// An eventfd: the guest has added something.
    public var kick: OwnedDescriptor?
    public var call: OwnedDescriptor?
    /// The part of this ring in the memory for work in progress.
    public var inflight: GuestMemory?

    public init(
        ring: Int,
        size: Int,
        address: VhostRingAddress,
        base: UInt16,
        isEnabled: Bool,
        isTakenUp: Bool = false,
        kick: consuming OwnedDescriptor,
        call: consuming OwnedDescriptor?,
        inflight: consuming GuestMemory?
    ) {
        self.ring = ring
        self.size = size
        self.address = address
        self.base = base
        self.isEnabled = isEnabled
        self.isTakenUp = isTakenUp
        self.kick = consume kick
        self.call = consume call
        self.inflight = consume inflight
    }

    /// Bytes of that part for a ring of so many entries.
    public static func inflightByteCount(queueSize: Int) -> Int { InflightQueue.byteCount(queueSize: queueSize) }
}

/// What the loop says to a change. The control thread reads it when the change has been carried out.
public final class VhostAnswer: Sendable {
    private let word = Atomic<UInt32>(0)

    public init() {}

    /// The next available index of the ring that was stopped.
    public var base: UInt16 { UInt16(truncatingIfNeeded: word.load(ordering: .acquiring)) }

    func set(base: UInt16) { word.store(UInt32(base), ordering: .releasing) }
}
