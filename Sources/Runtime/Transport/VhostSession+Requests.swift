// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// What each request does.
extension VhostSession {
    /// Carries a request out. Returns whether it was answered.
    func handle(_ message: VhostMessage, _ header: VhostMessageHeader, _ payload: [UInt8]) throws -> Bool {
        switch message {
        case .getFeatures:
            try send(header.reply(VirtioFeatures.offered.union(configuration.features).rawValue))
            return true
        case .getProtocolFeatures:
            try send(header.reply(VhostProtocolFeatures.offered.rawValue))
            return true
        case .getQueueCount:
            try send(header.reply(1))
            return true
        case .getStatus:
            try send(header.reply(UInt64(status)))
            return true
        case .getConfiguration(let range):
            // The bytes stand behind offset, size and flags, as in the request.
            try send(header.reply(Array(payload[..<12]) + configuration.bytes(range)))
            configurationRead()
            return true
        case .getRingBase(let ring):
            try send(header.reply(VhostMessageHeader.bytes(of: UInt32(ring)) + baseBytes(ofStopped: ring)))
            return true
        case .getInflight(let wanted):
            try makeInflight(wanted, header)
            return true
        case .setFeatures(let features):
            let unknown = features.subtracting(VirtioFeatures.offered.union(configuration.features))
            guard unknown.isEmpty else {
                throw Refusal(reason: "features 0x\(String(unknown.rawValue, radix: 16)) were not offered")
            }
            self.features = features
            try checkCarrier(isDecided: !features.contains(.protocolFeatures))
            change(.features(features))
        case .setProtocolFeatures(let features):
            protocolFeatures = features.intersection(.offered)
            try checkCarrier(isDecided: true)
        case .setOwner: break
        case .resetOwner, .resetDevice: restAllRings()
        case .setStatus(let status):
            self.status = status
            if status == 0 { restAllRings() }
        case .setMemoryTable(let regions): try setMemory(regions)
        case .setLogBase, .setLogDescriptor:
            throw Refusal(reason: "live migration (a log of written pages) is not supported, and was not offered")
        case .setConfiguration: throw Refusal(reason: "the configuration is not the guest's to write")
        case .setRingSize(let ring, let size): rings[ring].size = size
        case .setRingAddress(let ring, let address): rings[ring].address = address
        case .setRingBase(let ring, let base): rings[ring].base = base
        case .setRingKick(let ring, let hasDescriptor): try setKick(ring, hasDescriptor)
        case .setRingCall(let ring, let hasDescriptor): try setCall(ring, hasDescriptor)
        case .setRingError(let ring, let hasDescriptor):
            rings[ring].error = hasDescriptor ? try signalDescriptor("error") : nil
        case .enableRing(let ring, let isEnabled):
            rings[ring].isEnabled = isEnabled
            change(.enable(ring: ring, isEnabled))
        case .setBackendChannel:
            guard let channel = takeDescriptor(), DescriptorKind(channel) == .socket else {
                throw Refusal(reason: "the channel for the device's own requests is no socket")
            }
            backendChannel = consume channel
        case .setInflight(let inflight):
            guard let file = takeDescriptor() else { throw Refusal(reason: "memory for work in progress is missing") }
            inflightFile = consume file
            self.inflight = inflight
        }
        return false
    }

    /// A monitor that does not show our configuration to its guest cannot be attached with the cable pulled: it would show
    /// the guest a carrier. It is sent away, and shows none.
    private func checkCarrier(isDecided: Bool) throws {
        guard isDecided else { return }
        let showsCarrier = isKept || isTakingUp || protocolFeatures.contains(.configuration)
        guard configuration.isUp || showsCarrier else { throw Errno.notConnected }
        isAdmitted = true
    }

    private func setMemory(_ regions: [GuestMemory.Region]) throws {
        guard descriptorCount == regions.count else {
            throw Refusal(reason: "\(regions.count) memory regions with \(descriptorCount) descriptors")
        }
        var memory = GuestMemory()
        for (index, region) in regions.enumerated() {
            guard let file = descriptors.take(index) else { throw Refusal(reason: "a memory region without file") }
            do {
                try memory.add(region, file)
            } catch {
                throw Refusal(reason: error.description)
            }
        }
        hasMemory = !regions.isEmpty
        change(.memory(memory))
    }

    // MARK: Rings

    private func setKick(_ ring: Int, _ hasDescriptor: Bool) throws {
        guard hasDescriptor else {
            throw Refusal(reason: "ring \(ring) without kick: rings are not polled here")
        }
        guard let kick = takeDescriptor(), DescriptorKind(kick) == .eventFD else {
            throw Refusal(reason: "the kick of ring \(ring) is no eventfd")
        }
        guard !SharedSignal.givesOneByOne(kick.rawValue) else {
            throw Refusal(reason: "the kick of ring \(ring) is a semaphore (EFD_SEMAPHORE), which cannot be taken back")
        }
        let state = rings[ring]
        guard state.size > 0, let address = state.address, hasMemory else {
            throw Refusal(reason: "ring \(ring) is started before its size, its addresses and the memory are known")
        }
        if state.isRunning { state.base = stop(ring) }
        var setup = VhostRingSetup(
            ring: ring,
            size: state.size,
            address: address,
            base: state.base,
            isEnabled: state.isEnabled || !features.contains(.protocolFeatures),
            isTakenUp: isTakingUp,
            kick: kick,
            call: state.call.take(),
            inflight: nil
        )
        setup.inflight = try inflightMemory(ring)
        state.isRunning = true
        change(.start(setup))
    }

    private func setCall(_ ring: Int, _ hasDescriptor: Bool) throws {
        var call: OwnedDescriptor?
        if hasDescriptor { call = try signalDescriptor("call") }
        if rings[ring].isRunning {
            change(.call(ring: ring, call))
        } else {
            rings[ring].call = consume call
        }
    }

    private func signalDescriptor(_ name: String) throws -> OwnedDescriptor {
        guard let descriptor = takeDescriptor(), DescriptorKind(descriptor) != .other else {
            throw Refusal(reason: "the \(name) descriptor of a ring is no eventfd, pipe or socket")
        }
        return descriptor
    }

    private func stop(_ ring: Int) -> UInt16 {
        change(.stop(ring: ring))
        rings[ring].isRunning = false
        withdrawNote(.setRingKick, ring: ring)
        return answer.base
    }

    private func baseBytes(ofStopped ring: Int) -> [UInt8] {
        if rings[ring].isRunning { rings[ring].base = stop(ring) }
        return VhostMessageHeader.bytes(of: UInt32(rings[ring].base))
    }

    private func restAllRings() {
        for ring in rings.indices {
            if rings[ring].isRunning { rings[ring].base = stop(ring) }
            rings[ring].isEnabled = false
            change(.enable(ring: ring, false))
            withdrawNote(.enableRing, ring: ring)
        }
    }

    // MARK: Work in progress

    private func makeInflight(_ wanted: VhostInflight, _ header: VhostMessageHeader) throws {
        let byteCount = wanted.queueCount * VhostRingSetup.inflightByteCount(queueSize: wanted.queueSize)
        let file = try MemoryFile.create(name: "etherloom-inflight", byteCount: byteCount)
        var payload = VhostMessageHeader.bytes(of: UInt64(byteCount)) + VhostMessageHeader.bytes(of: UInt64(0))
        payload += VhostMessageHeader.bytes(of: UInt16(wanted.queueCount))
        payload += VhostMessageHeader.bytes(of: UInt16(wanted.queueSize))
        payload += [UInt8](repeating: 0, count: wanted.payloadByteCount - payload.count)
        try send(header.reply(payload), descriptors: [file.rawValue])
    }

    /// The part of one ring in the memory that the monitor gave back to us.
    private func inflightMemory(_ ring: Int) throws -> GuestMemory? {
        guard let inflight, let file = inflightFile?.rawValue, ring < inflight.queueCount else { return nil }
        let part = VhostRingSetup.inflightByteCount(queueSize: inflight.queueSize)
        guard rings[ring].size <= inflight.queueSize,
            UInt64(part * inflight.queueCount) <= inflight.byteCount,
            !inflight.fileOffset.addingReportingOverflow(inflight.byteCount).overflow
        else { throw Refusal(reason: "the memory for work in progress is too small for ring \(ring)") }
        var memory = GuestMemory()
        do {
            try memory.add(
                GuestMemory.Region(
                    guestAddress: 0,
                    byteCount: UInt64(part),
                    userAddress: 0,
                    fileOffset: inflight.fileOffset + UInt64(ring * part)
                ),
                rawFile: file
            )
        } catch {
            throw Refusal(reason: "work in progress: \(error)")
        }
        return memory
    }
}
