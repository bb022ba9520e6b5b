// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem

/// One split virtqueue, seen from the device: virtio 1.2, section 2.7.
///
/// # Theory of operation
///
/// The driver puts heads of descriptor chains into the *available* ring, the device takes them in order, does the work, and
/// puts them into the *used* ring. Each side owns one running index; all indices are 16 bits and wrap.
///
///     available.index ──▶ │ taken next: `next` │ … │ newest seen: `seen`        (the driver's, copied once it is looked at)
///     used.index      ──▶ │ given back: `usedIndex` │                           (ours; published once a burst)
///
/// Whoever finds a ring empty asks to be woken, looks once more, and only then sleeps; the other side looks at the request
/// after it has published its index. Both therefore need a full fence between the store and the load.
///
/// Everything in the ring is the guest's, and may be nonsense or change at any time. A head, a link or an address that
/// cannot be is a `Fault`: the ring stops, which costs the guest its own frames and nobody else's.
struct SplitRing: ~Copyable {
    typealias Fault = VhostFault

    /// Descriptors of one chain at most: as many as Linux and QEMU allow themselves.
    static var maximumChainLength: Int { 1024 }

    var kick: OwnedDescriptor?
    var call: OwnedDescriptor?
    /// A power of two.
    var size = 0
    var address = VhostRingAddress(descriptors: 0, used: 0, available: 0)
    var descriptorTable = GuestMemory.Range(region: 0, offset: 0, byteCount: 0)
    var available = GuestMemory.Range(region: 0, offset: 0, byteCount: 0)
    var used = GuestMemory.Range(region: 0, offset: 0, byteCount: 0)
    /// Set up by the monitor, and not broken since.
    var isRunning = false
    /// The monitor wants frames to pass.
    var isEnabled = false
    var hasEventIndex = false

    /// The next available entry to take.
    var next: UInt16 = 0
    /// The driver's index as it was seen last.
    var seen: UInt16 = 0
    var usedIndex: UInt16 = 0
    /// The index that the driver was told last.
    var publishedIndex: UInt16 = 0
    /// The value of `seen` for which a kick was asked; nil while kicks are unwanted.
    var kickWantedAt: UInt16?

    var inflight = InflightQueue()

    // MARK: Life

    /// Where the parts of the ring are. Throws when they are not in the guest's memory.
    mutating func locate(in memory: borrowing GuestMemory) throws(Fault) {
        guard let descriptorTable = memory.locate(user: address.descriptors, byteCount: 16 * size, alignment: 16),
            let available = memory.locate(user: address.available, byteCount: 6 + 2 * size, alignment: 2),
            let used = memory.locate(user: address.used, byteCount: 6 + 8 * size, alignment: 4)
        else { throw .badRingAddress }
        self.descriptorTable = descriptorTable
        self.available = available
        self.used = used
    }

    /// Takes what the monitor described over and starts.
    mutating func setUp(_ setup: consuming VhostRingSetup, _ memory: borrowing GuestMemory) throws(Fault) {
        size = setup.size
        address = setup.address
        isEnabled = setup.isEnabled
        if let notes = setup.inflight.take() {
            inflight = InflightQueue(notes, queueSize: size)
        } else {
            inflight = InflightQueue()
        }
        let base = setup.isTakenUp ? nil : setup.base
        call = setup.call.take()
        kick = setup.kick.take()
        try locate(in: memory)
        start(base: base, memory)
    }

    /// Begins to work at the available entry `base`; nil: where a predecessor stopped.
    private mutating func start(base: UInt16?, _ memory: borrowing GuestMemory) {
        usedIndex = memory.load16(used, at: 2)
        publishedIndex = usedIndex
        // Chains are finished in the order in which they were taken. What a predecessor had taken but not given back when it was
        // killed therefore begins at the used index, and is done again.
        next = usedIndex
        if let base, base &- usedIndex > UInt16(truncatingIfNeeded: size) { next = base }
        inflight.recover(usedIndex: usedIndex)
        seen = next
        isRunning = true
        kickWantedAt = nil
        wantKick(memory)
        // Something may wait already, and its kick may have gone to a predecessor.
        if let kick = kick?.rawValue { SharedSignal.send(kick) }
        if let call = call?.rawValue { SharedSignal.send(call) }
    }

    /// Lets go of everything. `next` stays, for the monitor to ask.
    mutating func stop() {
        isRunning = false
        kick = nil
        call = nil
        kickWantedAt = nil
    }

    // MARK: Available

    /// Looks at the driver's index: whether entries beyond those seen are there now.
    @inline(__always)
    mutating func refresh(_ memory: borrowing GuestMemory) throws(Fault) -> Bool {
        let index = memory.loadAcquiring16(available, at: 2)
        guard index != seen else { return false }
        // Neither more than there is room for, nor fewer than before.
        guard Int(index &- next) <= size, index &- next >= seen &- next else { throw .tooManyAvailable }
        seen = index
        return true
    }

    /// The head at an available index, which was seen.
    @inline(__always)
    func head(at index: UInt16, _ memory: borrowing GuestMemory) throws(Fault) -> UInt16 {
        let head = memory.load16(available, at: 4 + 2 * (Int(index) & (size - 1)))
        guard Int(head) < size else { throw .badHead }
        return head
    }

    /// Asks for a kick when anything is added to what was seen. Look again afterwards.
    mutating func wantKick(_ memory: borrowing GuestMemory) {
        if hasEventIndex {
            memory.store16(used, at: 4 + 8 * size, seen)
        } else if kickWantedAt == nil {
            memory.store16(used, at: 0, 0)
        }
        kickWantedAt = seen
        GuestMemory.fence()
    }

    /// Kicks would only cost time now. With event indices they end by themselves.
    @inline(__always)
    mutating func ignoreKicks(_ memory: borrowing GuestMemory) {
        guard kickWantedAt != nil else { return }
        kickWantedAt = nil
        if !hasEventIndex { memory.store16(used, at: 0, 1) }
    }

    // MARK: Used

    /// Puts a chain into the used ring, invisible to the driver until `publish`.
    @inline(__always)
    mutating func give(back head: UInt16, written: Int, _ memory: borrowing GuestMemory) {
        let offset = 4 + 8 * (Int(usedIndex) & (size - 1))
        memory.store32(used, at: offset, UInt32(head))
        memory.store32(used, at: offset + 4, UInt32(truncatingIfNeeded: written))
        usedIndex &+= 1
        if inflight.isOn { inflight.give(back: head) }
    }

    /// Shows the driver what was given back, and wakes it if it asked for that.
    mutating func publish(_ memory: borrowing GuestMemory) {
        guard usedIndex != publishedIndex else { return }
        memory.storeReleasing16(used, at: 2, usedIndex)
        if inflight.isOn { inflight.publish(usedIndex: usedIndex) }
        GuestMemory.fence()
        let wantsCall: Bool
        if hasEventIndex {
            // The driver named the index behind which it wants to hear: 2.7.7.1.
            let event = memory.load16(available, at: 4 + 2 * size)
            wantsCall = usedIndex &- event &- 1 < usedIndex &- publishedIndex
        } else {
            wantsCall = memory.load16(available, at: 0) & 1 == 0
        }
        publishedIndex = usedIndex
        if wantsCall, let call = call?.rawValue { SharedSignal.send(call) }
    }
}
