// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Dataplane

/// Bridges and cables between them, with a clock of their own: BPDUs take a hundredth of a second over a cable.
struct TreeNetwork {
    struct End: Hashable {
        let bridge: Int
        let port: Int
    }

    var now: UInt64 = 1_000_000_000
    var bridges: [SpanningTree]
    /// Which end each end is joined to.
    private(set) var peers: [End: End] = [:]
    /// Ports on which frames pass, as the owners of the bridges were told.
    private(set) var states: [End: PortStates.State] = [:]
    private(set) var flushes = 0
    private(set) var sent = 0
    private var flying: [(due: UInt64, to: End, BPDU)] = []
    /// Checked after every event: no frame can go round.
    var forbidsLoops = true

    static let delay: UInt64 = 10_000_000

    init(_ count: Int) {
        bridges = (0..<count).map { number in
            SpanningTree(vlan: 0, identifier: Self.identifier(number), now: 1_000_000_000)
        }
    }

    static func identifier(_ number: Int) -> UInt64 { 0x8000_0200_0000_0001 + UInt64(number) }

    mutating func plug(_ one: (Int, Int), _ other: (Int, Int)) {
        let (first, second) = (End(bridge: one.0, port: one.1), End(bridge: other.0, port: other.1))
        peers[first] = second
        peers[second] = first
        for end in [first, second] {
            bridges[end.bridge].addPort(end.port, now: now)
            carryOut(end.bridge)
        }
    }

    mutating func cut(_ bridge: Int, _ port: Int) {
        let first = End(bridge: bridge, port: port)
        guard let second = peers[first] else { return }
        (peers[first], peers[second]) = (nil, nil)
        for end in [first, second] {
            bridges[end.bridge].removePort(end.port, now: now)
            carryOut(end.bridge)
            states[end] = nil
        }
        flying.removeAll { $0.to == first || $0.to == second }
    }

    /// A port with a station on it.
    mutating func plugStation(_ bridge: Int, _ port: Int) {
        bridges[bridge].addPort(port, now: now)
        carryOut(bridge)
    }

    mutating func carryOut(_ bridge: Int) {
        for action in bridges[bridge].takeActions() {
            switch action {
            case .send(let port, let message):
                sent += 1
                if let peer = peers[End(bridge: bridge, port: port)] {
                    flying.append((now + Self.delay, peer, message))
                }
            case .setState(let port, let state): states[End(bridge: bridge, port: port)] = state
            case .flush: flushes += 1
            case .portRemoved(let port): states[End(bridge: bridge, port: port)] = nil
            case .setRole, .newRoot, .portAdded: break
            }
        }
        if forbidsLoops, hasLoop { Issue.record("a loop at \(now)") }
    }

    mutating func run(milliseconds: UInt64) {
        let end = now + milliseconds * 1_000_000
        while true {
            let deadline = bridges.map(\.nextDeadline).min() ?? .max
            let arrival = flying.map(\.due).min() ?? .max
            let next = min(deadline, arrival)
            guard next <= end else { break }
            now = max(now, next)
            for index in bridges.indices where bridges[index].nextDeadline <= now {
                bridges[index].expire(now: now)
                carryOut(index)
            }
            let due = flying.filter { $0.due <= now }
            flying.removeAll { $0.due <= now }
            for (_, to, message) in due {
                _ = bridges[to.bridge].receive(message, port: to.port, now: now)
                carryOut(to.bridge)
            }
        }
        now = end
    }

    /// Cables over which frames pass both ways.
    private var open: [(Int, Int)] {
        peers.compactMap { one, other in
            guard one.bridge < other.bridge || (one.bridge == other.bridge && one.port < other.port),
                states[one] == .forwarding, states[other] == .forwarding
            else { return nil }
            return (one.bridge, other.bridge)
        }
    }

    private func joined() -> (groups: [Int], hasLoop: Bool) {
        var group = Array(bridges.indices)
        var hasLoop = false
        for (one, other) in open {
            if group[one] == group[other] {
                hasLoop = true
            } else {
                let (from, to) = (group[other], group[one])
                group = group.map { $0 == from ? to : $0 }
            }
        }
        return (group, hasLoop)
    }

    var hasLoop: Bool { joined().hasLoop }
    var isConnected: Bool { Set(joined().groups).count == 1 }

    /// Milliseconds until all bridges reach each other, nil if they do not within a minute.
    mutating func timeToConnect() -> UInt64? {
        for milliseconds in stride(from: UInt64(0), to: 60_000, by: 10) {
            if isConnected { return milliseconds }
            run(milliseconds: 10)
        }
        return nil
    }

    func role(_ bridge: Int, _ port: Int) -> SpanningTree.Role? {
        bridges[bridge].report(now: now) { _ in false }.ports.first { $0.number == port }?.role
    }

    func state(_ bridge: Int, _ port: Int) -> PortStates.State? { states[End(bridge: bridge, port: port)] }
}
