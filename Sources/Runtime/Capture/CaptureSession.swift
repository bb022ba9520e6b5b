// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import Glibc
public import LinuxSystem
public import PacketFilter

/// What a capture takes.
public struct CaptureSelection: Sendable, Equatable {
    /// Nil: all ports.
    public var ports: Set<Int>?
    /// What comes into the switch, and what leaves it.
    public var isInbound = true
    public var isOutbound = false
    /// Bytes kept of each frame.
    public var snapLength = CaptureSelection.wholeFrame

    public static var wholeFrame: Int { FramePool.largeCapacity }

    public init() {}
}

/// A capture of a data plane that is going on: the loop copies frames into a ring, and whoever holds the two descriptors
/// takes them out, in this process or in another.
public final class CaptureSession {
    /// Fixed memory of each capture, with the ring's head.
    public static var ringByteCount: Int { 4 << 20 }

    /// The ring's memory file, and an event that tells that something came: for `CaptureReader`.
    public let memory: OwnedDescriptor
    public let wakeUp: OwnedDescriptor
    private let dataPlane: DataPlane
    private let slot: Int
    private var isClosed = false

    /// Begins a capture. EMFILE when too many go on already.
    public init(
        _ dataPlane: DataPlane,
        _ selection: CaptureSelection,
        filter: FilterProgram? = nil,
        ringByteCount: Int = CaptureSession.ringByteCount
    ) throws(Errno) {
        guard let slot = dataPlane.takeCaptureSlot() else { throw Errno(rawValue: 24) }  // EMFILE
        do throws(Errno) {
            let size = (max(ringByteCount, 4096) + 4095) & ~4095
            let memory = try MemoryFile.create(name: "etherloom-capture", byteCount: size + 4096)
            let region = try MemoryRegion.shared(memory, byteCount: size + 4096)
            let event = try EventFD()
            let wakeUp = try OwnedDescriptor.duplicate(of: event.rawDescriptor)
            guard
                let tap = CaptureTap(
                    region: region,
                    wakeUp: event,
                    filter: FilterTable(filter),
                    selection: selection,
                    portCount: dataPlane.state.table.portCount
                )
            else { throw Errno.invalid }
            dataPlane.setCapture(slot: slot, tap)
            self.memory = memory
            self.wakeUp = wakeUp
        } catch {
            dataPlane.freeCaptureSlot(slot)
            throw error
        }
        self.dataPlane = dataPlane
        self.slot = slot
    }

    /// Ends it. The reader finds what is in the ring, and then its end.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        dataPlane.removeCapture(slot: slot)
        dataPlane.freeCaptureSlot(slot)
    }
}

/// Takes the frames of a capture out of its ring.
public final class CaptureReader {
    private let region: MemoryRegion
    private var ring: CaptureRingReader
    /// Readable when there may be something to take.
    public let wakeUp: OwnedDescriptor

    /// EINVAL when the memory is no capture's ring.
    public init(memory: borrowing OwnedDescriptor, wakeUp: consuming OwnedDescriptor) throws(Errno) {
        let size = lseek(memory.rawValue, 0, SEEK_END)
        let region = try MemoryRegion.shared(memory, byteCount: size)
        guard let ring = unsafe CaptureRingReader(region.bytes) else { throw .invalid }
        self.region = region
        self.ring = ring
        self.wakeUp = wakeUp
    }

    /// Of a capture in this process.
    public convenience init(_ session: CaptureSession) throws(Errno) {
        try self.init(memory: session.memory, wakeUp: try session.wakeUp.duplicate())
    }

    public var seenCount: UInt64 { ring.seenCount }
    public var lostCount: UInt64 { ring.lostCount }
    public var hasEnded: Bool { ring.hasEnded }

    /// Hands over the next frame; false when none waits.
    public func next(_ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool { ring.next(body) }

    /// Takes the wake-up, then hands over what there is, at most so many frames, and asks for the next wake-up. True: more is
    /// there, and no wake-up will come for it.
    public func drain(atMost limit: Int = 4096, _ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        _ = try? wakeUp.read(atMost: 8)
        var count = 0
        while count < limit, ring.next(body) { count += 1 }
        return count == limit || ring.prepareToWait() && !ring.hasEnded
    }
}
