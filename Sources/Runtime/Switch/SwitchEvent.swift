// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What happened to the ports of a switch, for consoles that show it as it happens.
public enum SwitchEvent: Sendable, Equatable {
    /// A port came into being.
    case portMade(Int)
    /// The last endpoint of a port has left; the port stays.
    case portClosed(Int)
    case endpointAdded(port: Int, identifier: Int32)
    case endpointDescribed(port: Int, identifier: Int32, description: String)
    case endpointRemoved(port: Int, identifier: Int32)
    /// The peer behind an endpoint answers, or is silent.
    case peerChanged(port: Int, identifier: Int32, isPresent: Bool)
    /// The switch learned on which port an address is, while somebody listens (`Switch.watchAddresses`).
    case addressAdded(MACAddress, vlan: UInt16, port: Int)
    case addressRemoved(MACAddress, vlan: UInt16, port: Int)
    /// The spanning tree of a VLAN lets a port do something else.
    case treeState(vlan: UInt16, port: Int, TreePortState)
    /// The way to the root, whose identifier follows, leads over another port: 0 when this switch is the root.
    case treeRoot(vlan: UInt16, port: Int, UInt64)
    /// A port takes part in the spanning tree of a VLAN, or does not any more.
    case treePortAdded(vlan: UInt16, port: Int)
    case treePortRemoved(vlan: UInt16, port: Int)
}
