// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
public import Wire

/// A bounded ring in which the forwarding database notes what it learns and forgets, while somebody listens: the console's
/// `hash/+` and `hash/-`.
///
/// One thread writes and never waits: what does not fit is counted and left out. One other thread reads. While nobody listens
/// noting something is one load.
///
/// Invariant: `words` covers the six control words and `capacity` records of two words for as long as the owner lives; `head`
/// and `tail` only grow and are masked to the capacity, a power of two, before they become indices.
@safe
public struct ForwardingJournal: @unchecked Sendable {
    public static var capacity: Int { 4096 }
    private static var recordOffset: Int { 8 }

    /// What became of an address.
    public struct Change: Sendable, Equatable {
        public let isRemoval: Bool
        public let address: MACAddress
        public let vlan: UInt16
        public let port: Int
    }

    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    private enum Word: Int {
        case isOn = 0
        case head = 1
        case tail = 2
        case lost = 3
        /// The reader was told and has not looked yet.
        case isAnnounced = 4
    }

    /// The memory of a journal, for whoever outlives all who use it.
    public static func make() -> ForwardingJournal {
        let count = recordOffset + capacity * 2
        let words = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: count)
        // Records are when they are written: a journal that nobody asks for takes no memory.
        for index in 0..<recordOffset { unsafe (words + index).initialize(to: Atomic(0)) }
        return unsafe ForwardingJournal(words: words)
    }

    /// To be called once, by the owner, when nobody uses the journal any more.
    public func deallocate() { unsafe words.deallocate() }

    private func load(_ word: Word) -> UInt64 { unsafe words[word.rawValue].load(ordering: .acquiring) }

    private func store(_ word: Word, _ value: UInt64) { unsafe words[word.rawValue].store(value, ordering: .releasing) }

    // MARK: Written by the loop

    /// Notes that an address came or went. `key` is an entry's: address in the upper 48 bits, VLAN in the lower twelve.
    @inline(__always)
    func note(isRemoval: Bool, key: UInt64, port: Int) {
        if load(.isOn) != 0 { append(isRemoval: isRemoval, key: key, port: port) }
    }

    private func append(isRemoval: Bool, key: UInt64, port: Int) {
        let head = load(.head)
        guard head &- load(.tail) < UInt64(Self.capacity) else {
            store(.lost, load(.lost) &+ 1)
            return
        }
        let index = Self.recordOffset + Int(head & UInt64(Self.capacity - 1)) * 2
        // The reader does not look here before `head` has moved on.
        unsafe (words + index).initialize(to: Atomic(key))
        unsafe (words + index + 1).initialize(to: Atomic(UInt64(port) << 1 | (isRemoval ? 1 : 0)))
        store(.head, head &+ 1)
    }

    /// Whether the reader has to be told that there is something; true once, until it has looked.
    public func announces() -> Bool {
        guard load(.isOn) != 0, load(.head) != load(.tail),
            load(.isAnnounced) == 0
        else { return false }
        store(.isAnnounced, 1)
        return true
    }

    // MARK: The reader

    public var isOn: Bool { load(.isOn) != 0 }

    /// Begins or ends the noting. What was noted before is passed over.
    public func turn(on: Bool) {
        store(.tail, load(.head))
        store(.isAnnounced, 0)
        store(.isOn, on ? 1 : 0)
    }

    /// How many changes did not fit, since the beginning.
    public var lostCount: UInt64 { load(.lost) }

    /// Takes what was noted since the last call, in its order.
    public func take() -> [Change] {
        store(.isAnnounced, 0)
        let head = load(.head)
        var tail = load(.tail)
        var changes: [Change] = []
        while tail != head {
            let index = Self.recordOffset + Int(tail & UInt64(Self.capacity - 1)) * 2
            let key = unsafe words[index].load(ordering: .relaxed)
            let rest = unsafe words[index + 1].load(ordering: .relaxed)
            changes.append(
                Change(
                    isRemoval: rest & 1 != 0,
                    address: MACAddress(rawValue: key >> 16),
                    vlan: UInt16(key & 0xfff),
                    port: Int(rest >> 1)
                )
            )
            tail &+= 1
        }
        store(.tail, tail)
        return changes
    }
}
