// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Connections and datagrams that come to the host's ports.
extension Gateway {
    /// Accepts and receives what waits at the forwards, a share of each.
    mutating func serveForwards<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        var turns = forwards.readyTurns
        while turns > 0, output.freeCount >= 2, let number = forwards.next() {
            turns &-= 1
            switch configuration.forwards[number].transport {
            case .tcp: acceptConnections(number, pool: &pool, host: &host, output: &output, now: now)
            case .udp: receiveDatagrams(number, pool: &pool, host: &host, output: &output, now: now)
            }
        }
    }

    // MARK: TCP

    private mutating func acceptConnections<Host: GatewayHost & ~Copyable>(
        _ number: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let forward = configuration.forwards[number]
        for _ in 0..<GatewayTunables.acceptsPerTurn where output.freeCount >= 2 {
            guard halfOpenCount < configuration.limits.halfOpenCount,
                // The key is not known before the client's address: a stand-in that no guest can have.
                let index = allocateTCP(placeholderKey(number), hash: 0, host: &host, now: now)
            else { return postpone(number, now: now) }
            defer { tcp.endWrite(index) }
            switch host.accept(listener: number, token: token(index)) {
            case .accepted(let socket, let peer):
                tcp[index].socket = socket.rawValue
                begin(index, forward, number, peer: peer, pool: &pool, host: &host, output: &output, now: now)
            case .none:
                forwards.clear(number)
                return forgetTCP(index)
            case .failed:
                forgetTCP(index)
                return postpone(number, now: now)
            }
        }
    }

    private func placeholderKey(_ number: Int) -> FlowKey {
        FlowKey(guest: .unspecified, guestPort: 0, remote: .unspecified, remotePort: UInt16(truncatingIfNeeded: number))
    }

    /// Tries again later; the clients wait in the kernel's queue.
    private mutating func postpone(_ number: Int, now: UInt64) {
        forwards.clear(number)
        let timer = TimerNumber.forward(number, configuration.limits)
        timers.set(timer, deadline: now &+ GatewayTunables.acceptRetryTime, now: now)
    }

    /// Begins a connection to the guest for an accepted one.
    private mutating func begin<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ forward: PortForward,
        _ number: Int,
        peer: HostEndpoint,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        counters.add(.tcpAccepted)
        tcp[index].flags.insert(.inbound)
        tcp[index].origin = UInt16(truncatingIfNeeded: number)
        tcp[index].maximumSegment = GatewayTunables.defaultSegment
        tcp[index].ownWindowShift = GatewayTunables.windowShift
        guard let key = freeKey(forward, peer) else {
            counters.add(.tcpRefused)
            return abandonTCP(index, host: &host)
        }
        rekeyTCP(index, key, now: now)
        if let mac = resolve(forward.guestAddress, pool: &pool, output: &output, now: now) {
            tcp[index].guestMAC = mac.rawValue
            tcp[index].state = .synSent
            sendSYN(index, pool: &pool, output: &output, now: now)
        } else {
            tcp[index].state = .resolving
            resolving.append(index, in: tcp)
            timers.set(index, deadline: now &+ 10 &* GatewayTunables.second, now: now)
        }
    }

    /// The connection's ends as the guest sees them: the client's own address and port, or another port if that is taken.
    private mutating func freeKey(_ forward: PortForward, _ peer: HostEndpoint) -> FlowKey? {
        var port = peer.port
        for _ in 0..<GatewayTunables.portAttempts {
            let key = FlowKey(
                guest: forward.guestAddress,
                guestPort: forward.guestPort,
                remote: visibleAddress(of: peer.address),
                remotePort: port
            )
            guard let other = tcpIndex.find(key, hash: secret.hash(key), in: tcp) else { return key }
            if tcp[other].state == .timeWait {
                // A client that uses its port anew may have it: the number clock has moved on.
                forgetTCP(other)
                return key
            }
            port = UInt16(truncatingIfNeeded: 49_152 &+ random.next() % 16_384)
        }
        return nil
    }

    /// Gives a fresh flow its key.
    private mutating func rekeyTCP(_ index: Int, _ key: FlowKey, now: UInt64) {
        tcpIndex.remove(index, hash: tcp[index].hash)
        let hash = secret.hash(key)
        tcp[index].key = key
        tcp[index].hash = hash
        tcpIndex.insert(index, hash: hash)
        let number = initialSequence(key, now: now)
        tcp[index].initialSend = number
        tcp[index].sendUnacknowledged = number
        tcp[index].sendNext = number
        tcp[index].sendMaximum = number
    }

    // MARK: UDP

    private mutating func receiveDatagrams<Host: GatewayHost & ~Copyable>(
        _ number: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let forward = configuration.forwards[number]
        // Until the guest is found its datagrams wait in the socket.
        guard let mac = resolve(forward.guestAddress, pool: &pool, output: &output, now: now) else {
            return forwards.clear(number)
        }
        for _ in 0..<GatewayTunables.datagramsPerTurn {
            guard output.freeCount >= min(4, output.capacity),
                pool.freeLargeCount > min(Dataplane.Tunables.largeSlotReserve, pool.largeCount / 2),
                let frame = pool.allocateLarge()
            else { return }
            var bytes = pool.mutableBytes(frame)
            var target = bytes._mutatingExtracting(Layout.udpPayload..<bytes.count)
            switch host.receiveDatagram(listener: number, into: &target) {
            case .received(let count, let peer):
                guard let index = conversation(number, forward, peer, host: &host, now: now) else {
                    counters.add(.udpDropped)
                    pool.release(frame)
                    continue
                }
                udp[index].guestMAC = mac.rawValue
                deliverDatagram(index, frame, byteCount: count, pool: &pool, output: &output, now: now)
                udp.endWrite(index)
            case .wouldBlock:
                pool.release(frame)
                return forwards.clear(number)
            case .failed:
                // An error about an earlier answer; the next call goes on.
                pool.release(frame)
            }
        }
    }

    /// The conversation with a forward's peer, new if need be.
    private mutating func conversation<Host: GatewayHost & ~Copyable>(
        _ number: Int,
        _ forward: PortForward,
        _ peer: HostEndpoint,
        host: inout Host,
        now: UInt64
    ) -> Int? {
        let visible = visibleAddress(of: peer.address)
        // The same ports in the same order for the same peer: so that its conversation is found again.
        var state = SplitMix64(state: UInt64(peer.address.rawValue) << 16 | UInt64(peer.port))
        var port = peer.port
        for _ in 0..<GatewayTunables.portAttempts {
            let key = FlowKey(
                guest: forward.guestAddress,
                guestPort: forward.guestPort,
                remote: visible,
                remotePort: port
            )
            let hash = secret.hash(key)
            guard let found = udpIndex.find(key, hash: hash, in: udp) else {
                guard let index = allocateUDP(key, hash: hash, host: &host, now: now) else { return nil }
                udp[index].flags.insert(.inbound)
                udp[index].origin = UInt16(truncatingIfNeeded: number)
                udp[index].peerAddress = peer.address.rawValue
                udp[index].peerPort = peer.port
                timers.set(timer(index), deadline: now &+ GatewayTunables.udpIdleTime, now: now)
                return index
            }
            if udp[found].flags.contains(.inbound), udp[found].peer == peer, udp[found].origin == UInt16(number) {
                udp.beginWrite(found)
                return found
            }
            port = UInt16(truncatingIfNeeded: 49_152 &+ state.next() % 16_384)
        }
        return nil
    }

    /// Nobody is there for a forward's datagrams: what waits is thrown away, the next one asks anew.
    mutating func dropDatagrams<Host: GatewayHost & ~Copyable>(
        forward number: Int,
        pool: inout FramePool,
        host: inout Host
    ) {
        guard forwards.isOpen(number), configuration.forwards[number].transport == .udp,
            let frame = pool.allocateSmall()
        else { return }
        for _ in 0..<1024 {
            var bytes = pool.mutableBytes(frame)
            guard case .received = host.receiveDatagram(listener: number, into: &bytes) else { break }
            counters.add(.udpDropped)
        }
        pool.release(frame)
    }
}
