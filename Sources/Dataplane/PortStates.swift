// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Which ports may learn and forward, by VLAN: what a spanning tree has decided, as the frame path asks it.
///
/// A VLAN that nobody manages goes by the tree of VLAN 0 (see `VLANTable`). While the tree is off every port forwards and
/// nothing is looked up.
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

    public private(set) var isOn = false
    private let wordsPerVLAN: Int
    private var notLearning: [UInt64] = []
    private var notForwarding: [UInt64] = []

    public init(portCount: Int) { wordsPerVLAN = (portCount + 63) / 64 }

    /// All ports forward in every VLAN and the table is asked; or not asked any more.
    public mutating func turn(on: Bool) {
        isOn = on
        let count = on ? wordsPerVLAN * VLANTable.vlanCount : 0
        notLearning = Array(repeating: 0, count: count)
        notForwarding = Array(repeating: 0, count: count)
    }

    public mutating func set(port: Int, vlan: UInt16, _ state: State) {
        guard isOn else { return }
        let index = Int(vlan & 0xfff) * wordsPerVLAN + port >> 6
        let bit = UInt64(1) << UInt64(port & 63)
        notLearning[index] = state == .discarding ? notLearning[index] | bit : notLearning[index] & ~bit
        notForwarding[index] = state == .forwarding ? notForwarding[index] & ~bit : notForwarding[index] | bit
    }

    @inline(__always)
    public func learns(port: Int, vlan: UInt16) -> Bool {
        !isOn || notLearning[Int(vlan & 0xfff) &* wordsPerVLAN &+ port >> 6] & 1 << UInt64(port & 63) == 0
    }

    @inline(__always)
    public func forwards(port: Int, vlan: UInt16) -> Bool {
        !isOn || notForwarding[Int(vlan & 0xfff) &* wordsPerVLAN &+ port >> 6] & 1 << UInt64(port & 63) == 0
    }
}
