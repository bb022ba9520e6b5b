// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

/// Where the three parts of a ring are, as addresses of the monitor.
public struct VhostRingAddress: Sendable, Equatable {
    public var descriptors: UInt64
    public var used: UInt64
    public var available: UInt64

    public init(descriptors: UInt64, used: UInt64, available: UInt64) {
        self.descriptors = descriptors
        self.used = used
        self.available = available
    }
}

/// A part of the configuration space.
public struct VhostConfigurationRange: Sendable, Equatable {
    public var offset: Int
    public var byteCount: Int
}

/// The memory in which work in progress is noted.
public struct VhostInflight: Sendable, Equatable {
    public var byteCount: UInt64
    public var fileOffset: UInt64
    public var queueCount: Int
    public var queueSize: Int
    /// Size of the payload as this monitor has it: with or without padding.
    public var payloadByteCount: Int
}

/// Reads the payloads of requests.
struct VhostPayload: ~Escapable {
    let request: VhostRequest
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(request: VhostRequest, bytes: Span<UInt8>) {
        self.request = request
        self.bytes = bytes
    }

    private func uint32(_ offset: Int) -> UInt32 { bytes.readLittleEndianUInt32(at: offset) }

    private func uint64(_ offset: Int) -> UInt64 { bytes.readLittleEndianUInt64(at: offset) }

    private func require(_ count: Int) throws(VhostProtocolError) {
        guard bytes.count == count else { throw .badSize(request, bytes.count) }
    }

    private func ring(_ number: UInt32) throws(VhostProtocolError) -> Int {
        guard number < UInt32(VhostMessage.ringCount) else { throw .badValue(request) }
        return Int(number)
    }

    func word() throws(VhostProtocolError) -> UInt64 {
        try require(8)
        return uint64(0)
    }

    func ringState() throws(VhostProtocolError) -> (ring: Int, value: UInt32) {
        try require(8)
        return (try ring(uint32(0)), uint32(4))
    }

    /// Bits 0 to 7 are the ring, bit 8 says that no descriptor comes along.
    func ringDescriptor() throws(VhostProtocolError) -> (ring: Int, hasDescriptor: Bool) {
        try require(8)
        return (try ring(uint32(0) & 0xff), uint32(0) & 0x100 == 0)
    }

    func ringAddress() throws(VhostProtocolError) -> VhostMessage {
        try require(40)
        // Bit 0 of the flags asks for a log of written pages, which was not offered.
        guard uint32(4) & 1 == 0 else { throw .badValue(request) }
        return .setRingAddress(
            ring: try ring(uint32(0)),
            VhostRingAddress(descriptors: uint64(8), used: uint64(16), available: uint64(24))
        )
    }

    func memoryTable() throws(VhostProtocolError) -> [GuestMemory.Region] {
        guard bytes.count >= 8 else { throw .badSize(request, bytes.count) }
        let count = Int(uint32(0))
        guard count <= GuestMemory.maximumRegionCount else { throw .badValue(request) }
        // Some monitors send the whole table, used or not.
        guard bytes.count >= 8 + count * 32 else { throw .badSize(request, bytes.count) }
        var regions: [GuestMemory.Region] = []
        for index in 0..<count {
            let offset = 8 + index * 32
            regions.append(
                GuestMemory.Region(
                    guestAddress: uint64(offset),
                    byteCount: uint64(offset + 8),
                    userAddress: uint64(offset + 16),
                    fileOffset: uint64(offset + 24)
                )
            )
        }
        return regions
    }

    func configuration() throws(VhostProtocolError) -> VhostConfigurationRange {
        guard bytes.count >= 12 else { throw .badSize(request, bytes.count) }
        let offset = Int(uint32(0))
        let size = Int(uint32(4))
        guard size <= 256, offset <= 256 - size else { throw .badValue(request) }
        guard bytes.count == 12 + size else { throw .badSize(request, bytes.count) }
        return VhostConfigurationRange(offset: offset, byteCount: size)
    }

    func inflight() throws(VhostProtocolError) -> VhostInflight {
        guard bytes.count == 20 || bytes.count == 24 else { throw .badSize(request, bytes.count) }
        let queueCount = Int(bytes.readLittleEndianUInt16(at: 16))
        let queueSize = Int(bytes.readLittleEndianUInt16(at: 18))
        guard queueCount > 0, queueCount <= VhostMessage.ringCount, queueSize > 0, queueSize <= 32_768 else {
            throw .badValue(request)
        }
        return VhostInflight(
            byteCount: uint64(0),
            fileOffset: uint64(8),
            queueCount: queueCount,
            queueSize: queueSize,
            payloadByteCount: bytes.count
        )
    }
}
