// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Roles and states.
extension SpanningTree {
    /// What this bridge says on a port: its way to the root, and that it goes by this port.
    func designatedVector(_ index: Int) -> Vector {
        Vector(root: way.root, cost: way.cost, bridge: identifier, port: ports[index].identifier)
    }

    /// Chooses the way to the root and each port's role from what the ports have heard (clause 17.21.25).
    ///
    /// - Parameter isForced: the root port is gone, whatever comes in its place.
    mutating func selectRoles(now: UInt64, isForced: Bool = false) {
        var best = Vector(root: identifier, cost: 0, bridge: identifier, port: 0)
        var bestPort: Int?
        for index in ports.indices where ports[index].role != .edge {
            guard let heard = ports[index].information?.vector, heard.bridge != identifier else { continue }
            var candidate = heard
            candidate.cost = heard.cost.addingReportingOverflow(cost(index)).overflow ? .max : heard.cost + cost(index)
            if candidate < best {
                best = candidate
                bestPort = index
            }
        }
        let isNewRoot = best.root != way.root || bestPort != rootPort || isForced
        let isNewWay = isNewRoot || best.cost != way.cost || best.bridge != way.bridge
        way = best
        rootPort = bestPort
        if isNewRoot {
            rootHeard = now
            messageAge = bestPort.flatMap { ports[$0].information?.messageAge } ?? 0
            actions.append(.newRoot(best.root, port: bestPort.map { ports[$0].number }))
        }
        for index in ports.indices where ports[index].role != .edge {
            let role = role(index)
            if role == .designated { ports[index].information = nil }
            if role == .designated, isNewWay, !ports[index].isQuiet {
                // What was agreed to is not so any more: first nobody forwards, then those beyond are asked again.
                ports[index].isAgreed = false
                ports[index].forwardTimer = now + Self.forwardDelay
                discard(index, now: now)
            }
            if role != ports[index].role, role != .root { become(role, index, now: now) }
        }
        // Only now, when no other port forwards that has not agreed.
        if let bestPort, ports[bestPort].role != .root { become(.root, bestPort, now: now) }
        guard isNewWay else { return }
        for index in ports.indices where ports[index].role != .edge { send(index, now: now) }
    }

    private func role(_ index: Int) -> Role {
        if index == rootPort { return .root }
        guard let heard = ports[index].information?.vector, heard < designatedVector(index) else { return .designated }
        return heard.bridge == identifier ? .backup : .alternate
    }

    mutating func become(_ role: Role, _ index: Int, now: UInt64) {
        ports[index].role = role
        ports[index].isAgreed = false
        actions.append(.setRole(port: ports[index].number, role))
        switch role {
        case .root, .edge:
            ports[index].forwardTimer = .max
            forward(index, now: now)
        case .alternate, .backup:
            ports[index].forwardTimer = .max
            discard(index, now: now)
        case .designated:
            ports[index].forwardTimer = now + Self.forwardDelay
            discard(index, now: now)
        }
        if role != .edge { send(index, now: now) }
    }

    mutating func discard(_ index: Int, now: UInt64) {
        guard ports[index].state != .discarding else { return }
        ports[index].state = .discarding
        actions.append(.setState(port: ports[index].number, .discarding))
        actions.append(.flush(port: ports[index].number))
    }

    /// From now on frames pass: a change of the topology, unless nobody but stations is beyond.
    mutating func forward(_ index: Int, now: UInt64) {
        guard ports[index].state != .forwarding else { return }
        ports[index].state = .forwarding
        actions.append(.setState(port: ports[index].number, .forwarding))
        guard !ports[index].isEdge else { return }
        for other in ports.indices where other != index && !ports[other].isEdge {
            actions.append(.flush(port: ports[other].number))
        }
        tellChange(exceptPort: nil, now: now)
    }

    // MARK: What goes out

    /// Sends a BPDU on a port now, or as soon as it may.
    mutating func send(_ index: Int, now: UInt64) {
        if now >= ports[index].sendWindow &+ Self.second {
            ports[index].sendWindow = now
            ports[index].sentCount = 0
        }
        guard ports[index].sentCount < Self.sendLimit else {
            ports[index].mustSend = true
            return
        }
        ports[index].sentCount += 1
        ports[index].mustSend = false
        let message = message(index, now: now)
        // Several reasons within one event are one BPDU: the last one says all.
        actions.removeAll {
            if case .send(ports[index].number, _) = $0 { return true }
            return false
        }
        actions.append(.send(port: ports[index].number, message))
    }

    private func message(_ index: Int, now: UInt64) -> BPDU {
        var message = BPDU(root: way.root, rootPathCost: way.cost, bridge: identifier, port: ports[index].identifier)
        switch ports[index].role {
        case .root: message.role = .root
        case .alternate, .backup: message.role = .alternate
        case .designated, .edge: message.role = .designated
        }
        if ports[index].state != .discarding { message.flags.insert(.learning) }
        if ports[index].state == .forwarding { message.flags.insert(.forwarding) }
        if now < ports[index].changeTold { message.flags.insert(.topologyChange) }
        if ports[index].role == .designated, ports[index].state != .forwarding {
            message.flags.insert(.proposal)
        } else {
            message.flags.insert(.agreement)
        }
        if message.role == .alternate { message.flags.insert(.proposal) }
        // One second more for each bridge on the way; what has come too far is dropped by who gets it.
        if !isRoot { message.messageAge = messageAge.addingReportingOverflow(256).overflow ? .max : messageAge + 256 }
        return message
    }
}
