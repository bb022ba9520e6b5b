// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Facts about a UDP conversation.
struct UDPFlowFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    static let used = UDPFlowFlags(rawValue: 1)
    /// Goes to a name server.
    static let resolver = UDPFlowFlags(rawValue: 2)
    /// Came from a forward, whose socket it uses.
    static let inbound = UDPFlowFlags(rawValue: 4)
}

/// One UDP conversation between a guest's port and a remote port: a socket with a fixed peer, or a peer of a forward.
struct UDPFlow: FlowRecord {
    var writeSequence: UInt32
    var listNext: UInt32
    var listPrevious: UInt32
    var listNumber: UInt8
    var flags: UDPFlowFlags
    /// The resolver's number, or the forward's.
    var origin: UInt16
    var key: FlowKey
    /// The host-side peer of a forward's conversation.
    var peerAddress: UInt32
    var peerPort: UInt16
    /// Length of the guest's last datagram, for error messages about it.
    var lastByteCount: UInt16
    var generation: UInt32
    var hash: UInt64
    var socket: UInt64
    var guestMAC: UInt64
    /// When something passed last.
    var lastActive: UInt64
    var createdAt: UInt64
    var bytesToHost: UInt64
    var bytesToGuest: UInt64

    var hostSocket: HostSocket { HostSocket(rawValue: socket) }
    var peer: HostEndpoint { HostEndpoint(address: IPv4Address(rawValue: peerAddress), port: peerPort) }
}

/// Questions that a resolver did not answer yet. Two, since resolvers ask for both kinds of address at once from one port.
struct ResolverQuery: BitwiseCopyable {
    var firstByteCount: UInt16
    var secondByteCount: UInt16
    var bytes: [1024 of UInt8]

    static var slotByteCount: Int { GatewayTunables.maximumQueryByteCount }

    var isEmpty: Bool { firstByteCount == 0 && secondByteCount == 0 }

    func byteCount(_ slot: Int) -> Int { Int(slot == 0 ? firstByteCount : secondByteCount) }

    mutating func setByteCount(_ slot: Int, _ count: Int) {
        let value = UInt16(truncatingIfNeeded: count)
        if slot == 0 { firstByteCount = value } else { secondByteCount = value }
    }

    /// Keeps a question: over the same one, in a free slot, or over the older.
    mutating func keep(_ query: Span<UInt8>) {
        guard query.count >= 12, query.count <= Self.slotByteCount else { return }
        var slot = firstByteCount == 0 ? 0 : 1
        for index in 0..<2 where byteCount(index) > 0 && identifier(index) == query.readUInt16(at: 0) { slot = index }
        var target = bytes.mutableSpan
        target.store(query, at: slot &* Self.slotByteCount)
        setByteCount(slot, query.count)
    }

    func identifier(_ slot: Int) -> UInt16 { bytes.span.readUInt16(at: slot &* Self.slotByteCount) }

    /// The question with this number was answered.
    mutating func forget(_ number: UInt16) {
        for slot in 0..<2 where byteCount(slot) > 0 && identifier(slot) == number { setByteCount(slot, 0) }
    }
}

/// The host's name servers.
struct ResolverList {
    struct Choice {
        var endpoint: HostEndpoint
        var number: Int
    }

    private var servers: [HostEndpoint]
    private var preferredNumber = 0

    init(_ servers: [HostEndpoint]) {
        self.servers = Array(servers.prefix(GatewayTunables.maximumResolverCount))
    }

    /// The one to ask first.
    var preferred: Choice? {
        guard preferredNumber < servers.count else { return nil }
        return Choice(endpoint: servers[preferredNumber], number: preferredNumber)
    }

    /// The one to ask after number `number` failed; nil when all were asked.
    func after(_ number: Int) -> Choice? {
        guard !servers.isEmpty else { return nil }
        let next = (number &+ 1) % servers.count
        return next == preferredNumber ? nil : Choice(endpoint: servers[next], number: next)
    }

    /// A server that answered when another did not is asked first from now on.
    mutating func prefer(_ number: Int) {
        if number < servers.count { preferredNumber = number }
    }
}

/// Which forwards have something to accept or to receive.
struct ForwardStates {
    private var ready: [Bool]
    /// Those that were taken away stay in their places.
    private var isOpen: [Bool]
    private var readyCount = 0
    private var hand = 0

    init(count: Int) {
        ready = Array(repeating: false, count: count)
        isOpen = Array(repeating: true, count: count)
    }

    /// Opens a number, the next one if it is new.
    mutating func open(_ index: Int) {
        if index == ready.count {
            ready.append(false)
            isOpen.append(true)
        } else if ready.indices.contains(index) {
            isOpen[index] = true
        }
    }

    mutating func close(_ index: Int) {
        guard ready.indices.contains(index) else { return }
        clear(index)
        isOpen[index] = false
    }

    func isOpen(_ index: Int) -> Bool { isOpen.indices.contains(index) && isOpen[index] }

    /// A number that was closed.
    var closed: Int? { isOpen.firstIndex(of: false) }

    var hasReady: Bool { readyCount > 0 }

    mutating func setReady(_ index: Int) {
        guard index >= 0, index < ready.count, !ready[index], isOpen[index] else { return }
        ready[index] = true
        readyCount &+= 1
    }

    mutating func clear(_ index: Int) {
        guard ready[index] else { return }
        ready[index] = false
        readyCount &-= 1
    }

    /// A ready forward, each in turn.
    mutating func next() -> Int? {
        guard readyCount > 0 else { return nil }
        for _ in ready.indices {
            hand = (hand &+ 1) % ready.count
            if ready[hand] { return hand }
        }
        return nil
    }

    var readyTurns: Int { readyCount }
}
