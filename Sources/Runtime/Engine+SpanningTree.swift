// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Wire

/// The spanning trees of a data plane: one for VLAN 0 and one for each VLAN that a port is configured to be in.
struct SpanningTrees {
    let configuration: SpanningTreeConfiguration
    /// In order of their VLANs.
    var trees: [SpanningTree] = []
    /// What was set for a VLAN, whether it has a tree now or not.
    var settings: [UInt16: SpanningTree.Settings]

    /// The first tree of this VLAN or a higher one.
    func position(vlan: UInt16) -> Int {
        var (low, high) = (0, trees.count)
        while low < high {
            let middle = (low + high) / 2
            if trees[middle].vlan < vlan { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func index(vlan: UInt16) -> Int? {
        let position = position(vlan: vlan)
        return position < trees.count && trees[position].vlan == vlan ? position : nil
    }

    var nextDeadline: UInt64 { trees.reduce(.max) { min($0, $1.nextDeadline) } }
}

/// Spanning trees in the loop: BPDUs in and out, and what the trees decide carried out.
///
/// BPDUs are rare, and bounded for each port: this is not the frame path and may allocate.
extension Engine {
    mutating func setSpanningTree(_ change: SpanningTreeChange) {
        switch change {
        case .turn(let configuration): turnSpanningTree(configuration)
        case .settings(let vlan, let settings): setTreeSettings(vlan, settings)
        case .report(let answer):
            answer.set(
                spanning.map { spanning in
                    spanning.trees.map { tree in
                        tree.report(now: now) { Self.isTagged(bridge, port: $0, tree.vlan) }
                    }
                } ?? []
            )
        }
    }

    private static func isTagged(_ bridge: borrowing Bridge, port: Int, _ vlan: UInt16) -> Bool {
        bridge.vlans.membership(port: port, vlan) == .tagged
    }

    private mutating func turnSpanningTree(_ configuration: SpanningTreeConfiguration?) {
        let settings = spanning?.settings ?? treeSettings
        spanning = nil
        treeDeadline = .max
        treeSettings = settings
        bridge.states.turn(on: configuration != nil)
        guard let configuration else { return }
        spanning = SpanningTrees(configuration: configuration, settings: settings)
        reconcileTrees()
    }

    private mutating func setTreeSettings(_ vlan: UInt16, _ settings: SpanningTree.Settings) {
        treeSettings[vlan] = settings
        spanning?.settings[vlan] = settings
        guard let index = spanning?.index(vlan: vlan), let old = spanning?.trees[index].settings else { return }
        for port in old.edgePorts.symmetricDifference(settings.edgePorts) {
            spanning?.trees[index].setEdge(port, settings.edgePorts.contains(port), now: now)
        }
        spanning?.trees[index].setBonus(port: settings.bonusPort, cost: settings.bonusCost, now: now)
        carryOutTree(index)
        updateTreeDeadline()
    }

    /// Makes trees and their ports agree with the VLANs and with what is plugged in.
    mutating func reconcileTrees() {
        guard let configuration = spanning?.configuration else { return }
        for vlan in 0..<UInt16(4095) {
            let isWanted = vlan == 0 || bridge.vlans.isManaged(vlan)
            let present = spanning?.index(vlan: vlan)
            if isWanted, present == nil {
                let position = spanning?.position(vlan: vlan) ?? 0
                spanning?.trees.insert(
                    SpanningTree(
                        vlan: vlan,
                        identifier: configuration.identifier,
                        settings: treeSettings[vlan] ?? SpanningTree.Settings(),
                        now: now
                    ),
                    at: position
                )
            } else if !isWanted, let present {
                for port in 0..<table.portCount { bridge.states.set(port: port, vlan: vlan, .forwarding) }
                spanning?.trees.remove(at: present)
            }
        }
        for port in 0..<table.portCount where firstOfPort[port] >= 0 { reconcileTrees(port: port) }
        updateTreeDeadline()
    }

    /// The same for one port, whose endpoints or VLANs have changed.
    mutating func reconcileTrees(port: Int) {
        guard spanning != nil else { return }
        for index in 0..<(spanning?.trees.count ?? 0) {
            guard let vlan = spanning?.trees[index].vlan else { continue }
            if firstOfPort[port] >= 0, bridge.vlans.membership(port: port, vlan) != .none {
                spanning?.trees[index].addPort(port, now: now)
            } else {
                spanning?.trees[index].removePort(port, now: now)
            }
            carryOutTree(index)
        }
        updateTreeDeadline()
    }

    /// A frame to the bridges' group address came in.
    mutating func receiveForBridge(_ frame: FrameReference, port: Int, vlan: UInt16) {
        guard let index = spanning?.index(vlan: vlan) else { return }
        guard let message = Self.message(pool, frame) else {
            drops.count(.malformed)
            return
        }
        switch spanning?.trees[index].receive(message, port: port, now: now) {
        case .taken, nil: break
        case .tooMany: drops.count(.rateExceeded)
        case .refused: drops.count(.filtered)
        }
        // What is sent now counts at other ports.
        drops.flush(to: table, endpoint: burstSource)
        carryOutTree(index)
        updateTreeDeadline()
    }

    private static func message(_ pool: borrowing FramePool, _ frame: FrameReference) -> BPDU? {
        BPDU(frame: pool.bytes(frame))
    }

    /// Timers of the trees.
    mutating func runTrees() {
        for index in 0..<(spanning?.trees.count ?? 0) {
            spanning?.trees[index].expire(now: now)
            carryOutTree(index)
        }
        updateTreeDeadline()
    }

    private mutating func updateTreeDeadline() { treeDeadline = spanning?.nextDeadline ?? .max }

    private mutating func carryOutTree(_ index: Int) {
        guard let actions = spanning?.trees[index].takeActions(), !actions.isEmpty,
            let vlan = spanning?.trees[index].vlan
        else { return }
        var flushed: [Int] = []
        for action in actions {
            switch action {
            case .send(let port, let message): send(message, port: port, vlan: vlan)
            case .portAdded(let port): mailbox.post(.spanningTree(.added(vlan: vlan, port: port)))
            case .portRemoved(let port):
                bridge.states.set(port: port, vlan: vlan, .forwarding)
                mailbox.post(.spanningTree(.removed(vlan: vlan, port: port)))
            case .setState(let port, let state):
                bridge.states.set(port: port, vlan: vlan, state)
                mailbox.post(.spanningTree(.state(vlan: vlan, port: port, state)))
            case .setRole(let port, let role): mailbox.post(.spanningTree(.role(vlan: vlan, port: port, role)))
            case .flush(let port): flushed.append(port)
            case .newRoot(let root, let port): mailbox.post(.spanningTree(.root(vlan: vlan, root, port: port)))
            }
        }
        if !flushed.isEmpty { forget(ports: flushed, vlan: vlan) }
    }

    /// Forgets the addresses on these ports in the VLANs that go by this tree: once through the table, however many ports.
    private mutating func forget(ports: [Int], vlan: UInt16) {
        var isMeant = [Bool](repeating: false, count: table.portCount)
        for port in ports { isMeant[port] = true }
        let goesBy = (0..<UInt16(4096)).map { bridge.treeVLAN($0) == vlan }
        bridge.forwarding.forget { port, vlan in isMeant[port] && goesBy[Int(vlan)] }
    }

    /// Sends a BPDU on a port, whatever the port's state, with a tag where the VLAN is tagged.
    private mutating func send(_ message: BPDU, port: Int, vlan: UInt16) {
        guard let address = spanning?.configuration.address,
            var frame = pool.allocate(byteCount: BPDU.frameByteCount)
        else { return }
        Self.fill(&pool, frame, message, address)
        if bridge.vlans.membership(port: port, vlan) == .tagged, pool.pushTag(control: vlan, on: &frame) != nil {
            pool.release(frame)
            return
        }
        // Nobody is paused for the sake of a BPDU, and none is lost to a queue that others have filled: a neighbour that hears
        // nothing opens a port, and a loop, just when there is too much traffic already.
        let source = burstSource
        burstSource = -1
        isUrgent = true
        staged.removeAll()
        staged.append(frame)
        deliverStaged(toPort: port)
        staged.removeAll()
        isUrgent = false
        burstSource = source
        pool.release(frame)
    }

    private static func fill(
        _ pool: inout FramePool,
        _ frame: FrameReference,
        _ message: BPDU,
        _ address: MACAddress
    ) {
        var bytes = pool.mutableBytes(frame)
        message.emit(from: address, into: &bytes)
    }

    /// Tells the control thread what the bridge has to say.
    mutating func postNews() {
        if let suspicion = bridge.loops.takeSuspicion() { mailbox.post(.loopSuspected(suspicion)) }
    }
}
