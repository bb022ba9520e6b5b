// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Decides where a frame goes: a transparent learning bridge (IEEE 802.1Q clause 8), or a hub.
///
/// # Theory of operation
///
/// For each frame the bridge learns the source address on the port of arrival and looks the destination up. The answer is a
/// port, "flood" (all other ports), or "discard" (the destination is on the same port). Group addresses always flood,
/// the IEEE-reserved ones (01:80:c2:00:00:0x) included: by default the bridge is a wire with memory, through which LLDP, LACP
/// and spanning tree of the guests pass. Tagged frames pass unchanged; their VLAN is part of the key, so that the same
/// address may live on different ports in different VLANs. In hub mode every frame floods and nothing is learned. Once a
/// port is configured for VLANs, or a spanning tree runs, `place` decides instead of `classify`.
///
/// The bridge holds no frame, no descriptor and no list of ports: whoever owns the ports carries the verdict out. Time comes
/// with each call, in seconds.
public struct Bridge: ~Copyable {
    /// Where a frame goes.
    @frozen
    public enum Verdict: Equatable, Sendable {
        case forward(port: Int)
        case flood
        case discard(DropCause)
    }

    public var forwarding: ForwardingDatabase
    /// Every frame to every other port, as a hub does.
    public var isHub = false
    /// Moves refused because the address was just seen elsewhere.
    public private(set) var heldMoves: UInt64 = 0
    public var vlans: VLANTable
    public var loops = LoopWatch()
    /// What the spanning tree lets each port do.
    public var states: PortStates

    public init(forwarding: consuming ForwardingDatabase) {
        self.init(forwarding: forwarding, vlans: VLANTable(portCount: Tunables.maximumPortCount))
    }

    public init(forwarding: consuming ForwardingDatabase, vlans: consuming VLANTable) {
        let states = PortStates(portCount: vlans.portCount)
        self.init(forwarding: forwarding, vlans: vlans, states: states)
    }

    public init(
        forwarding: consuming ForwardingDatabase,
        vlans: consuming VLANTable,
        states: consuming PortStates
    ) {
        self.forwarding = forwarding
        self.vlans = vlans
        self.states = states
    }

    @inline(__always)
    mutating func learn(_ source: MACAddress, vlan: UInt16, port: Int, now: UInt16) {
        switch forwarding.learn(source, vlan: vlan, port: port, now: now) {
        case .known, .new: break
        case .held:
            heldMoves &+= 1
            loops.note(source, vlan: vlan, from: forwarding.conflictingPort, to: port, now: now)
        case .moved: loops.note(source, vlan: vlan, from: forwarding.conflictingPort, to: port, now: now)
        }
    }

    /// A loop was seen.
    @inline(__always)
    public var hasNews: Bool { loops.hasSuspicion }

    /// Learns from and decides about one frame that came in on `port`.
    ///
    /// - Parameter now: seconds, modulo 2^16.
    public mutating func classify(_ bytes: Span<UInt8>, port: Int, now: UInt16) -> Verdict {
        guard let frame = EthernetFrame(bytes) else { return .discard(.runt) }
        if isHub { return .flood }
        let vlan = frame.vlanIdentifier ?? 0
        let source = frame.source
        if !source.isMulticast { learn(source, vlan: vlan, port: port, now: now) }
        let destination = frame.destination
        if destination.isMulticast { return .flood }
        guard let target = forwarding.lookUp(destination, vlan: vlan, now: now) else { return .flood }
        return target == port ? .discard(.sameSegment) : .forward(port: target)
    }
}
