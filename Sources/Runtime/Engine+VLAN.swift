// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Wire

/// From a burst to the outputs when VLANs are configured or a spanning tree runs.
///
/// Frames of a burst that go the same way, in the same VLAN and with or without a tag, form a group. The group goes first to
/// the outputs that take it as it is; then its tags are put on or taken off, once, and it goes to the others.
extension Engine {
    /// What the frames of a group have in common; zero: handled.
    private struct Group: Equatable {
        static let handled = Group(way: 0, vlan: 0, isTagged: false)
        /// 1: flood, else the port's number and 2.
        var way: UInt16
        var vlan: UInt16
        var isTagged: Bool
    }

    /// Decides about every frame of `burst` and hands them to the outputs.
    mutating func forwardManaged(from index: Int) {
        let port = places[index].port
        var groups: [64 of Group] = InlineArray(repeating: .handled)
        let tick = tick
        for position in 0..<burst.count {
            let placement = Self.place(&bridge, &pool, burst[position], port: port, now: tick)
            if placement.isForBridge {
                receiveForBridge(burst[position], port: port, vlan: placement.vlan)
                continue
            }
            let way: UInt16
            switch placement.verdict {
            case .forward(let target): way = UInt16(truncatingIfNeeded: target + 2)
            case .flood:
                guard mayFlood(burst[position], from: port) else {
                    drops.count(.rateExceeded)
                    continue
                }
                way = 1
            case .discard(let cause):
                drops.count(cause)
                continue
            }
            if placement.namesVLAN {
                var frame = burst[position]
                let failure = pool.nameVLAN(placement.vlan, in: &frame)
                burst[position] = frame
                if let failure {
                    drops.count(failure)
                    continue
                }
            }
            groups[position] = Group(way: way, vlan: placement.vlan, isTagged: placement.isTagged)
        }
        drops.flush(to: table, endpoint: index)

        for position in 0..<burst.count where groups[position] != .handled {
            let group = groups[position]
            var members: [64 of UInt8] = InlineArray(repeating: 0)
            var count = 0
            for other in position..<burst.count where groups[other] == group {
                members[count] = UInt8(other)
                count += 1
                groups[other] = .handled
            }
            send(group, members, count, from: index)
        }
    }

    private mutating func send(_ group: Group, _ members: [64 of UInt8], _ count: Int, from source: Int) {
        stage(members, count)
        let asItIs: VLANTable.Membership = group.isTagged ? .tagged : .untagged
        guard deliver(group, to: asItIs, from: source) else { return }
        // The others want the frames in the other form: `burst` keeps what becomes of them.
        staged.removeAll()
        for position in 0..<count {
            let member = Int(members[position])
            var frame = burst[member]
            let failure = group.isTagged ? pool.popTag(of: &frame) : pushTag(group.vlan, on: &frame)
            burst[member] = frame
            if let failure {
                drops.count(failure)
            } else {
                staged.append(frame)
            }
        }
        drops.flush(to: table, endpoint: source)
        if !staged.isEmpty { _ = deliver(group, to: group.isTagged ? .untagged : .tagged, from: source) }
    }

    private mutating func pushTag(_ vlan: UInt16, on frame: inout FrameReference) -> DropCause? {
        pool.pushTag(control: vlan, on: &frame)
    }

    private mutating func stage(_ members: [64 of UInt8], _ count: Int) {
        staged.removeAll()
        for position in 0..<count { staged.append(burst[Int(members[position])]) }
    }

    /// Hands the staged frames to the group's outputs that want them in this form. True if others want the other form.
    private mutating func deliver(_ group: Group, to wanted: VLANTable.Membership, from source: Int) -> Bool {
        if group.way > 1 {
            let port = Int(group.way) - 2
            let membership = bridge.egress(port: port, vlan: group.vlan)
            if membership == wanted {
                deliverStaged(toPort: port)
                return false
            }
            if membership != .none { return true }
            // The address was learned there before the port left the VLAN, or was blocked.
            let cause: DropCause =
                bridge.vlans.membership(port: port, group.vlan) == .none ? .wrongVLAN : .portBlocked
            drops.count(cause, staged.count)
            drops.flush(to: table, endpoint: source)
            return false
        }
        let origin = places[source].port
        var others = false
        for position in 0..<activeCount {
            let index = active[position]
            let port = places[index].port
            guard port != origin else { continue }
            let membership = bridge.egress(port: port, vlan: group.vlan)
            if membership == wanted {
                deliverStaged(to: index)
            } else if membership != .none {
                others = true
            }
        }
        return others
    }

    private static func place(
        _ bridge: inout Bridge,
        _ pool: inout FramePool,
        _ frame: FrameReference,
        port: Int,
        now: UInt16
    ) -> Bridge.Placement {
        bridge.place(pool.bytes(frame), port: port, now: now)
    }

    /// A port's VLANs change: what was learned there under the old ones is forgotten. Of other ports nothing is, or everybody
    /// would be shown what they say to each other.
    mutating func setVLAN(_ change: PortVLANChange) {
        let changed: Int
        switch change {
        case .untagged(let port, let vlan):
            changed = port
            bridge.vlans.setUntaggedVLAN(port: port, vlan)
        case .tagged(let port, let vlan, let isMember):
            changed = port
            bridge.vlans.setTagged(port: port, vlan, isMember: isMember)
        case .mode(let port, let mode):
            changed = port
            bridge.vlans.setMode(port: port, mode)
        case .reset(let port):
            changed = port
            bridge.vlans.reset(port: port)
        }
        bridge.forwarding.forget(port: changed)
        if spanning != nil { reconcileTrees() }
    }
}
