// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Which port is a member of which VLAN, and how (IEEE 802.1Q clause 8.8.10; the console commands of vde_switch).
///
/// # Theory of operation
///
/// Each port has one untagged VLAN, 0 unless set, `none` for no untagged traffic, and any number of tagged ones. A frame
/// without a tag belongs to its port's untagged VLAN, a frame with one to the VLAN that it names, if the port is a member.
/// It leaves tagged or not as the membership of the output says.
///
/// As long as no port is configured the bridge is transparent and nobody asks this table. Ports that nobody configured stay
/// transparent for all VLANs that nobody manages: tags of guests pass between them. A VLAN is **managed** when some port is
/// configured to be in it; then only its members see it, so that no guest on a plain port can reach it with a tag of its own.
/// A trunk port is a tagged member of every VLAN, a strict port only of what was set.
///
///     port 1  untagged 10        ──┐                                     ┌── port 3  trunk: VLAN 10 tagged, all others too
///     port 2  tagged 10, 20      ──┤  VLAN 10: 1 untagged, 2, 3 tagged   ├── port 4  plain: no VLAN 10, no VLAN 20;
///                                  └─────────────────────────────────────┘           untagged frames and VLAN 30 pass
///
/// The table lies in the state memory, as long as it must outlive the process. One thread writes.
///
/// Invariant: `words` covers `portCount + 4096 * wordsPerVLAN` words; VLANs are masked to twelve bits and ports checked
/// against `portCount` before they become indices.
@safe
public struct VLANTable: ~Copyable {
    /// As a port's untagged VLAN: frames without a tag are not let in, and none leaves.
    public static var none: UInt16 { 0xfff }
    static var vlanCount: Int { 4096 }

    /// What a port does with VLANs that it was not configured for.
    @frozen
    public enum Mode: UInt8, Sendable {
        /// A port that nobody configured is transparent for unmanaged VLANs, a configured one is strict.
        case automatic = 0
        /// Every VLAN passes tagged.
        case trunk = 1
        /// Only the configured VLANs pass.
        case strict = 2
    }

    /// How frames of a VLAN leave a port.
    @frozen
    public enum Membership: Sendable {
        case none, untagged, tagged
    }

    public let portCount: Int
    private let wordsPerVLAN: Int
    /// One word a port: untagged VLAN in bits 0 to 15, mode in bits 16 to 23; then the bits of tagged members by VLAN.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Tagged memberships of each port, explicit members of each VLAN: derived, for this thread only.
    private var taggedCount: [UInt16]
    private var memberCount: [UInt16]
    /// Ports whose configuration is not the default.
    private var configuredCount = 0
    private let ownsMemory: Bool

    /// Bytes of state memory for a table.
    public static func byteCount(portCount: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: 8, count: wordCount(portCount: portCount))
    }

    private static func wordCount(portCount: Int) -> Int { portCount + vlanCount * ((portCount + 63) / 64) }

    /// A table in zero-filled state memory.
    public init(in memory: inout StateMemory, portCount: Int) {
        let count = Self.wordCount(portCount: portCount)
        let raw = unsafe memory.addSection(.vlans, recordByteCount: 8, count: count)
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
        taggedCount = Array(repeating: 0, count: portCount)
        memberCount = Array(repeating: 0, count: Self.vlanCount)
    }

    deinit { if ownsMemory { unsafe UnsafeMutableRawPointer(words).deallocate() } }

    // MARK: Asked by the bridge

    /// No port is configured: frames pass as they are.
    public var isTransparent: Bool { configuredCount == 0 }

    /// Some port is configured to be in the VLAN: only its members see it.
    @inline(__always)
    public func isManaged(_ vlan: UInt16) -> Bool { memberCount[Int(vlan & 0xfff)] != 0 }

    public func untaggedVLAN(port: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: portWord(port))
    }

    public func mode(port: Int) -> Mode {
        Mode(rawValue: UInt8(truncatingIfNeeded: portWord(port) >> 16)) ?? .automatic
    }

    /// The port was set to be a tagged member.
    public func isTagged(port: Int, _ vlan: UInt16) -> Bool {
        let (index, bit) = place(port: port, vlan)
        return unsafe words[index].load(ordering: .relaxed) & bit != 0
    }

    /// How the frames of a VLAN leave a port, and whether they may come in there with a tag: not at all if `.none`.
    ///
    /// VLAN 0 has no tag, unless it was set: where that is the untagged VLAN no more, a tag that names it gives a priority
    /// (IEEE 802.1Q clause 6.9), and its frames would be in another VLAN at the other end.
    @inline(__always)
    public func membership(port: Int, _ vlan: UInt16) -> Membership {
        let word = portWord(port)
        if UInt16(truncatingIfNeeded: word) == vlan { return .untagged }
        if isTagged(port: port, vlan) { return .tagged }
        switch UInt8(truncatingIfNeeded: word >> 16) {
        case Mode.trunk.rawValue: return vlan == 0 ? .none : .tagged
        case Mode.strict.rawValue: return .none
        default: return isConfigured(port: port) || isManaged(vlan) ? .none : .tagged
        }
    }

    /// The port's configuration is not the default.
    public func isConfigured(port: Int) -> Bool { portWord(port) != 0 || taggedCount[port] != 0 }

    // MARK: Configured by the control thread's commands

    /// Sets the VLAN of a port's untagged frames: 0 to 4094, or `none`.
    public mutating func setUntaggedVLAN(port: Int, _ vlan: UInt16) {
        let vlan = vlan & 0xfff
        let old = untaggedVLAN(port: port)
        guard old != vlan else { return }
        change(port: port) { table in
            if old != 0, old != Self.none { table.memberCount[Int(old)] -= 1 }
            if vlan != 0, vlan != Self.none { table.memberCount[Int(vlan)] += 1 }
            table.storePortWord(port, table.portWord(port) & ~0xffff | UInt64(vlan))
        }
    }

    /// Makes a port a tagged member of a VLAN, or ends that.
    public mutating func setTagged(port: Int, _ vlan: UInt16, isMember: Bool) {
        let vlan = vlan & 0xfff
        guard vlan != Self.none, isTagged(port: port, vlan) != isMember else { return }
        let (index, bit) = place(port: port, vlan)
        change(port: port) { table in
            let word = unsafe table.words[index].load(ordering: .relaxed)
            unsafe table.words[index].store(isMember ? word | bit : word & ~bit, ordering: .relaxed)
            if isMember {
                table.taggedCount[port] += 1
                table.memberCount[Int(vlan)] += 1
            } else {
                table.taggedCount[port] -= 1
                table.memberCount[Int(vlan)] -= 1
            }
        }
    }

    public mutating func setMode(port: Int, _ mode: Mode) {
        change(port: port) { table in
            table.storePortWord(port, table.portWord(port) & 0xffff | UInt64(mode.rawValue) << 16)
        }
    }

    /// Makes a port one that nobody configured.
    public mutating func reset(port: Int) {
        setUntaggedVLAN(port: port, 0)
        setMode(port: port, .automatic)
        guard taggedCount[port] > 0 else { return }
        for vlan in 0..<UInt16(Self.vlanCount) { setTagged(port: port, vlan, isMember: false) }
    }

    private mutating func change(port: Int, _ body: (inout VLANTable) -> Void) {
        let was = isConfigured(port: port)
        body(&self)
        let isNow = isConfigured(port: port)
        if was != isNow { configuredCount += isNow ? 1 : -1 }
    }

    @inline(__always)
    private func portWord(_ port: Int) -> UInt64 {
        precondition(port >= 0 && port < portCount)
        return unsafe words[port].load(ordering: .relaxed)
    }

    private func storePortWord(_ port: Int, _ word: UInt64) {
        precondition(port >= 0 && port < portCount)
        unsafe words[port].store(word, ordering: .relaxed)
    }

    @inline(__always)
    private func place(port: Int, _ vlan: UInt16) -> (index: Int, bit: UInt64) {
        precondition(port >= 0 && port < portCount)
        let index = portCount &+ Int(vlan & 0xfff) &* wordsPerVLAN &+ port >> 6
        return (index, 1 << UInt64(port & 63))
    }
}
