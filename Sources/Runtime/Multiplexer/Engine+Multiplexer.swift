// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Wire

/// What the control thread changes of a multiplexer.
enum MultiplexerChange: Sendable {
    /// The port leads to the shared network, or does not any more.
    case uplink(port: Int, Bool)
}

/// From a burst to the outputs of a multiplexer.
extension Engine {
    /// Hands every frame of `burst` to everybody whom it reaches.
    mutating func forwardMultiplexed(from index: Int) {
        let origin = places[index].port
        staged.removeAll()
        for position in 0..<burst.count {
            let frame = burst[position]
            if Int(frame.byteCount) < Ethernet.headerByteCount {
                drops.count(.runt)
            } else if !mayFlood(from: origin) {
                drops.count(.rateExceeded)
            } else {
                staged.append(frame)
            }
        }
        drops.flush(to: table, endpoint: index)
        guard !staged.isEmpty else { return }
        var position = 0
        while position < activeCount {
            let target = active[position]
            if multiplexer.reaches(places[target].port, from: origin) { deliverStaged(to: target) }
            position += 1
        }
    }

    mutating func perform(_ change: MultiplexerChange) {
        switch change {
        case .uplink(let port, let isUplink): multiplexer.setUplink(port: port, isUplink)
        }
    }
}

extension DataPlane {
    /// Says that a port leads to the network which the interfaces share.
    func setUplink(port: Int, _ isUplink: Bool) {
        guard port >= 0, port < state.table.portCount else { return }
        mailbox.perform(.multiplexer(.uplink(port: port, isUplink)))
    }
}
