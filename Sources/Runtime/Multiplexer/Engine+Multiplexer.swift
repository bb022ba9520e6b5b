// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Wire

/// What the control thread changes of a multiplexer.
enum MultiplexerChange: Sendable {
    /// The port leads to the shared network, or does not any more.
    case uplink(port: Int, Bool)
    /// What a client wants; nil: everything. Of one that is not there yet: from its first frame on.
    case filters(Box<ClientFilters>?, index: Int, generation: UInt32)
}

/// From a burst to the outputs of a multiplexer.
extension Engine {
    /// Hands every frame of `burst` to everybody whom it reaches and who wants it, in the order of their priorities.
    mutating func forwardMultiplexed(from index: Int) {
        let origin = places[index].port
        var all: UInt64 = 0
        for position in 0..<burst.count {
            let frame = burst[position]
            if Int(frame.byteCount) < Ethernet.headerByteCount {
                drops.count(.runt)
            } else if !mayFlood(frame, from: origin) {
                drops.count(.rateExceeded)
            } else {
                all |= 1 << UInt64(position)
                Self.mark(&multiplexer, &pool, frame, position: position)
            }
        }
        drops.flush(to: table, endpoint: index)
        guard all != 0 else { return }
        var stagedMask: UInt64 = 0
        for place in 0..<multiplexer.count {
            let target = multiplexer.client(place)
            let mask = multiplexer.take(target, of: all)
            guard multiplexer.reaches(places[target].port, from: origin) else { continue }
            if mask != all { multiplexer.skip(target, (all & ~mask).nonzeroBitCount) }
            if mask == 0 { continue }
            if mask != stagedMask {
                stage(mask)
                stagedMask = mask
            }
            countSkipped(target)
            deliverStaged(to: target)
        }
        staged.removeAll()
        if multiplexer.hasSkipped, skippedDeadline == .max { skippedDeadline = now &+ Self.skippedNanoseconds }
    }

    private static func mark(
        _ multiplexer: inout Multiplexer,
        _ pool: inout FramePool,
        _ frame: FrameReference,
        position: Int
    ) {
        multiplexer.mark(pool.bytes(frame), position: position)
    }

    private mutating func stage(_ mask: UInt64) {
        staged.removeAll()
        var rest = mask
        while rest != 0 {
            staged.append(burst[rest.trailingZeroBitCount])
            rest &= rest &- 1
        }
    }

    // MARK: Counts of what nobody was asked about

    /// How long such frames may be missing from the counters, in nanoseconds.
    private static var skippedNanoseconds: UInt64 { 250_000_000 }

    private mutating func countSkipped(_ index: Int) {
        let count = multiplexer.takeSkipped(index)
        if count > 0 { table.countDrop(endpoint: index, .filtered, frames: count) }
    }

    /// Brings the counters up to date.
    mutating func countAllSkipped() {
        skippedDeadline = .max
        for place in 0..<multiplexer.count { countSkipped(multiplexer.client(place)) }
        multiplexer.endSkipped()
    }

    // MARK: Changes

    mutating func perform(_ change: MultiplexerChange) {
        switch change {
        case .uplink(let port, let isUplink): multiplexer.setUplink(port: port, isUplink)
        case .filters(let box, let index, let generation):
            let isThere = places[index].generation == generation && places[index].kind != nil
            guard isThere || places[index].kind == nil else { return }
            places[index].filters = box?.take()
            places[index].filtersGeneration = generation
            if isThere { filtersChanged(index) }
        }
    }

    /// A client has come, or has other filters than before.
    mutating func filtersChanged(_ index: Int) {
        if multiplexer.isOn { countSkipped(index) }
        if places[index].filtersGeneration != places[index].generation { places[index].filters = nil }
        let priority = places[index].filters?.priority ?? 0
        multiplexer.insert(index, priority: priority, keys: places[index].filters?.keys ?? nil)
        refreshFeatures(port: places[index].port)
    }
}

extension DataPlane {
    /// Says that a port leads to the network which the interfaces share.
    func setUplink(port: Int, _ isUplink: Bool) {
        guard port >= 0, port < state.table.portCount else { return }
        mailbox.perform(.multiplexer(.uplink(port: port, isUplink)))
    }

    /// Changes what an endpoint wants of the frames that its port offers.
    func setFilters(_ place: Place, _ set: ClientFilterSet) {
        let box = set.isEmpty ? nil : Box(ClientFilters(set))
        mailbox.perform(.multiplexer(.filters(box, index: place.index, generation: place.generation)))
    }
}

extension ClientFilters {
    init(_ set: ClientFilterSet) { self.init(receive: set.receive, send: set.send, priority: set.priority) }
}
