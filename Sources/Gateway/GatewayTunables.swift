// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// How much of everything one gateway may use. The state memory is sized by it; memory is taken only when touched.
public struct GatewayLimits: Sendable, Equatable {
    /// TCP connections at a time.
    public var tcpFlowCount = 16_384
    /// UDP conversations at a time; the one that was silent longest makes room.
    public var udpFlowCount = 4096
    /// TCP connections at a time that are not yet established, outbound and inbound together: a guest that sends SYNs
    /// only uses up these.
    public var halfOpenCount = 2048
    /// Pieces of 32 KiB for data that host sockets did not take yet: 64 MiB.
    public var spillChunkCount = 2048
    /// Bytes that one connection may hold back, which is also the window offered to guests: well above bandwidth times
    /// delay of a local link (10 Gb/s times 200 µs is 250 KB); longer ways are the kernel's sockets' to fill.
    public var spillByteCountPerFlow = 1 << 20
    /// Guests whose Ethernet addresses are known, and leases.
    public var neighbourCount = 4096

    public init() {}
}

/// Fixed numbers of the gateway, each with its unit and its reason.
public enum GatewayTunables {
    public static let maximumForwardCount = 1024
}
