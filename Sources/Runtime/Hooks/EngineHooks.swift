// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// What an engine keeps for ports that do more than forward: captures, mirrors, rate limits, impairments.
struct EngineHooks: ~Copyable {
    /// By port.
    var features: RigidTable<HookFeatures>
    /// Two for each port, what comes in first; none at all before the first one is wanted.
    var shapers = RigidTable<Shaper>(count: 0) { _ in Shaper() }
    var isClosed: RigidTable<Bool>
    var captures: RigidTable<CaptureTap?>
    var mirrors: RigidTable<MirrorRule>
    /// Policies, and which of them a direction of a port has (-1: none); as the shapers, none before the first one is wanted.
    var policies = RigidTable<PolicyTable?>(count: 0) { _ in nil }
    var policyOf = RigidTable<Int32>(count: 0) { _ in -1 }
    /// What becomes of the tags of what comes in, by port.
    var tags: RigidTable<TagTable?>

    /// Frames that wait for their time, and senders.
    var waiting = TimedQueue<WaitingFrame>(capacity: EngineHooks.waitingCapacity)
    /// What the timer is set to.
    var armedDeadline: UInt64 = .max

    // Each direction has its own: a burst that comes in may leave through an impaired port while it is worked on.

    /// The burst as it came in, and the frames of `staged` while others stand there.
    var incoming = FrameBurst(capacity: Engine.burstCapacity)
    var outgoing = FrameBurst(capacity: Engine.burstCapacity)
    /// The same as ordinary frames: cut, and with full checksums.
    var ordinaryIn = FrameBurst(capacity: 2048)
    var ordinaryOut = FrameBurst(capacity: 2048)
    /// Those that leave at once.
    var through = FrameBurst(capacity: 2048)
    /// Frames of `staged` as they were before a policy decided.
    var judged = FrameBurst(capacity: Engine.burstCapacity)
    /// The frames that a client is offered, while those that it wants stand in their place.
    var offered = FrameBurst(capacity: Engine.burstCapacity)
    /// What is mirrored.
    var mirrored = FrameBurst(capacity: Engine.burstCapacity)

    static var captureCapacity: Int { 16 }
    static var mirrorCapacity: Int { 64 }
    /// Frames in all impaired wires of a process: more than there are small slots to wait in, of a switch and of a wire.
    static var waitingCapacity: Int { 65_536 }
    /// Most frames that leave the queue before the loop looks at its descriptors again.
    static var turnFrameCount: Int { 512 }

    init(portCount: Int) {
        features = RigidTable(count: portCount) { _ in [] }
        isClosed = RigidTable(count: portCount) { _ in false }
        captures = RigidTable(count: Self.captureCapacity) { _ in nil }
        mirrors = RigidTable(count: Self.mirrorCapacity) { _ in MirrorRule() }
        tags = RigidTable(count: portCount) { _ in nil }
    }

    static func shaper(port: Int, isInbound: Bool) -> Int { 2 * port + (isInbound ? 0 : 1) }

    /// The policy of one direction of a port, -1 for none.
    func policy(port: Int, isInbound: Bool) -> Int {
        policyOf.count == 0 ? -1 : Int(policyOf[Self.shaper(port: port, isInbound: isInbound)])
    }

    /// Nil: no policy.
    private func judgesWhole(port: Int, isInbound: Bool) -> Bool? {
        let slot = policy(port: port, isInbound: isInbound)
        if slot < 0 { return nil }
        // A slot without a policy lets nothing pass.
        return policies[slot]?.judgesWhole() != false
    }

    /// What a port does, from all tables.
    func computeFeatures(port: Int) -> HookFeatures {
        var features: HookFeatures = []
        if tags[port] != nil { features.insert(.tagIn) }
        if isClosed[port] { features.formUnion([.closedIn, .closedOut]) }
        if shapers.count > 0 {
            if !shapers[Self.shaper(port: port, isInbound: true)].isEmpty { features.insert(.shapeIn) }
            if !shapers[Self.shaper(port: port, isInbound: false)].isEmpty { features.insert(.shapeOut) }
        }
        if let isWhole = judgesWhole(port: port, isInbound: true) {
            features.formUnion(isWhole ? .judgeIn : [.judgeSegmentsIn, .shapeIn])
        }
        if let isWhole = judgesWhole(port: port, isInbound: false) {
            features.formUnion(isWhole ? .judgeOut : [.judgeSegmentsOut, .shapeOut])
        }
        for slot in 0..<Self.captureCapacity {
            if captures[slot]?.wants(port: port, isInbound: true) == true { features.insert(.captureIn) }
            if captures[slot]?.wants(port: port, isInbound: false) == true { features.insert(.captureOut) }
        }
        for slot in 0..<Self.mirrorCapacity {
            if mirrors[slot].applies(port: port, isInbound: true) { features.insert(.mirrorIn) }
            if mirrors[slot].applies(port: port, isInbound: false) { features.insert(.mirrorOut) }
        }
        return features
    }
}

/// What the control thread changes of hooks.
enum HookChange: Sendable {
    /// Nil: none any more. What is in the wire arrives nevertheless. Other settings keep chance and queues going.
    case impairment(port: Int, isInbound: Bool, ImpairmentSettings?, seed: UInt64)
    /// Asks what waits.
    case query(port: Int, isInbound: Bool, ImpairmentQuery)
    /// Chance begins anew.
    case seed(port: Int, isInbound: Bool, UInt64)
    case rate(port: Int, isInbound: Bool, bitsPerSecond: UInt64, framesPerSecond: UInt64)
    case mirror(slot: Int, Box<MirrorRule>?)
    case capture(slot: Int, Box<CaptureTap>?)
    /// A monitor port: nothing is forwarded from it, and nothing but mirrored frames to it.
    case monitor(port: Int, Bool)
    /// Policies change: all of the list before the next frame.
    case policies([PolicyChange])
    /// VLAN tags are translated as they come in; nil: no more.
    case tags(port: Int, Box<TagTable>?)
}

/// What the control thread changes of policies.
enum PolicyChange: Sendable {
    /// What a slot holds; nil: nothing. Ports that have the slot meet what it holds from now on.
    case table(slot: Int, Box<PolicyTable>?)
    /// Which slot a direction of a port has; -1: none.
    case port(Int, isInbound: Bool, slot: Int)
}
