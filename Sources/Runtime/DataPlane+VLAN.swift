// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane

/// A change of a port's VLAN membership.
enum PortVLANChange: Sendable {
    case untagged(port: Int, UInt16)
    case tagged(port: Int, UInt16, isMember: Bool)
    case mode(port: Int, VLANTable.Mode)
    case reset(port: Int)
}

/// VLANs of a data plane's ports (`VLANTable` says what they mean). A port that the data plane does not have is ignored.
extension DataPlane {
    /// Sets the VLAN of frames without a tag: 0 to 4094, `VLANTable.none` (0xfff) for no such frames.
    public func setUntaggedVLAN(port: Int, _ vlan: UInt16) { setVLAN(.untagged(port: port, vlan), port: port) }

    /// Makes a port a tagged member of a VLAN, or ends that.
    public func setTaggedVLAN(port: Int, _ vlan: UInt16, isMember: Bool) {
        setVLAN(.tagged(port: port, vlan, isMember: isMember), port: port)
    }

    /// Says what the port does with VLANs that it was not configured for: a trunk passes them all.
    public func setVLANMode(port: Int, _ mode: VLANTable.Mode) { setVLAN(.mode(port: port, mode), port: port) }

    /// Makes a port one that nobody configured.
    public func resetVLANs(port: Int) { setVLAN(.reset(port: port), port: port) }

    private func setVLAN(_ change: PortVLANChange, port: Int) {
        guard port >= 0, port < state.table.portCount else { return }
        mailbox.perform(.setVLAN(change))
    }
}
