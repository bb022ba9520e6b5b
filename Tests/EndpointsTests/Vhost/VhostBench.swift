// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestSupport

/// A device with a pretended guest, without any monitor between them.
final class VhostBench {
    let rings: GuestRings
    let answer = VhostAnswer()
    let kicks: [VhostFrontEnd.EventFDBox]
    let calls: [VhostFrontEnd.EventFDBox]
    private let holder: Holder
    var bench = EndpointBench()

    private final class Holder {
        let endpoint: Endpoint
        init(_ endpoint: consuming Endpoint) { self.endpoint = endpoint }
    }

    static let usual: VirtioFeatures = [
        .version1, .mergeableBuffers, .indirectDescriptors, .eventIndex, .guestChecksum, .guestTSO4, .guestTSO6,
        .guestECN,
    ]

    init(features: VirtioFeatures = VhostBench.usual, size: Int = 256, isStarted: Bool = true) throws {
        rings = try GuestRings(size: size)
        kicks = [try .init(), try .init()]
        calls = [try .init(), try .init()]
        holder = Holder(.vhost(try VhostEndpoint(answer: answer)))
        apply(.features(features))
        try shareMemory()
        if isStarted { for ring in 0..<2 { try start(ring) } }
    }

    func apply(_ change: consuming VhostChange) { holder.endpoint.apply(.vhost(change)) }

    func shareMemory(_ region: GuestMemory.Region = GuestRings.region) throws {
        var memory = GuestMemory()
        try memory.add(region, rings.file)
        apply(.memory(memory))
    }

    func start(_ ring: Int, base: UInt16 = 0, isEnabled: Bool = true, inflight: consuming OwnedDescriptor? = nil) throws
    {
        var notes: GuestMemory?
        if let inflight {
            var memory = GuestMemory()
            let size = VhostRingSetup.inflightByteCount(queueSize: rings.size)
            let region = GuestMemory.Region(guestAddress: 0, byteCount: UInt64(size), userAddress: 0, fileOffset: 0)
            try memory.add(region, inflight)
            notes = consume memory
        }
        apply(
            .start(
                VhostRingSetup(
                    ring: ring,
                    size: rings.size,
                    address: VhostRingAddress(
                        descriptors: rings.user(rings.descriptorsOffset(ring)),
                        used: rings.user(rings.usedOffset(ring)),
                        available: rings.user(rings.availableOffset(ring))
                    ),
                    base: base,
                    isEnabled: isEnabled,
                    kick: OwnedDescriptor(adopting: dup(kicks[ring].event.rawDescriptor)),
                    call: OwnedDescriptor(adopting: dup(calls[ring].event.rawDescriptor)),
                    inflight: notes
                )
            )
        )
        calls[ring].event.drain()
    }

    func stop(_ ring: Int) -> UInt16 {
        apply(.stop(ring: ring))
        return answer.base
    }

    func setCarrier(_ isOn: Bool) { holder.endpoint.apply(.carrier(isOn)) }

    func receive() -> Endpoint.ReceiveResult { bench.receive(holder.endpoint) }
    func send(from first: Int = 0) -> Endpoint.SendResult { bench.send(holder.endpoint, from: first) }
    func interest(_ channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        holder.endpoint.interest(channel: channel, isRead: isRead, isBlocked: isBlocked)
    }
    func takeInterestChange() -> Bool { holder.endpoint.takeInterestChange() }
    func takeNotice() -> EndpointNotice? { holder.endpoint.takeNotice() }
    var capabilities: PortCapabilities { holder.endpoint.capabilities }

    /// The fault that the device has to tell, if any.
    func takeFault() -> VhostFault? {
        guard let notice = takeNotice(), notice.kind == .ringBroken else { return nil }
        return VhostFault(rawValue: notice.value & 0xff)
    }
}
