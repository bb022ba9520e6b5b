// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints

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
    /// Runs when the endpoint goes: closes its connection, removes its socket file.
    let onRemoval: () -> Void
    /// Runs when the endpoint has something to say.
    let onNotice: (EndpointNotice) -> Void
}

/// A port of a switch, as the control thread knows it.
public struct SwitchPort {
    public let number: Int
    public var untaggedVLAN: UInt16 = 0
    public var endpoints: [SwitchEndpoint] = []
    /// Port numbers are given out automatically from ports that are allocatable.
    public var isAllocatable = true

    init(number: Int) { self.number = number }

    public var isActive: Bool { !endpoints.isEmpty }
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
