// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
import Wire

/// Frames in UDP datagrams: to one peer (`udp`, L2TPv3), or to hosts that share a network (VXLAN, vxvde).
///
/// # Theory of operation
///
/// Each datagram is one frame, perhaps behind a header that does not depend on the frame and is therefore gathered from its
/// own memory: the frame stays in its slot. Datagrams for one peer and of one size are handed to the kernel as one message
/// to be segmented there. Where that is refused, because a datagram would have to be fragmented, they go one by one. The
/// receiving kernel may hand such neighbours over together; they are taken apart here (`HeldDatagrams`).
///
///     send     destination's host known? ──yes──▶ one datagram      unknown, group address ──▶ one to each destination
///     receive  peer expected? ─▶ header ours? ─▶ learn: station is behind peer ─▶ frame
///
/// Channel 0 is the socket that sends and that peers answer to; channel 1, where there is one, hears the group.
///
/// Nobody is authenticated: an address can be forged, a group can be joined. `checksPeers` keeps accidents out, not attackers.
public struct OverlayEndpoint: ~Copyable, Sendable {
    let socket: OwnedDescriptor
    /// Owned here, used by number.
    private let group: OwnedDescriptor?
    private let groupDescriptor: Int32
    let channelCount: Int
    let state: OwnedState<OverlayState>

    /// - Parameters:
    ///   - socket: bound, non-blocking.
    ///   - group: a second socket, bound to the group that was joined.
    ///   - seed: a random number, for the table of stations.
    public init(
        _ socket: consuming OwnedDescriptor,
        group: consuming OwnedDescriptor? = nil,
        configuration: OverlayConfiguration,
        seed: UInt64
    ) {
        channelCount = group == nil ? 1 : 2
        groupDescriptor = group?.rawValue ?? -1
        self.socket = socket
        self.group = group
        state = OwnedState(OverlayState(configuration, seed: seed))
    }

    deinit { if state.value.announcesLeaving { state.value.sayGoodbye(socket.rawValue) } }

    func descriptor(channel: Int) -> Int32 { channel == 0 ? socket.rawValue : groupDescriptor }

    func receive(
        channel: Int,
        now: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        state.value.takeHeld(now: now, into: &burst, pool: &pool, drops: &drops)
        guard !holdsFrames, !burst.isFull, burst.byteCount < Tunables.burstByteCount else { return .more }
        let fd = descriptor(channel: channel)
        let slot = min(channel, 1)
        // Few are prepared for the first call: most wake-ups find a frame or two, and slots cost a little each.
        let first = min(4, burst.freeCount)
        let result = Self.receive(fd, slot, atMost: first, now, &state.value, &burst, &pool, &drops)
        let rest = min(UDPSocket.batchLimit - first, burst.freeCount)
        guard result == .more, !holdsFrames, rest > 0 else { return result }
        return Self.receive(fd, slot, atMost: rest, now, &state.value, &burst, &pool, &drops)
    }

    /// What one call received was more than a burst takes.
    var holdsFrames: Bool { !state.value.held.isEmpty }

    /// Gives back the slots that are held: how many datagrams were in them.
    func releaseFrames(_ pool: inout FramePool) -> Int { state.value.held.removeAll(&pool) }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        now: UInt64,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        state.value.send(socket.rawValue, burst, from: first, now: now, pool: pool, drops: &drops)
    }

    private static func receive(
        _ fd: Int32,
        _ channel: Int,
        atMost wanted: Int,
        _ now: UInt64,
        _ state: inout OverlayState,
        _ burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var parts: [32 of UDPSocket.Datagram] = InlineArray(
            repeating: UDPSocket.Datagram(offset: 0, byteCount: 0)
        )
        var frames: [32 of FrameReference] = InlineArray(
            repeating: FrameReference(slot: 0, start: 0, byteCount: 0)
        )
        let prefix = state.prefixByteCount
        var prepared = 0
        while prepared < wanted, let frame = pool.allocateLarge() {
            frames[prepared] = frame
            // The header before the frame takes the end of the head room.
            parts[prepared].offset = UInt64(pool.offset(frame) - prefix)
            parts[prepared].byteCount = UInt64(Int(frame.byteCount) + prefix)
            prepared += 1
        }
        guard prepared > 0 else { return .drained }
        var overflow = state.overflows[channel]
        let received = receiveBatch(fd, &pool, &parts, count: prepared, overflow: &overflow)
        state.countOverflow(channel: channel, overflow, drops: &drops)
        // Backwards, so that the slots that were not needed come back on top in their order.
        for index in stride(from: prepared - 1, through: max(received, 0), by: -1) { pool.release(frames[index]) }
        guard received > 0 else { return .drained }
        for index in 0..<received {
            let size = Int(parts[index].byteCount)
            let segment = Int(parts[index].segment)
            let isWhole = segment == 0 || segment >= size || size > Int(frames[index].byteCount) + prefix
            state.held.append(
                HeldDatagrams.Item(
                    frame: frames[index],
                    peer: parts[index].peer,
                    byteCount: size,
                    segment: isWhole ? max(size, 1) : segment
                )
            )
        }
        state.takeHeld(now: now, into: &burst, pool: &pool, drops: &drops)
        guard state.held.isEmpty else { return .more }
        return received < wanted ? .drained : .more
    }

    private static func receiveBatch(
        _ fd: Int32,
        _ pool: inout FramePool,
        _ parts: inout [32 of UDPSocket.Datagram],
        count: Int,
        overflow: inout UInt32
    ) -> Int {
        var slab = pool.mutableSlab()
        var span = parts.mutableSpan
        return UDPSocket.receiveBatch(fd, into: &slab, &span, count: count, overflow: &overflow)
    }
}
