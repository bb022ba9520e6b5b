// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Which ports may learn and forward, by VLAN: what a spanning tree has decided, as the frame path asks it.
///
/// A VLAN that nobody manages goes by the tree of VLAN 0 (see `VLANTable`). While the tree is off every port forwards and
/// nothing is looked up.
///
/// The table lies in the state memory, as long as it must outlive the process: a successor goes on with the ports that were
/// closed, so that no loop opens between the two; the trees themselves, with what neighbours have said, are made anew from what
/// neighbours say. One thread writes, whole words. The first word, 1 for on, is stored last when the tree begins and first when it
/// ends: what a process leaves behind that is killed meanwhile is off, or complete.
///
///     0    1 for on
///     1    for each VLAN: a bit for each port that does not learn, then one for each that does not forward
///
/// Invariant: `words` covers `wordCount(portCount:)` words; VLANs are masked to twelve bits and ports checked against `portCount`
/// before they become indices.
@safe
public struct PortStates: ~Copyable {
    /// Port states of IEEE 802.1D-2004 clause 7.4.
    @frozen
    public enum State: UInt8, Sendable {
        /// Frames are neither learned from nor forwarded.
        case discarding = 0
        /// Addresses are learned, frames are not forwarded.
        case learning = 1
        case forwarding = 2
    }

    /// As the first word has it; here for the frame path.
    public private(set) var isOn = false
    private let portCount: Int
    private let wordsPerVLAN: Int
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let ownsMemory: Bool

    /// Bytes of state memory for a table.
    public static func byteCount(portCount: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: 8, count: wordCount(portCount: portCount))
    }

    private static func wordCount(portCount: Int) -> Int { 1 + 2 * VLANTable.vlanCount * ((portCount + 63) / 64) }

    /// A table in zero-filled state memory.
    public init(in memory: inout StateMemory, portCount: Int) {
        let count = Self.wordCount(portCount: portCount)
        let raw = unsafe memory.addSection(.portStates, recordByteCount: 8, count: count)
        unsafe self.init(words: raw.assumingMemoryBound(to: Atomic<UInt64>.self), portCount, ownsMemory: false)
    }

    /// A table in memory of its own: for bridges that need not outlive their process.
    public init(portCount: Int) {
        let count = Self.wordCount(portCount: portCount)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 64)
        unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: count * 8)
        unsafe self.init(words: raw.assumingMemoryBound(to: Atomic<UInt64>.self), portCount, ownsMemory: true)
    }

    private init(words: UnsafeMutablePointer<Atomic<UInt64>>, _ portCount: Int, ownsMemory: Bool) {
        precondition(portCount > 0)
        unsafe self.words = unsafe words
        self.portCount = portCount
        self.ownsMemory = ownsMemory
        wordsPerVLAN = (portCount + 63) / 64
    }

    deinit { if ownsMemory { unsafe UnsafeMutableRawPointer(words).deallocate() } }

    /// All ports forward in every VLAN and the table is asked; or not asked any more.
    public mutating func turn(on: Bool) {
        isOn = false
        unsafe words[0].store(0, ordering: .relaxed)
        guard on else { return }
        atomicMemoryFence(ordering: .releasing)
        for index in 1..<Self.wordCount(portCount: portCount) { unsafe words[index].store(0, ordering: .relaxed) }
        unsafe words[0].store(1, ordering: .releasing)
        isOn = true
    }

    public mutating func set(port: Int, vlan: UInt16, _ state: State) {
        guard isOn else { return }
        let (index, bit) = place(port: port, vlan)
        store(index &+ wordsPerVLAN, bit, state != .forwarding)
        store(index, bit, state == .discarding)
    }

    @inline(__always)
    public func learns(port: Int, vlan: UInt16) -> Bool {
        guard isOn else { return true }
        let (index, bit) = place(port: port, vlan)
        return unsafe words[index].load(ordering: .relaxed) & bit == 0
    }

    @inline(__always)
    public func forwards(port: Int, vlan: UInt16) -> Bool {
        guard isOn else { return true }
        let (index, bit) = place(port: port, vlan)
        return unsafe words[index &+ wordsPerVLAN].load(ordering: .relaxed) & bit == 0
    }

    private func store(_ index: Int, _ bit: UInt64, _ isSet: Bool) {
        let word = unsafe words[index].load(ordering: .relaxed)
        unsafe words[index].store(isSet ? word | bit : word & ~bit, ordering: .relaxed)
    }

    /// The word that says whether a port learns; `wordsPerVLAN` behind it is the one that says whether it forwards.
    @inline(__always)
    private func place(port: Int, _ vlan: UInt16) -> (index: Int, bit: UInt64) {
        precondition(port >= 0 && port < portCount)
        let index = 1 &+ 2 &* Int(vlan & 0xfff) &* wordsPerVLAN &+ port >> 6
        return (index, 1 << UInt64(port & 63))
    }
}
