// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What comes in.
extension SpanningTree {
    /// Takes a BPDU that came in on a port. One on a port that is not in the tree is ignored.
    public mutating func receive(_ message: BPDU, port number: Int, now: UInt64) -> Reception {
        guard let index = index(of: number) else { return .taken }
        guard ports[index].role != .edge else { return .refused }
        if now >= ports[index].receiveWindow &+ Self.second {
            ports[index].receiveWindow = now
            ports[index].receivedCount = 0
        }
        ports[index].receivedCount += 1
        guard ports[index].receivedCount <= Self.receiveLimit else { return .tooMany }
        // A hub beyond sends back what was sent.
        if message.bridge == identifier, message.port == ports[index].identifier { return .taken }
        hear(index, now: now)

        if message.role == .root || message.kind == .topologyChange {
            hearAgreement(message, index, now: now)
        } else {
            hearVector(message, index, now: now)
        }
        // Over a closed way news would go round and round (clause 17.31: an inactive port takes none).
        if message.flags.contains(.topologyChange), ports[index].role == .root || ports[index].role == .designated {
            changeHeard(index, now: now)
        }
        return .taken
    }

    /// A bridge is beyond after all: the port must not forward before it has agreed.
    private mutating func hear(_ index: Int, now: UInt64) {
        ports[index].hasHeard = true
        ports[index].edgeTimer = .max
        guard ports[index].isQuiet else { return }
        ports[index].isQuiet = false
        discard(index, now: now)
        ports[index].forwardTimer = now + Self.forwardDelay
    }

    /// From the root port of a bridge that takes this one for its way to the root, or did.
    private mutating func hearAgreement(_ message: BPDU, _ index: Int, now: UInt64) {
        guard message.kind == .rapid else { return }
        if let known = ports[index].information?.vector, known.bridge == message.bridge, known.port == message.port {
            // It was the better one, and is below now.
            ports[index].information = nil
            selectRoles(now: now)
        }
        guard ports[index].role == .designated else { return }
        if isAnswer(message) { agree(index, now: now) } else { send(index, now: now) }
    }

    /// Whether an agreement is to this bridge's way to the root as it is now, not to an older one: the way of who agrees
    /// costs more by one port.
    private func isAnswer(_ message: BPDU) -> Bool {
        message.root == way.root && message.rootPathCost > way.cost
            && message.rootPathCost - way.cost <= Self.portCost
    }

    /// From a bridge that tells its way to the root.
    private mutating func hearVector(_ message: BPDU, _ index: Int, now: UInt64) {
        let vector = Vector(
            root: message.root,
            cost: message.rootPathCost,
            bridge: message.bridge,
            port: message.port
        )
        let known = ports[index].information
        let isKnownSender = known?.vector.bridge == vector.bridge && known?.vector.port == vector.port
        let isTooOld = message.messageAge >= message.maximumAge
        guard vector < designatedVector(index) || isKnownSender, !isTooOld || isKnownSender else {
            if message.role == .alternate, message.flags.contains(.agreement), message.root == way.root,
                ports[index].role == .designated
            {
                agree(index, now: now)
            } else if !isTooOld {
                // It does not know yet.
                send(index, now: now)
            }
            return
        }
        ports[index].information =
            isTooOld
            ? nil
            : Information(vector: vector, messageAge: message.messageAge, expiry: now + Self.informationLife)
        if known?.vector != vector || isTooOld {
            selectRoles(now: now)
            if ports[index].role == .designated { send(index, now: now) }
        }
        if index == rootPort {
            rootHeard = now
            messageAge = message.messageAge
        }
        // The sender waits for the answer, unless roles have changed, which was answered already.
        if message.role == .designated, message.flags.contains(.proposal), known?.vector == vector {
            send(index, now: now)
        }
    }

    private mutating func agree(_ index: Int, now: UInt64) {
        ports[index].isAgreed = true
        ports[index].forwardTimer = .max
        forward(index, now: now)
    }

    /// The topology has changed somewhere beyond a port: addresses may be elsewhere, and the others must hear of it.
    private mutating func changeHeard(_ index: Int, now: UInt64) {
        if now >= flushAllowed {
            flushAllowed = now + Self.second
            for other in ports.indices where other != index && !ports[other].isEdge {
                actions.append(.flush(port: ports[other].number))
            }
        } else if flushDue == .max {
            flushDue = flushAllowed
        }
        tellChange(exceptPort: index, now: now)
    }

    /// Tells all bridges but those beyond one port, for a little more than one hello (clause 17.21.7, newTcWhile).
    mutating func tellChange(exceptPort index: Int?, now: UInt64) {
        for other in ports.indices where other != index && !ports[other].isEdge {
            let isNew = now >= ports[other].changeTold
            ports[other].changeTold = now + Self.helloTime + Self.second
            if isNew, ports[other].role == .root || ports[other].role == .designated { send(other, now: now) }
        }
    }
}
