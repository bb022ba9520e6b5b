// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane

/// What a network device and its driver agree upon: virtio 1.2, sections 5.1.3 and 6, and the bit that vhost-user adds.
@frozen
public struct VirtioFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(bit: UInt64) { rawValue = 1 << bit }

    /// The device takes frames whose checksum is still to be summed.
    public static var checksum: VirtioFeatures { VirtioFeatures(bit: 0) }
    /// The driver takes such frames.
    public static var guestChecksum: VirtioFeatures { VirtioFeatures(bit: 1) }
    /// The configuration says how large packets may be.
    public static var mtu: VirtioFeatures { VirtioFeatures(bit: 3) }
    /// The configuration has the interface's address.
    public static var address: VirtioFeatures { VirtioFeatures(bit: 5) }
    public static var guestTSO4: VirtioFeatures { VirtioFeatures(bit: 7) }
    public static var guestTSO6: VirtioFeatures { VirtioFeatures(bit: 8) }
    public static var guestECN: VirtioFeatures { VirtioFeatures(bit: 9) }
    public static var hostTSO4: VirtioFeatures { VirtioFeatures(bit: 11) }
    public static var hostTSO6: VirtioFeatures { VirtioFeatures(bit: 12) }
    public static var hostECN: VirtioFeatures { VirtioFeatures(bit: 13) }
    /// A frame may be spread over several of the driver's receive buffers.
    public static var mergeableBuffers: VirtioFeatures { VirtioFeatures(bit: 15) }
    /// The configuration says whether the cable is there.
    public static var status: VirtioFeatures { VirtioFeatures(bit: 16) }
    public static var indirectDescriptors: VirtioFeatures { VirtioFeatures(bit: 28) }
    public static var eventIndex: VirtioFeatures { VirtioFeatures(bit: 29) }
    /// vhost-user: there are protocol features to agree upon, and rings start disabled.
    public static var protocolFeatures: VirtioFeatures { VirtioFeatures(bit: 30) }
    public static var version1: VirtioFeatures { VirtioFeatures(bit: 32) }
    public static var guestUSO4: VirtioFeatures { VirtioFeatures(bit: 54) }
    public static var guestUSO6: VirtioFeatures { VirtioFeatures(bit: 55) }
    public static var hostUSO: VirtioFeatures { VirtioFeatures(bit: 56) }
    public static var speedDuplex: VirtioFeatures { VirtioFeatures(bit: 63) }

    /// What this device offers. An address and an MTU are added when they were configured.
    public static var offered: VirtioFeatures {
        [
            .checksum, .guestChecksum, .guestTSO4, .guestTSO6, .guestECN, .hostTSO4, .hostTSO6, .hostECN,
            .mergeableBuffers, .status, .indirectDescriptors, .eventIndex, .protocolFeatures, .version1,
            .guestUSO4, .guestUSO6, .hostUSO, .speedDuplex,
        ]
    }

    /// Bytes of the header before every frame: 5.1.6.1, with or without the count of merged buffers.
    public var headerByteCount: Int { isDisjoint(with: [.version1, .mergeableBuffers]) ? 10 : 12 }

    /// What frames the driver takes as they are.
    public var capabilities: PortCapabilities {
        var capabilities: PortCapabilities = .header
        guard contains(.guestChecksum) else { return capabilities }
        capabilities.insert(.checksum)
        if contains(.guestTSO4) { capabilities.insert(.tso4) }
        if contains(.guestTSO6) { capabilities.insert(.tso6) }
        if contains([.guestUSO4, .guestUSO6]) { capabilities.insert(.uso) }
        return capabilities
    }
}

/// What the two ends of a vhost-user connection agree upon beside the device's own features.
@frozen
public struct VhostProtocolFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(bit: UInt64) { rawValue = 1 << bit }

    /// The number of queues may be asked for.
    public static var multipleQueues: VhostProtocolFeatures { VhostProtocolFeatures(bit: 0) }
    /// Any message may ask for an answer.
    public static var replyAcknowledged: VhostProtocolFeatures { VhostProtocolFeatures(bit: 3) }
    /// There is a channel for requests of the device.
    public static var backendRequests: VhostProtocolFeatures { VhostProtocolFeatures(bit: 5) }
    /// The device has the configuration space.
    public static var configuration: VhostProtocolFeatures { VhostProtocolFeatures(bit: 9) }
    /// Requests of the device may carry descriptors.
    public static var backendSendsDescriptors: VhostProtocolFeatures { VhostProtocolFeatures(bit: 10) }
    /// What is being worked on is noted in memory that outlives the device's process.
    public static var inflight: VhostProtocolFeatures { VhostProtocolFeatures(bit: 12) }
    public static var resetDevice: VhostProtocolFeatures { VhostProtocolFeatures(bit: 13) }
    /// The driver's device status is passed on.
    public static var status: VhostProtocolFeatures { VhostProtocolFeatures(bit: 16) }

    /// What we offer. Not `multipleQueues`: there is one pair, and monitors disagree whether the number is one of queues (User
    /// Mode Linux) or of pairs (QEMU).
    public static var offered: VhostProtocolFeatures {
        [
            .replyAcknowledged, .backendRequests, .configuration, .backendSendsDescriptors, .inflight,
            .resetDevice, .status,
        ]
    }
}
