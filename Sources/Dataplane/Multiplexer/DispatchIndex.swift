// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import PacketFilter

/// Finds the clients that may want a frame by the frame's own values: hash buckets of keys (`FilterKeys`).
///
/// Fixed tables; who does not fit in is asked about every frame. A client may have several keys; a frame may lead to a client
/// more than once.
public struct DispatchIndex: ~Copyable {
    /// One client under one key.
    struct Entry {
        var key = FrameKey(.group, 0)
        var client: Int32 = -1
        /// In its bucket, or in the list of free ones.
        var next: Int32 = -1
        /// Of the same client.
        var nextOfClient: Int32 = -1
    }

    private var entries: RigidTable<Entry>
    private var buckets: RigidTable<Int32>
    private var firstOfClient: RigidTable<Int32>
    private var free: Int32
    /// Entries of each field: a field without any is not looked up.
    private var counts: InlineArray<10, Int> = InlineArray(repeating: 0)

    /// - Parameter clientCount: clients have numbers below it.
    public init(clientCount: Int, entryCount: Int) {
        entries = RigidTable(count: entryCount) { place in
            var entry = Entry()
            entry.next = place + 1 < entryCount ? Int32(place + 1) : -1
            return entry
        }
        var size = 16
        while size < entryCount { size *= 2 }
        buckets = RigidTable(count: size) { _ in -1 }
        firstOfClient = RigidTable(count: clientCount) { _ in -1 }
        free = entryCount > 0 ? 0 : -1
    }

    @inline(__always)
    private func bucket(_ key: FrameKey) -> Int {
        let mixed = (UInt64(key.value) << 8 | UInt64(key.field.rawValue)) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 40) & (buckets.count - 1)
    }

    /// Enters a client under all of its keys. False, and nothing is entered, when there is no room.
    public mutating func insert(_ client: Int, _ keys: [FrameKey]) -> Bool {
        for key in keys {
            guard free >= 0 else {
                remove(client)
                return false
            }
            let place = Int(free)
            let bucket = bucket(key)
            free = entries[place].next
            entries[place].key = key
            entries[place].client = Int32(client)
            entries[place].next = buckets[bucket]
            entries[place].nextOfClient = firstOfClient[client]
            buckets[bucket] = Int32(place)
            firstOfClient[client] = Int32(place)
            counts[Int(key.field.rawValue)] += 1
        }
        return true
    }

    public mutating func remove(_ client: Int) {
        var place = Int(firstOfClient[client])
        firstOfClient[client] = -1
        while place >= 0 {
            let bucket = bucket(entries[place].key)
            if Int(buckets[bucket]) == place {
                buckets[bucket] = entries[place].next
            } else {
                var before = Int(buckets[bucket])
                while Int(entries[before].next) != place { before = Int(entries[before].next) }
                entries[before].next = entries[place].next
            }
            counts[Int(entries[place].key.field.rawValue)] -= 1
            let next = Int(entries[place].nextOfClient)
            entries[place].client = -1
            entries[place].next = free
            free = Int32(place)
            place = next
        }
    }

    /// Some client has a key of this field.
    @inline(__always)
    public func has(_ field: FrameField) -> Bool { counts[Int(field.rawValue)] != 0 }

    /// Walks the clients that have a key: begin with `first`, go on with `next` until it is -1.
    @inline(__always)
    public func first(_ key: FrameKey) -> Int { find(key, from: Int(buckets[bucket(key)])) }
    @inline(__always)
    public func next(_ key: FrameKey, after entry: Int) -> Int { find(key, from: Int(entries[entry].next)) }
    @inline(__always)
    public func client(_ entry: Int) -> Int { Int(entries[entry].client) }

    @inline(__always)
    private func find(_ key: FrameKey, from start: Int) -> Int {
        var place = start
        while place >= 0, entries[place].key.value != key.value || entries[place].key.field != key.field {
            place = Int(entries[place].next)
        }
        return place
    }
}
