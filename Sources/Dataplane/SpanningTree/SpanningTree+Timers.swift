// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What happens by the clock.
extension SpanningTree {
    /// When `expire` wants to be called.
    public var nextDeadline: UInt64 {
        var deadline = min(nextHello, flushDue)
        for port in ports {
            deadline = min(deadline, min(port.edgeTimer, port.forwardTimer))
            if let information = port.information { deadline = min(deadline, information.expiry) }
            if port.mustSend { deadline = min(deadline, port.sendWindow &+ Self.second) }
        }
        return deadline
    }

    /// Does what is due.
    public mutating func expire(now: UInt64) {
        expireInformation(now: now)
        if now >= flushDue {
            flushDue = .max
            flushAllowed = now + Self.second
            for port in ports where !port.isEdge { actions.append(.flush(port: port.number)) }
        }
        for index in ports.indices {
            if now >= ports[index].edgeTimer {
                ports[index].edgeTimer = .max
                if ports[index].role == .designated, !ports[index].hasHeard {
                    ports[index].isQuiet = true
                    ports[index].forwardTimer = .max
                    forward(index, now: now)
                }
            }
            if now >= ports[index].forwardTimer { advance(index, now: now) }
        }
        if now >= nextHello {
            // After a long sleep one hello, not all that were missed.
            nextHello = now + Self.helloTime
            for index in ports.indices where ports[index].role != .edge { send(index, now: now) }
        }
        for index in ports.indices where ports[index].mustSend && now >= ports[index].sendWindow &+ Self.second {
            send(index, now: now)
        }
    }

    private mutating func expireInformation(now: UInt64) {
        var isGone = false
        for index in ports.indices {
            guard let information = ports[index].information, now >= information.expiry else { continue }
            ports[index].information = nil
            isGone = true
        }
        if isGone { selectRoles(now: now) }
    }

    /// Nobody beyond a designated port has agreed, or refused: it goes on after its time.
    private mutating func advance(_ index: Int, now: UInt64) {
        if ports[index].state == .discarding {
            ports[index].state = .learning
            ports[index].forwardTimer = now + Self.forwardDelay
            actions.append(.setState(port: ports[index].number, .learning))
        } else {
            ports[index].forwardTimer = .max
            forward(index, now: now)
        }
    }
}
