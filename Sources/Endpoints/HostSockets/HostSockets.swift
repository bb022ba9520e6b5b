// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
public import LinuxSystem

/// The host's sockets for a gateway.
public struct HostSockets: ~Copyable {
    /// Bits of an epoll word that are ours; the loop's prefix has the others.
    public static var wordMask: UInt64 { 0xffff_ffff_ffff }

    /// Makes the table and binds the forwards.
    ///
    /// - Parameters:
    ///   - epoll: the loop's epoll descriptor, which outlives this value.
    ///   - wordPrefix: upper 16 bits of the epoll words of our sockets; the lower 48 bits must be 0.
    ///   - capacity: sockets at a time, forwards included.
    public init(
        epoll: Int32,
        wordPrefix: UInt64,
        forwards: [PortForward],
        capacity: Int = 24_576
    ) throws(HostSocketsError) {
    }

    /// What the gateway is to be told about an event of the loop's epoll; nil for a socket that is gone.
    public func readiness(word: UInt64, events: Epoll.Events) -> HostReadiness? { nil }
}

/// A socket's readiness in the gateway's terms: arguments for `Gateway.hostReady`.
public struct HostReadiness: Sendable {
    public var token: GatewayToken
    public var events: HostEvents

    public init(token: GatewayToken, events: HostEvents) {
        self.token = token
        self.events = events
    }
}

/// Why the host's sockets could not be set up.
public struct HostSocketsError: Error, Sendable, CustomStringConvertible {
    /// The forward that could not be bound, if it was one.
    public let forward: PortForward?
    public let errno: Errno
    public let description: String
}
