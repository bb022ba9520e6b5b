// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem

/// Where ports are that are plugged into no segment. They are read from, so that what a guest's kernel still sends does not
/// come out elsewhere later; it goes nowhere, and is counted. Nothing is sent to them.
final class FabricLot {
    let element: Switch

    init(loop: ControlLoop, log: @escaping (String) -> Void) throws(Errno) {
        var configuration = EngineConfiguration(portCount: Tunables.maximumPortCount, isHub: true)
        configuration.smallSlotCount = 1024
        configuration.largeSlotCount = 128
        var options = SwitchOptions(directory: "")
        options.portCount = configuration.portCount - 1
        options.isHub = true
        element = try Switch(options: options, loop: loop, dataPlane: try DataPlane(configuration: configuration))
        element.log = log
        element.willAttach = { [unowned element] (number) throws(AttachRefusal) in
            // A monitor hears nobody, and nobody hears it.
            try? element.hooks.setMonitor(number, true)
        }
    }

    /// Nobody is on this number any more: the next one begins to count anew.
    func release(port number: Int) { try? element.removePort(number) }

    var hasRoom: Bool { element.dataPlane.hasRoom(for: 1) }
}

/// What has passed a port of a fabric. What comes in is from the port's client.
struct FabricCounters: Equatable {
    var frames = PortCounters()
    var drops: [DropCause: UInt64] = [:]

    init() {}

    /// What a table says of a port, and of one endpoint there.
    init(_ table: PortTable, port: Int, place: Int?, isParked: Bool) {
        let counted = table.counters(port: port)
        if isParked {
            // What it sends there has no way to go: some endpoints see to that by themselves.
            let dropped = place.map { table.drops(endpoint: $0, .noCarrier) } ?? 0
            if counted.inFrames + dropped > 0 { drops[.noCarrier] = counted.inFrames + dropped }
            return
        }
        frames = counted
        guard let place else { return }
        for cause in DropCause.allCases {
            let count = table.drops(endpoint: place, cause)
            if count > 0 { drops[cause] = count }
        }
    }

    static func += (sum: inout FabricCounters, other: FabricCounters) {
        sum.frames.inFrames += other.frames.inFrames
        sum.frames.inBytes += other.frames.inBytes
        sum.frames.outFrames += other.frames.outFrames
        sum.frames.outBytes += other.frames.outBytes
        sum.drops.merge(other.drops, uniquingKeysWith: +)
    }

    /// `rx-frames=… rx-bytes=… tx-frames=… tx-bytes=… drop.CAUSE=…`.
    var words: [String] {
        var words = [
            "rx-frames=\(frames.inFrames)", "rx-bytes=\(frames.inBytes)", "tx-frames=\(frames.outFrames)",
            "tx-bytes=\(frames.outBytes)",
        ]
        for cause in DropCause.allCases {
            if let count = drops[cause], count > 0 { words.append("drop.\(cause)=\(count)") }
        }
        return words
    }
}
