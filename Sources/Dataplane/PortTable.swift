// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Ports and endpoints in the state memory: what a console reads while the loop writes, and what a successor finds.
///
/// A **port** is a place of the bridge, known by its number. An **endpoint** is what is plugged into it: a client's socket,
/// a tap, a gateway. Several endpoints may share a port; each then gets every frame of the port.
///
/// Counters have one writer, the loop thread, so that adding is a load and a store, not a locked instruction.
///
/// Invariant: both arrays cover the counts given to `init` for as long as the process lives; every index is checked.
@safe
public struct PortTable: @unchecked Sendable {
    /// 64 bytes: one cache line a port.
    struct PortRecord: ~Copyable {
        let sequence: SequenceNumber
        /// 0: free, 1: in use.
        let state: Atomic<UInt32>
        let vlan: Atomic<UInt32>
        let reserved: Atomic<UInt32>
        let inFrames: Atomic<UInt64>
        let inBytes: Atomic<UInt64>
        let outFrames: Atomic<UInt64>
        let outBytes: Atomic<UInt64>
        /// Frames that waited at endpoints which have gone.
        let leftFrames: Atomic<UInt64>
        let spare: Atomic<UInt64>
    }

    /// 512 bytes: what an endpoint is, its drops, and its description's beginning.
    struct EndpointRecord: ~Copyable {
        let sequence: SequenceNumber
        /// 0: free; else `EndpointKind.rawValue`.
        let kind: Atomic<UInt32>
        let port: Atomic<UInt32>
        let identifier: Atomic<UInt32>
        let userID: Atomic<UInt32>
        let processID: Atomic<UInt32>
        let capabilities: Atomic<UInt32>
        let generation: Atomic<UInt32>
        // DropCause.allCases follow as UInt64 from byte 32, then text from byte 192 (length first).
    }

    static var portRecordByteCount: Int { 64 }
    static var endpointRecordByteCount: Int { 512 }
    private static var dropsOffset: Int { 32 }
    private static var textOffset: Int { 192 }
    private static var textByteCount: Int { 512 - 192 - 8 }

    public let portCount: Int
    public let endpointCount: Int
    private let ports: UnsafeMutableRawPointer
    private let endpoints: UnsafeMutableRawPointer

    /// Bytes of state memory for a table.
    public static func byteCount(portCount: Int, endpointCount: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: portRecordByteCount, count: portCount)
            + StateMemory.sectionByteCount(recordByteCount: endpointRecordByteCount, count: endpointCount)
    }

    public init(in memory: inout StateMemory, portCount: Int, endpointCount: Int) {
        self.portCount = portCount
        self.endpointCount = endpointCount
        unsafe ports = memory.addSection(.ports, recordByteCount: Self.portRecordByteCount, count: portCount)
        unsafe endpoints = memory.addSection(
            .endpoints,
            recordByteCount: Self.endpointRecordByteCount,
            count: endpointCount
        )
    }

    @inline(__always)
    private func port(_ index: Int) -> UnsafeMutablePointer<PortRecord> {
        precondition(index >= 0 && index < portCount)
        return unsafe (ports + index * Self.portRecordByteCount).assumingMemoryBound(to: PortRecord.self)
    }

    @inline(__always)
    private func endpoint(_ index: Int) -> UnsafeMutablePointer<EndpointRecord> {
        precondition(index >= 0 && index < endpointCount)
        return unsafe (endpoints + index * Self.endpointRecordByteCount).assumingMemoryBound(to: EndpointRecord.self)
    }

    @inline(__always)
    private static func add(_ amount: Int, to counter: borrowing Atomic<UInt64>) {
        counter.store(counter.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    // MARK: Written by the loop

    public func countIn(port index: Int, frames: Int, bytes: Int) {
        unsafe Self.add(frames, to: port(index).pointee.inFrames)
        unsafe Self.add(bytes, to: port(index).pointee.inBytes)
    }

    public func countOut(port index: Int, frames: Int, bytes: Int) {
        unsafe Self.add(frames, to: port(index).pointee.outFrames)
        unsafe Self.add(bytes, to: port(index).pointee.outBytes)
    }

    /// Counts frames lost at an endpoint.
    public func countDrop(endpoint index: Int, _ cause: DropCause, frames: Int = 1) {
        let counter = unsafe (UnsafeMutableRawPointer(endpoint(index)) + Self.dropsOffset + cause.rawValue * 8)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
        unsafe Self.add(frames, to: counter.pointee)
    }

    /// Counts frames that waited at an endpoint which is gone.
    public func countLeft(port index: Int, frames: Int) {
        unsafe Self.add(frames, to: port(index).pointee.leftFrames)
    }

    public func resetCounters(port index: Int) {
        let record = unsafe port(index)
        unsafe record.pointee.inFrames.store(0, ordering: .relaxed)
        unsafe record.pointee.inBytes.store(0, ordering: .relaxed)
        unsafe record.pointee.outFrames.store(0, ordering: .relaxed)
        unsafe record.pointee.outBytes.store(0, ordering: .relaxed)
        unsafe record.pointee.leftFrames.store(0, ordering: .relaxed)
    }

    // MARK: Written by the control thread

    public func setPort(_ index: Int, inUse: Bool, vlan: UInt16) {
        let record = unsafe port(index)
        unsafe record.pointee.sequence.beginWrite()
        unsafe record.pointee.state.store(inUse ? 1 : 0, ordering: .relaxed)
        unsafe record.pointee.vlan.store(UInt32(vlan), ordering: .relaxed)
        unsafe record.pointee.sequence.endWrite()
    }

    /// What the state memory keeps of an endpoint.
    public struct EndpointEntry: Sendable, Equatable {
        public var kind: UInt32
        public var port: Int
        public var identifier: UInt32
        public var userID: UInt32
        public var processID: Int32
        public var capabilities: UInt32
        public var description: String

        public init(
            kind: UInt32,
            port: Int,
            identifier: UInt32,
            userID: UInt32,
            processID: Int32,
            capabilities: UInt32,
            description: String
        ) {
            self.kind = kind
            self.port = port
            self.identifier = identifier
            self.userID = userID
            self.processID = processID
            self.capabilities = capabilities
            self.description = description
        }
    }

    public func setEndpoint(_ index: Int, _ entry: EndpointEntry) {
        let record = unsafe endpoint(index)
        unsafe record.pointee.sequence.beginWrite()
        for cause in DropCause.allCases {
            unsafe (UnsafeMutableRawPointer(record) + Self.dropsOffset + cause.rawValue * 8)
                .storeBytes(of: 0, as: UInt64.self)
        }
        unsafe record.pointee.port.store(UInt32(entry.port), ordering: .relaxed)
        unsafe record.pointee.identifier.store(entry.identifier, ordering: .relaxed)
        unsafe record.pointee.userID.store(entry.userID, ordering: .relaxed)
        unsafe record.pointee.processID.store(UInt32(bitPattern: entry.processID), ordering: .relaxed)
        unsafe record.pointee.capabilities.store(entry.capabilities, ordering: .relaxed)
        unsafe record.pointee.generation.store(
            record.pointee.generation.load(ordering: .relaxed) &+ 1,
            ordering: .relaxed
        )
        let text = Array(entry.description.utf8.prefix(Self.textByteCount))
        let area = unsafe UnsafeMutableRawPointer(record) + Self.textOffset
        unsafe area.storeBytes(of: UInt64(text.count), as: UInt64.self)
        for (offset, byte) in text.enumerated() {
            unsafe area.storeBytes(of: byte, toByteOffset: 8 + offset, as: UInt8.self)
        }
        unsafe record.pointee.kind.store(entry.kind, ordering: .relaxed)
        unsafe record.pointee.sequence.endWrite()
    }

    public func clearEndpoint(_ index: Int) {
        let record = unsafe endpoint(index)
        unsafe record.pointee.sequence.beginWrite()
        unsafe record.pointee.kind.store(0, ordering: .relaxed)
        unsafe record.pointee.sequence.endWrite()
    }

    // MARK: Read by anyone

    public func counters(port index: Int) -> PortCounters {
        let record = unsafe port(index)
        var counters = PortCounters()
        counters.inFrames = unsafe record.pointee.inFrames.load(ordering: .relaxed)
        counters.inBytes = unsafe record.pointee.inBytes.load(ordering: .relaxed)
        counters.outFrames = unsafe record.pointee.outFrames.load(ordering: .relaxed)
        counters.outBytes = unsafe record.pointee.outBytes.load(ordering: .relaxed)
        counters.leftFrames = unsafe record.pointee.leftFrames.load(ordering: .relaxed)
        return counters
    }

    public func drops(endpoint index: Int, _ cause: DropCause) -> UInt64 {
        let counter = unsafe (UnsafeMutableRawPointer(endpoint(index)) + Self.dropsOffset + cause.rawValue * 8)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
        return unsafe counter.pointee.load(ordering: .relaxed)
    }

    /// The endpoint's entry, nil when the place is free or half written.
    public func entry(endpoint index: Int) -> EndpointEntry? {
        let record = unsafe endpoint(index)
        guard let number = unsafe record.pointee.sequence.beginRead() else { return nil }
        let kind = unsafe record.pointee.kind.load(ordering: .relaxed)
        guard kind != 0 else { return nil }
        let area = unsafe UnsafeMutableRawPointer(record) + Self.textOffset
        // Anything may stand there when another process died while it wrote.
        let length = unsafe Int(min(area.load(as: UInt64.self), UInt64(Self.textByteCount)))
        let text = (0..<length).map { unsafe area.load(fromByteOffset: 8 + $0, as: UInt8.self) }
        let entry = unsafe EndpointEntry(
            kind: kind,
            port: Int(record.pointee.port.load(ordering: .relaxed)),
            identifier: record.pointee.identifier.load(ordering: .relaxed),
            userID: record.pointee.userID.load(ordering: .relaxed),
            processID: Int32(bitPattern: record.pointee.processID.load(ordering: .relaxed)),
            capabilities: record.pointee.capabilities.load(ordering: .relaxed),
            description: String(decoding: text, as: UTF8.self)
        )
        return unsafe record.pointee.sequence.isUnchanged(since: number) ? entry : nil
    }
}
