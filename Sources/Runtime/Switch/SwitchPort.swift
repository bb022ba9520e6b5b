// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// What is plugged into a port of a switch.
public struct SwitchEndpoint {
    /// Number shown by the console, unique among living endpoints: that of the control connection's descriptor.
    public let identifier: Int32
    /// `unix prog` or `tuntap`, the words of vde_switch.
    public let module: String
    public let description: String
    /// Who attached it; nil for the switch's own.
    public let userID: UInt32?
    public let processID: Int32
    public let place: DataPlane.Place
    /// Whether somebody is at its other side; nil where it cannot tell.
    public internal(set) var peer: PeerState?
    /// Runs when the endpoint goes: closes its connection, removes its socket file.
    let onRemoval: () -> Void
    /// Runs when the endpoint has something to say.
    let onNotice: (EndpointNotice) -> Void
}

/// A port of a switch, as the control thread knows it. It stays when the last endpoint has left, with all its settings, until
/// it is removed, as in vde_switch.
public struct SwitchPort {
    /// `untaggedVLAN` of a port that takes part in no VLAN without tags.
    public static var noVLAN: UInt16 { 0xfff }

    public let number: Int
    /// The VLAN of frames without a tag; `noVLAN` for none.
    public internal(set) var untaggedVLAN: UInt16 = 0
    /// The VLANs whose frames pass here with their tag.
    public internal(set) var taggedVLANs: Set<UInt16> = []
    /// Every VLAN passes here with its tag.
    public internal(set) var isTrunk = false
    /// Newest first, as consoles list them.
    public internal(set) var endpoints: [SwitchEndpoint] = []
    /// Newcomers that ask for no number may get this port while it is free.
    public internal(set) var isAllocatable = true
    /// Who may join: this user, the members of this group, and root. Everybody, when both are nil.
    public internal(set) var allowedUser: UInt32?
    public internal(set) var allowedGroup: UInt32?
    /// Link speed shown to whoever is plugged in, in Mbit/s; 0 when none was set.
    public internal(set) var speedMegabits: UInt32 = 0
    /// Whoever is plugged in is shown a carrier.
    public internal(set) var hasCarrier = true

    init(number: Int) { self.number = number }

    public var isActive: Bool { !endpoints.isEmpty }

    /// Whose port it is at present: the one user of all its endpoints.
    public var currentUser: UInt32? { endpoints.last?.userID }

    /// Whether the access list lets this user in; nil is the switch itself.
    func admits(_ user: UInt32?) -> Bool {
        guard let user, user != 0, allowedUser != nil || allowedGroup != nil else { return true }
        if allowedUser == user { return true }
        guard let allowedGroup else { return false }
        return CurrentProcess.isUser(user, memberOf: allowedGroup)
    }
}

/// Why an endpoint was not let in.
public struct AttachRefusal: Error, Sendable, Equatable {
    /// An errno(3) for programs.
    public let code: Int32
    public let message: String

    public init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }
}
