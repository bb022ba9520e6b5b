// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// The bridge's decisions once VLANs are configured or a spanning tree runs.
extension Bridge {
    /// Where a frame goes and in which VLAN it is.
    public struct Placement: Sendable, Equatable {
        public var verdict: Verdict
        /// The VLAN it is in: named by its tag, or the untagged one of its port.
        public var vlan: UInt16 = 0
        /// It carries a tag that names, or is to name, its VLAN.
        public var isTagged = false
        /// The tag names VLAN 0, a mere priority: the VLAN's number is to be written into it.
        public var namesVLAN = false
        /// A protocol frame of the spanning tree, which is for the bridge itself.
        public var isForBridge = false
    }

    /// Frames pass as they are and by their addresses alone: `classify` decides. Else `place` does.
    @inline(__always)
    public var isTransparent: Bool { vlans.isTransparent && !states.isOn }

    /// The VLAN by whose tree a frame goes.
    @inline(__always)
    public func treeVLAN(_ vlan: UInt16) -> UInt16 { vlans.isManaged(vlan) ? vlan : 0 }

    /// Learns from and decides about one frame that came in on `port`, by VLAN and port state.
    public mutating func place(_ bytes: Span<UInt8>, port: Int, now: UInt16) -> Placement {
        guard let frame = EthernetFrame(bytes) else { return Placement(verdict: .discard(.runt)) }
        var placement = locate(frame, port: port)
        if placement.verdict != .flood { return placement }
        let destination = frame.destination
        let tree = treeVLAN(placement.vlan)
        if isForBridge(destination, placement) {
            placement.isForBridge = true
            return placement
        }
        guard states.learns(port: port, vlan: tree) else {
            placement.verdict = .discard(.portBlocked)
            return placement
        }
        if !isHub, !frame.source.isMulticast { learn(frame.source, vlan: placement.vlan, port: port, now: now) }
        if !states.forwards(port: port, vlan: tree) {
            placement.verdict = .discard(.portBlocked)
        } else if !isHub, !destination.isMulticast,
            let target = forwarding.lookUp(destination, vlan: placement.vlan, now: now)
        {
            placement.verdict = target == port ? .discard(.sameSegment) : .forward(port: target)
        }
        return placement
    }

    /// Whether a frame that came in on `port` is a protocol frame that a spanning tree of ours takes.
    public func isForBridge(_ bytes: Span<UInt8>, port: Int) -> Bool {
        guard states.isOn, let frame = EthernetFrame(bytes) else { return false }
        let placement = locate(frame, port: port)
        return placement.verdict == .flood && isForBridge(frame.destination, placement)
    }

    @inline(__always)
    private func isForBridge(_ destination: MACAddress, _ placement: Placement) -> Bool {
        // Those of a VLAN that nobody manages are as foreign as its other frames.
        states.isOn && destination == .spanningTree && treeVLAN(placement.vlan) == placement.vlan
    }

    /// The VLAN that a frame is in, with the verdict `flood`; or why it is in none.
    @inline(__always)
    private func locate(_ frame: EthernetFrame, port: Int) -> Placement {
        var placement = Placement(verdict: .flood)
        let untagged = vlans.untaggedVLAN(port: port)
        if let named = frame.vlanIdentifier, named != 0 || vlans.isTagged(port: port, 0) {
            guard named != VLANTable.none, vlans.membership(port: port, named) != .none else {
                return Placement(verdict: .discard(.wrongVLAN), vlan: named)
            }
            placement.vlan = named
            placement.isTagged = true
        } else {
            guard untagged != VLANTable.none else {
                return Placement(verdict: .discard(.wrongVLAN), vlan: VLANTable.none)
            }
            placement.vlan = untagged
            // A mere priority tag in VLAN 0 stays as it is: nothing would be gained by taking it off.
            placement.namesVLAN = untagged != 0 && frame.vlanIdentifier == 0
            placement.isTagged = placement.namesVLAN
        }
        return placement
    }

    /// How a frame of a VLAN leaves a port.
    @inline(__always)
    public func egress(port: Int, vlan: UInt16) -> VLANTable.Membership {
        guard states.forwards(port: port, vlan: treeVLAN(vlan)) else { return .none }
        return vlans.membership(port: port, vlan)
    }
}
