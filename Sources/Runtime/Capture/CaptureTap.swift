// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// One capture at the loop: which frames it wants, and the ring that they go to.
struct CaptureTap: ~Copyable, Sendable {
    private let region: MemoryRegion
    private let wakeUp: EventFD
    private var writer: CaptureRingWriter
    private let filter: FilterTable
    private let isWanted: RigidTable<Bool>
    private let selection: (isInbound: Bool, isOutbound: Bool, snapLength: Int)

    /// Nil: the memory is too small for a ring.
    init?(
        region: consuming MemoryRegion,
        wakeUp: consuming EventFD,
        filter: consuming FilterTable,
        selection: CaptureSelection,
        portCount: Int
    ) {
        guard let writer = unsafe CaptureRingWriter(region.bytes) else { return nil }
        self.writer = writer
        self.region = region
        self.wakeUp = wakeUp
        self.filter = filter
        self.selection = (selection.isInbound, selection.isOutbound, selection.snapLength)
        isWanted = RigidTable(count: portCount) { selection.ports?.contains($0) ?? true }
    }

    func wants(port: Int, isInbound: Bool) -> Bool {
        (isInbound ? selection.isInbound : selection.isOutbound) && isWanted[port]
    }

    /// Writes down those of the frames that the filter wants.
    mutating func take(
        _ frames: borrowing FrameBurst,
        _ pool: borrowing FramePool,
        port: Int,
        isInbound: Bool,
        now: UInt64
    ) {
        for position in 0..<frames.count {
            let frame = frames[position]
            guard filter.accepts(pool.bytes(frame)) else { continue }
            var record = CaptureRecord(
                time: now,
                port: UInt16(truncatingIfNeeded: port),
                isInbound: isInbound,
                byteCount: Int(frame.byteCount)
            )
            if pool.needsWork(frame) {
                let header = pool.header(frame)
                record.needsChecksum = header.needsChecksum
                if header.isSuperFrame { record.segmentByteCount = header.gsoSize }
            }
            writer.append(record, pool.bytes(frame), limit: selection.snapLength)
        }
        if writer.takesWakeUp() { wakeUp.signal() }
    }

    /// The reader learns that nothing more comes.
    mutating func end() {
        writer.end()
        wakeUp.signal()
    }
}
