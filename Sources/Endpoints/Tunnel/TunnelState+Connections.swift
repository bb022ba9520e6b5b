// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import TunnelCrypto

/// Which TCP connections a tunnel keeps. Anybody can connect; only the peer can prove himself.
///
///     accepted ──▶ unproven ──authentic packet──▶ proven ──another one is proven──▶ unproven ──time is up──▶ closed
///                     └── time is up, or it is the oldest of too many ──▶ closed, and counted
///
/// One connection at most is proven, and no stranger can push it out. There are places for so many others that the peer has time
/// to prove himself before a flood of strangers, who are let in a few at a time, has gone through all of them.
extension TunnelState {
    static var streamCount: Int { 16 }
    /// How long a connection may be nobody's: several attempts of a handshake.
    static var proofNanoseconds: UInt64 { 10_000_000_000 }

    /// A connection was made, by us or to us.
    mutating func adopt(_ descriptor: consuming OwnedDescriptor) {
        // The latest call may have been long ago.
        now = max(now, MonotonicClock.nanoseconds)
        var place = -1
        for index in 0..<Self.streamCount where streams[index].rawDescriptor < 0 { place = index }
        if place < 0 {
            for index in 0..<Self.streamCount where !streams[index].isProven {
                if place < 0 || streams[index].number < streams[place].number { place = index }
            }
            displacedCount += 1
        }
        if place == stream { leaveStream() }
        adoptedCount += 1
        streams[place].open(descriptor, number: adoptedCount, deadline: now + Self.proofNanoseconds)
        reviewStreams()
        guard options.initiatesOnStreams else { return }
        if hasLostStream { peer.renew() } else { peer.hurry() }
    }

    var hasStream: Bool { openStreamCount > 0 }

    /// The packet in work was authentic: the connection that it came by, if it came by one, is the peer's.
    mutating func prove() {
        guard arrival >= 0, streams[arrival].rawDescriptor >= 0, !streams[arrival].isProven else { return }
        doubtStreams()
        streams[arrival].isProven = true
        streams[arrival].deadline = .max
        reviewStreams()
    }

    /// Connections have to be proven anew: the peer has another one now, or is silent on this one.
    mutating func doubtStreams() {
        for index in 0..<Self.streamCount where streams[index].isProven {
            streams[index].isProven = false
            streams[index].deadline = now + Self.proofNanoseconds
        }
        reviewStreams()
    }

    /// Ends connections whose time is up, and counts those that were ended.
    mutating func endUnproven(drops: inout DropTally) {
        if displacedCount > 0 { drops.count(.rateExceeded, displacedCount) }
        displacedCount = 0
        guard streamDeadline <= now else { return }
        for index in 0..<Self.streamCount where streams[index].rawDescriptor >= 0 && streams[index].deadline <= now {
            drops.count(.notAuthentic)
            endStream(index)
        }
    }

    mutating func endStream(_ index: Int) {
        // Its end matters when packets went there, or nowhere.
        let isMissed = stream == index || hasLostStream || !peer.isUp
        streams[index].close()
        if stream == index { leaveStream() }
        reviewStreams()
        notify(.tunnelStreamEnded, value: isMissed ? 1 : 0)
    }

    private mutating func leaveStream() {
        stream = -1
        hasLostStream = true
        hasOtherWay = true
        heldByteCount = nil
    }

    private mutating func reviewStreams() {
        (openStreamCount, streamDeadline) = (0, .max)
        for index in 0..<Self.streamCount where streams[index].rawDescriptor >= 0 {
            openStreamCount += 1
            streamDeadline = min(streamDeadline, streams[index].deadline)
        }
    }

    /// Number of the connection that the packet in work came by, 0: it came by UDP.
    var provenance: UInt64 { arrival >= 0 ? streams[arrival].number : 0 }
}

extension TunnelStream {
    /// What a cookie is made for: whoever can send it back has received it on the connection with this number. Of another
    /// size than addresses have.
    static func octets(_ number: UInt64) -> [UInt8] {
        [0] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }
}
