// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem
public import PacketFilter

/// What the ports of a switch do besides forwarding, as the control thread knows it. It belongs to the number: whatever is
/// plugged in there, now or later, meets it.
public final class SwitchHooks {
    public struct Mirror: Sendable {
        public let source: Int
        public let isInbound: Bool
        public let destination: Int
        /// The filter in its user's words, empty for none.
        public let filter: String
        let slot: Int
    }

    /// One direction of a port.
    public struct Way: Hashable, Sendable {
        public let port: Int
        public let isInbound: Bool

        public init(port: Int, isInbound: Bool) {
            self.port = port
            self.isInbound = isInbound
        }
    }

    public struct Rate: Sendable, Equatable {
        public var bitsPerSecond: UInt64
        /// 0 for any number.
        public var framesPerSecond: UInt64

        public init(bitsPerSecond: UInt64, framesPerSecond: UInt64) {
            self.bitsPerSecond = bitsPerSecond
            self.framesPerSecond = framesPerSecond
        }
    }

    private unowned let owner: Switch
    public private(set) var impairments: [Way: ImpairmentSettings] = [:]
    public private(set) var rates: [Way: Rate] = [:]
    public private(set) var mirrors: [Mirror] = []
    public private(set) var monitors: Set<Int> = []
    /// Frames a second that a port may send to all others; ports that are not named have `floodLimit`.
    public private(set) var floodLimits: [Int: UInt64] = [:]
    /// What every port may flood that has no limit of its own; nil: any number.
    public private(set) var floodLimit: UInt64?
    /// The ports that were last seen to be joined by a loop.
    public internal(set) var lastLoop: LoopWatch.Suspicion?

    init(_ owner: Switch) { self.owner = owner }

    private var dataPlane: DataPlane { owner.dataPlane }

    /// Impairs one direction; nil: no more. EINVAL for a number that no port can have, as of all of these.
    public func setImpairment(_ way: Way, _ settings: ImpairmentSettings?) throws(Errno) {
        try owner.checkRange(way.port)
        impairments[way] = settings
        dataPlane.setImpairment(
            port: way.port,
            isInbound: way.isInbound,
            settings,
            seed: CurrentProcess.random()
        )
    }

    /// Begins the random numbers of a direction anew. ENOENT when it is not impaired.
    public func setSeed(_ way: Way, _ seed: UInt64) throws(Errno) {
        try owner.checkRange(way.port)
        guard impairments[way] != nil else { throw .noEntry }
        dataPlane.setSeed(port: way.port, isInbound: way.isInbound, seed)
    }

    /// Limits one direction; zeroes: no more.
    public func setRate(_ way: Way, _ rate: Rate) throws(Errno) {
        try owner.checkRange(way.port)
        rates[way] = rate.bitsPerSecond == 0 && rate.framesPerSecond == 0 ? nil : rate
        dataPlane.setRate(
            port: way.port,
            isInbound: way.isInbound,
            bitsPerSecond: rate.bitsPerSecond,
            framesPerSecond: rate.framesPerSecond
        )
    }

    /// Shows directions of ports to another port too, all of them or, when one cannot be, none. EINVAL for a port's mirror in
    /// itself, EEXIST for one that is there, ENOSPC when there are too many.
    public func addMirrors(_ ways: [Way], to destination: Int, filter: FilterProgram?, text: String) throws(Errno) {
        try owner.checkRange(destination)
        for way in ways {
            try owner.checkRange(way.port)
            guard way.port != destination else { throw .invalid }
            let isThere = mirrors.contains {
                $0.source == way.port && $0.isInbound == way.isInbound && $0.destination == destination
            }
            guard !isThere else { throw .exists }
        }
        let used = Set(mirrors.map(\.slot))
        let free = (0..<DataPlane.mirrorCapacity).filter { !used.contains($0) }
        guard free.count >= ways.count else { throw Errno(rawValue: 28) }  // ENOSPC
        for (way, slot) in zip(ways, free) {
            mirrors.append(
                Mirror(
                    source: way.port,
                    isInbound: way.isInbound,
                    destination: destination,
                    filter: text,
                    slot: slot
                )
            )
            dataPlane.setMirror(
                slot: slot,
                source: way.port,
                isInbound: way.isInbound,
                destination: destination,
                filter: filter
            )
        }
    }

    /// Ends all mirrors of a port. ENOENT when there is none.
    public func removeMirrors(of port: Int) throws(Errno) {
        try owner.checkRange(port)
        let ending = mirrors.filter { $0.source == port }
        guard !ending.isEmpty else { throw .noEntry }
        for mirror in ending { dataPlane.removeMirror(slot: mirror.slot) }
        mirrors.removeAll { $0.source == port }
    }

    /// Limits what a port may send to all others in a second, 0 for no limit; nil for every port, as far as it has no limit of
    /// its own.
    public func setFloodLimit(port: Int?, framesPerSecond: UInt64) throws(Errno) {
        if let port {
            try owner.checkRange(port)
            floodLimits[port] = framesPerSecond
            dataPlane.setFloodLimit(port: port, framesPerSecond: framesPerSecond == 0 ? nil : framesPerSecond)
            return
        }
        floodLimit = framesPerSecond == 0 ? nil : framesPerSecond
        dataPlane.setFloodLimit(port: nil, framesPerSecond: floodLimit)
        for (port, limit) in floodLimits {
            dataPlane.setFloodLimit(port: port, framesPerSecond: limit == 0 ? nil : limit)
        }
    }

    /// A monitor port gets mirrored frames only, and what is sent there goes nowhere.
    public func setMonitor(_ port: Int, _ isOn: Bool) throws(Errno) {
        try owner.checkRange(port)
        if isOn { monitors.insert(port) } else { monitors.remove(port) }
        dataPlane.setMonitor(port: port, isOn)
    }

    /// Ends what a number's port did: whoever gets the number next shall not meet it.
    func forget(port: Int) {
        for isInbound in [true, false] {
            let way = Way(port: port, isInbound: isInbound)
            if impairments[way] != nil { try? setImpairment(way, nil) }
            if rates[way] != nil { try? setRate(way, Rate(bitsPerSecond: 0, framesPerSecond: 0)) }
        }
        if monitors.contains(port) { try? setMonitor(port, false) }
        if mirrors.contains(where: { $0.source == port }) { try? removeMirrors(of: port) }
        if floodLimits.removeValue(forKey: port) != nil {
            dataPlane.setFloodLimit(port: port, framesPerSecond: floodLimit)
        }
    }
}
