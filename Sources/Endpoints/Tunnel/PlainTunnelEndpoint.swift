// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// The tunnel of uml_switch2 (`port`, `remote`): each UDP datagram is one plain frame, and both ends use the same port.
///
/// Nothing is encrypted and nobody proves who he is: only the source's address and port are compared, which anybody on the
/// way can forge. For links that are protected otherwise, and for the original program at the other end.
public struct PlainTunnelEndpoint: ~Copyable, Sendable {
    let descriptor: OwnedDescriptor
    private let remote: InternetAddress

    /// - Parameters:
    ///   - descriptor: bound to the port, not connected: what strangers send is to be seen and counted.
    ///   - remote: the only peer.
    public init(_ descriptor: consuming OwnedDescriptor, remote: InternetAddress) {
        self.descriptor = descriptor
        self.remote = remote
    }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var taken = 0
        while taken < Tunables.burstFrameCount, burst.byteCount < Tunables.burstByteCount, !burst.isFull {
            guard var frame = pool.allocateLarge() else { return .drained }
            var from = InternetAddress.none
            var room = pool.mutableBytes(frame)
            let size = UDPSocket.receive(descriptor.rawValue, into: &room, from: &from).byteCount
            guard size >= 0 else {
                pool.release(frame)
                return .drained
            }
            taken += 1
            guard from.isSameHost(as: remote), from.port == remote.port, size >= 14, size <= FramePool.largeCapacity
            else {
                let isPeer = from.isSameHost(as: remote) && from.port == remote.port
                drops.count(isPeer ? (size < 14 ? .runt : .truncated) : .wrongPeer)
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
        for index in first..<burst.count {
            let result = UDPSocket.send(descriptor.rawValue, pool.bytes(burst[index]), segment: 0, to: remote)
            if result == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: index) }
            if result < 0 { drops.count(DropTally.cause(of: Errno(rawValue: Int32(truncatingIfNeeded: -result)))) }
        }
        return .done
    }
}
