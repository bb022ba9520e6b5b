// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Wire

/// A request of a virtual machine's monitor to its network device, as the vhost-user protocol has them ("Front-end message
/// types" of its specification).
///
/// A message is a header of three little-endian words (request, flags, size of the payload) and the payload; descriptors
/// come beside it. `parse` believes nothing: sizes must be exactly what the request needs, counts are bounded.
public enum VhostMessage: Sendable, Equatable {
    case getFeatures
    case setFeatures(VirtioFeatures)
    case setOwner
    case resetOwner
    case setMemoryTable([GuestMemory.Region])
    case setLogBase
    case setLogDescriptor
    case setRingSize(ring: Int, Int)
    case setRingAddress(ring: Int, VhostRingAddress)
    case setRingBase(ring: Int, UInt16)
    case getRingBase(ring: Int)
    /// Comes with an eventfd, unless the monitor wants the ring polled or silent.
    case setRingKick(ring: Int, hasDescriptor: Bool)
    case setRingCall(ring: Int, hasDescriptor: Bool)
    case setRingError(ring: Int, hasDescriptor: Bool)
    case getProtocolFeatures
    case setProtocolFeatures(VhostProtocolFeatures)
    case getQueueCount
    case enableRing(ring: Int, Bool)
    case setBackendChannel
    case getConfiguration(VhostConfigurationRange)
    case setConfiguration(VhostConfigurationRange)
    case getInflight(VhostInflight)
    case setInflight(VhostInflight)
    case resetDevice
    case setStatus(UInt8)
    case getStatus

    /// Most bytes of a payload: that of the configuration space, with room.
    public static var maximumPayloadByteCount: Int { 512 }
    /// A network device without control queue and without queue pairs: receive is ring 0, transmit is ring 1.
    public static var ringCount: Int { 2 }

    /// Reads the payload of a request.
    public static func parse(request: UInt32, payload: Span<UInt8>) throws(VhostProtocolError) -> VhostMessage {
        guard let request = VhostRequest(rawValue: request) else { throw .unknownRequest(request) }
        let reader = VhostPayload(request: request, bytes: payload)
        switch request {
        case .getFeatures: return .getFeatures
        case .setFeatures: return .setFeatures(VirtioFeatures(rawValue: try reader.word()))
        case .setOwner: return .setOwner
        case .resetOwner: return .resetOwner
        case .setMemoryTable: return .setMemoryTable(try reader.memoryTable())
        case .setLogBase: return .setLogBase
        case .setLogDescriptor: return .setLogDescriptor
        case .setRingSize:
            let (ring, size) = try reader.ringState()
            // virtio 1.2, 2.7: a power of two, at most 32,768.
            guard size > 0, size <= 32_768, size & (size - 1) == 0 else { throw .badValue(request) }
            return .setRingSize(ring: ring, Int(size))
        case .setRingAddress: return try reader.ringAddress()
        case .setRingBase:
            let (ring, base) = try reader.ringState()
            guard base <= 0xffff else { throw .badValue(request) }
            return .setRingBase(ring: ring, UInt16(base))
        case .getRingBase: return .getRingBase(ring: try reader.ringState().ring)
        case .setRingKick:
            let (ring, hasDescriptor) = try reader.ringDescriptor()
            return .setRingKick(ring: ring, hasDescriptor: hasDescriptor)
        case .setRingCall:
            let (ring, hasDescriptor) = try reader.ringDescriptor()
            return .setRingCall(ring: ring, hasDescriptor: hasDescriptor)
        case .setRingError:
            let (ring, hasDescriptor) = try reader.ringDescriptor()
            return .setRingError(ring: ring, hasDescriptor: hasDescriptor)
        case .getProtocolFeatures: return .getProtocolFeatures
        case .setProtocolFeatures:
            return .setProtocolFeatures(VhostProtocolFeatures(rawValue: try reader.word()))
        case .getQueueCount: return .getQueueCount
        case .enableRing:
            let (ring, value) = try reader.ringState()
            guard value <= 1 else { throw .badValue(request) }
            return .enableRing(ring: ring, value == 1)
        case .setBackendChannel: return .setBackendChannel
        case .getConfiguration: return .getConfiguration(try reader.configuration())
        case .setConfiguration: return .setConfiguration(try reader.configuration())
        case .getInflight: return .getInflight(try reader.inflight())
        case .setInflight: return .setInflight(try reader.inflight())
        case .resetDevice: return .resetDevice
        case .setStatus: return .setStatus(UInt8(truncatingIfNeeded: try reader.word()))
        case .getStatus: return .getStatus
        }
    }
}

/// Numbers of the requests that this device knows.
public enum VhostRequest: UInt32, Sendable, CaseIterable {
    case getFeatures = 1
    case setFeatures = 2
    case setOwner = 3
    case resetOwner = 4
    case setMemoryTable = 5
    case setLogBase = 6
    case setLogDescriptor = 7
    case setRingSize = 8
    case setRingAddress = 9
    case setRingBase = 10
    case getRingBase = 11
    case setRingKick = 12
    case setRingCall = 13
    case setRingError = 14
    case getProtocolFeatures = 15
    case setProtocolFeatures = 16
    case getQueueCount = 17
    case enableRing = 18
    case setBackendChannel = 21
    case getConfiguration = 24
    case setConfiguration = 25
    case getInflight = 31
    case setInflight = 32
    case resetDevice = 34
    case setStatus = 39
    case getStatus = 40
}

/// Why a message was not understood. The connection cannot go on after most of them.
public enum VhostProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
    case badVersion(UInt32)
    case tooLarge(UInt32)
    case unknownRequest(UInt32)
    case badSize(VhostRequest, Int)
    case badValue(VhostRequest)

    public var description: String {
        switch self {
        case .badVersion(let flags): "protocol version \(flags & 3), not 1: this is not vhost-user"
        case .tooLarge(let size):
            "a message of \(size) bytes; at most \(VhostMessage.maximumPayloadByteCount) make sense"
        case .unknownRequest(let number): "request \(number), which was not offered"
        case .badSize(let request, let size): "\(request) with \(size) bytes"
        case .badValue(let request): "\(request) with a value out of range"
        }
    }
}
