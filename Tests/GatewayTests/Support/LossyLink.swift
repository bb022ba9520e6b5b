// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import TestSupport
import Wire

/// What happens to frames on their way, in thousandths.
struct Faults: Sendable, CustomStringConvertible {
    var drop = 0
    var duplicate = 0
    var reorder = 0

    var description: String { "drop \(drop), duplicate \(duplicate), reorder \(reorder)" }
}

/// A wire that loses, repeats and exchanges what is put on it.
struct LossyLink<Item> {
    var faults: Faults
    private var held: [Item] = []

    init(_ faults: Faults) {
        self.faults = faults
    }

    /// Puts an item on the wire: what comes out now.
    mutating func pass(_ item: Item, _ random: inout SeededGenerator) -> [Item] {
        if random.number(0...999) < faults.drop { return [] }
        var out: [Item] = []
        if random.number(0...999) < faults.reorder, held.count < 8 {
            held.append(item)
        } else {
            out.append(item)
            if random.number(0...999) < faults.duplicate { out.append(item) }
        }
        if !held.isEmpty, random.number(0...3) == 0 { out += flush() }
        return out
    }

    /// What was held back comes out.
    mutating func flush() -> [Item] {
        defer { held = [] }
        return held.reversed()
    }
}

/// A guest's TCP for one connection: slow, but obviously right. It sends its data from the oldest unacknowledged byte,
/// keeps what arrives out of order, and acknowledges every segment.
struct ModelTCP {
    let maximumSegment = 1460
    var toSend: [UInt8]
    /// Sequence number of `toSend[0]`.
    let start: UInt32
    var acknowledged = 0
    var sent = 0
    var window = 65_535
    let windowShift = 7
    var received: [UInt8] = []
    let peerStart: UInt32
    var stash: [Int: [UInt8]] = [:]
    var peerEnd: Int?
    var duplicates = 0
    var finAcknowledged = false
    /// The number after everything ever sent, FIN included: what acknowledgements carry.
    var sendMaximum: UInt32
    var isReset = false

    init(toSend: [UInt8], start: UInt32, peerStart: UInt32) {
        self.toSend = toSend
        self.start = start
        sendMaximum = start
        self.peerStart = peerStart
    }

    var receiveNext: UInt32 {
        peerStart &+ UInt32(received.count) &+ (peerEnd == received.count ? 1 : 0)
    }
    var hasReceivedAll: Bool { peerEnd == received.count }
    var isDone: Bool { finAcknowledged && hasReceivedAll }

    /// Takes a segment; true when it must be acknowledged.
    mutating func take(_ segment: SentSegment) -> Bool {
        if segment.flags.contains(.rst) {
            isReset = true
            return false
        }
        let number = Int(Int32(bitPattern: segment.acknowledgement &- start))
        if number > acknowledged, number <= toSend.count + 1 {
            if number == toSend.count + 1 { finAcknowledged = true }
            acknowledged = min(number, toSend.count)
            sent = max(sent, acknowledged)
            duplicates = 0
        } else if number == acknowledged, segment.payload.isEmpty, sent > acknowledged {
            duplicates += 1
            if duplicates == 3 { sent = acknowledged }
        }
        window = Int(segment.header.window) << windowShift
        let offset = Int(Int32(bitPattern: segment.sequence &- peerStart))
        if segment.flags.contains(.fin) { peerEnd = offset + segment.payload.count }
        guard !segment.payload.isEmpty || segment.flags.contains(.fin) else { return offset < received.count }
        if offset >= 0 {
            stash[offset] = (stash[offset]?.count ?? 0) > segment.payload.count ? stash[offset] : segment.payload
        }
        while let next = stash.keys.filter({ $0 <= received.count }).min() {
            let part = stash.removeValue(forKey: next)!
            if next + part.count > received.count { received += part[(received.count - next)...] }
        }
        return true
    }

    /// The next piece to send: offset, data, and whether it ends the stream.
    mutating func nextPiece(_ random: inout SeededGenerator) -> (offset: Int, data: [UInt8], isEnd: Bool)? {
        let room = window - (sent - acknowledged)
        if sent < toSend.count {
            guard room > 0 else { return nil }
            let limit = random.number(0...4) == 0 ? random.number(1...30_000) : maximumSegment
            let size = min(limit, room, toSend.count - sent)
            let isEnd = sent + size == toSend.count
            defer { sent += size }
            noteSent(sent + size + (isEnd ? 1 : 0))
            return (sent, Array(toSend[sent..<sent + size]), isEnd)
        }
        guard sent == toSend.count, acknowledged == toSend.count, !finAcknowledged else { return nil }
        noteSent(toSend.count + 1)
        return (toSend.count, [], true)
    }

    private mutating func noteSent(_ end: Int) {
        let number = start &+ UInt32(end)
        if Int32(bitPattern: number &- sendMaximum) > 0 { sendMaximum = number }
    }
}
