// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Who hears whom at a multiplexer: every interface hears all others and the uplinks, an uplink hears the interfaces.
///
/// Nothing is learned. Frames do not pass from one uplink to another: a multiplexer shares networks, it does not join them,
/// and two uplinks to the same network are no loop.
public struct Multiplexer: ~Copyable {
    /// The bridge's tables are not asked.
    public var isOn = false
    /// By port.
    private var uplinks: RigidTable<Bool>

    public init(portCount: Int) { uplinks = RigidTable(count: portCount) { _ in false } }

    public mutating func setUplink(port: Int, _ isUplink: Bool) { uplinks[port] = isUplink }

    /// The port leads to the network that the interfaces share.
    @inline(__always)
    public func isUplink(_ port: Int) -> Bool { uplinks[port] }

    /// A frame that came in at `origin` goes to `port` too.
    @inline(__always)
    public func reaches(_ port: Int, from origin: Int) -> Bool {
        port != origin && !(uplinks[origin] && uplinks[port])
    }
}
