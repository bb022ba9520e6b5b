// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// What endpoints wait for: their descriptors and their timers.
extension Engine {
    /// Registers the descriptors of an endpoint.
    mutating func register(_ index: Int) throws(Errno) {
        let place = word(index)
        for channel in 0..<(places[index].endpoint?.channelCount ?? 0) {
            guard let (descriptor, events) = wish(index, channel) else { continue }
            try mailbox.epoll.add(descriptor, events, word: place | UInt64(channel) << 16)
        }
    }

    /// Takes the descriptors of an endpoint out.
    mutating func unregister(_ index: Int) {
        if forgetHeat(index) { return }
        for channel in 0..<(places[index].endpoint?.channelCount ?? 0) {
            if let (descriptor, _) = wish(index, channel) { try? mailbox.epoll.remove(descriptor) }
        }
    }

    /// Tells epoll what a place waits for.
    mutating func updateInterest(_ index: Int) {
        // What it waits for from now on is more than frames, or nothing.
        if places[index].isHot {
            cool(index)
            return
        }
        let place = word(index)
        for channel in 0..<(places[index].endpoint?.channelCount ?? 0) {
            guard let (descriptor, events) = wish(index, channel) else { continue }
            try? mailbox.epoll.modify(descriptor, events, word: place | UInt64(channel) << 16)
        }
    }

    private func wish(_ index: Int, _ channel: Int) -> (Int32, Epoll.Events)? {
        guard let descriptor = places[index].endpoint?.descriptor(channel: channel), descriptor >= 0,
            let events = places[index].endpoint?.interest(
                channel: channel,
                isRead: !places[index].isPaused,
                isBlocked: places[index].watchesWritable
            )
        else { return nil }
        return (descriptor, events)
    }

    /// The epoll word of a place's channel 0.
    func word(_ index: Int) -> UInt64 {
        WordKind.endpoint.rawValue << 56 | UInt64(places[index].generation & 0xff_ffff) << 32 | UInt64(index)
    }

    /// Carries out what the control thread wants of an endpoint.
    mutating func configure(_ index: Int, _ change: consuming EndpointChange) {
        unregister(index)
        places[index].endpoint?.apply(change)
        places[index].capabilities = places[index].endpoint?.capabilities ?? []
        do {
            try register(index)
        } catch {
            let generation = places[index].generation
            remove(index)
            mailbox.post(.endpointEnded(index: index, generation: generation))
            return
        }
        dropDeserted(index)
        if places[index].hasTimers { attend(index) } else { postNotices(index) }
    }

    /// Asks an endpoint when it wants to be called and what it has to say.
    mutating func attend(_ index: Int) {
        guard let deadline = places[index].endpoint?.nextDeadline else { return }
        places[index].deadline = deadline
        // What both sides take may have been agreed on meanwhile.
        places[index].capabilities = places[index].endpoint?.capabilities ?? []
        endpointDeadline = min(endpointDeadline, deadline)
        if places[index].endpoint?.takeInterestChange() == true { updateInterest(index) }
        postNotices(index)
    }

    private mutating func postNotices(_ index: Int) {
        while let notice = places[index].endpoint?.takeNotice() {
            mailbox.post(.notice(notice, index: index, generation: places[index].generation))
        }
    }

    /// Calls the endpoints whose time has come.
    mutating func runEndpointTimers() {
        endpointDeadline = .max
        for position in 0..<activeCount {
            let index = active[position]
            guard places[index].deadline != .max else { continue }
            if places[index].deadline <= now {
                Self.expire(&places, index, now: now, &drops)
                drops.flush(to: table, endpoint: index)
                attend(index)
            }
            endpointDeadline = min(endpointDeadline, places[index].deadline)
        }
    }

    private static func expire(
        _ places: inout RigidTable<Place>,
        _ index: Int,
        now: UInt64,
        _ drops: inout DropTally
    ) {
        places[index].endpoint?.expire(now: now, drops: &drops)
    }
}
