// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints

/// What clients refuse by filters of their own. Policies of ports come on top: a client's filter never sees what they hold
/// back from it, and what it sends has still to pass them.
extension Engine {
    /// Takes out of `burst` what the client at `index` does not let itself send.
    mutating func narrowSent(_ index: Int) {
        hooks.offered.removeAll()
        for position in 0..<burst.count { hooks.offered.append(burst[position]) }
        burst.removeAll()
        for position in 0..<hooks.offered.count {
            let frame = hooks.offered[position]
            if Self.sends(&places, &pool, index, frame) {
                burst.append(frame)
            } else {
                drops.count(.filtered)
                pool.release(frame)
            }
        }
        drops.flush(to: table, endpoint: index)
    }

    /// Hands those of the staged frames on that the client at `index` wants; `staged` is as before afterwards.
    mutating func deliverWanted(to index: Int) {
        hooks.offered.removeAll()
        for position in 0..<staged.count { hooks.offered.append(staged[position]) }
        staged.removeAll()
        for position in 0..<hooks.offered.count {
            let frame = hooks.offered[position]
            if Self.wants(&places, &pool, index, frame) { staged.append(frame) }
        }
        let refused = hooks.offered.count - staged.count
        if refused > 0 { table.countDrop(endpoint: index, .filtered, frames: refused) }
        if !staged.isEmpty {
            if places[index].features.subtracting(.clientOut).isDisjoint(with: .egress) {
                emitStaged(to: index)
            } else {
                runEgressHooks(index)
            }
        }
        staged.removeAll()
        for position in 0..<hooks.offered.count { staged.append(hooks.offered[position]) }
    }

    private static func sends(
        _ places: inout RigidTable<Place>,
        _ pool: inout FramePool,
        _ index: Int,
        _ frame: FrameReference
    ) -> Bool {
        places[index].filters?.send.accepts(pool.bytes(frame)) ?? true
    }

    private static func wants(
        _ places: inout RigidTable<Place>,
        _ pool: inout FramePool,
        _ index: Int,
        _ frame: FrameReference
    ) -> Bool {
        places[index].filters?.receive.accepts(pool.bytes(frame)) ?? true
    }
}
