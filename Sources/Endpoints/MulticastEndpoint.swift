// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// A UDP multicast group as an Ethernet: each datagram is one plain frame, received by everybody who has joined (QEMU's
/// `mcast`, User Mode Linux's `mcast`).
///
/// One socket is bound to the group's port and has joined; another one, connected to the group, sends. What the group brings
/// back of our own is known by that socket's address, and is passed over.
public struct MulticastEndpoint: ~Copyable, Sendable {
    let incoming: OwnedDescriptor
    private let outgoing: DatagramEndpoint
    private let ownAddress: UInt32
    private let ownPort: UInt16

    /// - Parameters:
    ///   - incoming: bound to the group's port, and joined.
    ///   - outgoing: connected to the group.
    ///   - ownAddress: where `outgoing` sends from, in host order.
    public init(
        incoming: consuming OwnedDescriptor,
        outgoing: consuming OwnedDescriptor,
        ownAddress: UInt32,
        ownPort: UInt16
    ) {
        self.incoming = incoming
        self.outgoing = DatagramEndpoint(outgoing)
        self.ownAddress = ownAddress
        self.ownPort = ownPort
    }

    var channelCount: Int { 2 }
    func descriptor(channel: Int) -> Int32 { channel == 0 ? incoming.rawValue : outgoing.descriptor.rawValue }

    func interest(channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        if channel == 0 { return isRead ? .readable : [] }
        return isBlocked ? .writable : []
    }

    func receive(
        channel: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        guard channel == 0 else {
            // Nothing is sent to this socket; an error that waits there (a refusal from the network) is taken away.
            _ = InternetSocket.connectionResult(outgoing.descriptor.rawValue)
            return .drained
        }
        var taken = 0
        while taken < Tunables.burstFrameCount, burst.byteCount < Tunables.burstByteCount, !burst.isFull {
            guard var frame = pool.allocateLarge() else { return .drained }
            var address: UInt32 = 0
            var port: UInt16 = 0
            var room = pool.mutableBytes(frame)
            let size = InternetSocket.receive(incoming.rawValue, into: &room, from: &address, &port)
            guard size >= 0 else {
                pool.release(frame)
                return .drained
            }
            taken += 1
            guard size >= 14, address != ownAddress || port != ownPort else {
                if size < 14 { drops.count(.runt) }
                pool.release(frame)
                continue
            }
            frame.byteCount = UInt32(size)
            burst.append(frame)
        }
        return .more
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        outgoing.send(burst, from: first, pool: pool, drops: &drops)
    }
}
