// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane

/// Type and entry points; the work follows.
public struct Gateway: ~Copyable {
    public let configuration: GatewayConfiguration

    /// Bytes of state memory that a gateway takes, its sections' alignment included.
    public static func stateByteCount(_ configuration: GatewayConfiguration) -> Int { 0 }

    /// A gateway whose tables lie in `state`.
    public init(configuration: GatewayConfiguration, state: inout StateMemory) {
        self.configuration = configuration
    }

    /// Takes one frame from the guests' side: an ordinary frame or a super-frame, its checksum perhaps partial. The caller
    /// keeps its hold. Frames to be sent are appended to `output`, each with one holder.
    public mutating func receive<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference, pool: inout FramePool, host: inout Host, output: inout FrameBurst, now: UInt64
    ) {
    }

    /// Ends a burst of `receive` and `hostReady`: does the work that they left, acknowledgements first.
    public mutating func finishBurst<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool, host: inout Host, output: inout FrameBurst, now: UInt64
    ) {
    }

    /// Notes the readiness of a host socket; `finishBurst` or `continueWork` acts on it.
    public mutating func hostReady<Host: GatewayHost & ~Copyable>(
        _ token: GatewayToken, events: HostEvents, pool: inout FramePool, host: inout Host, output: inout FrameBurst,
        now: UInt64
    ) {
    }

    /// There is work that did not fit the last turn: the loop should not sleep but call `continueWork`.
    public var hasPendingWork: Bool { false }

    /// Goes on with work that did not fit the last turn.
    public mutating func continueWork<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool, host: inout Host, output: inout FrameBurst, now: UInt64
    ) {
    }

    /// When `expire` is to be called next, in nanoseconds of the same clock; nil while no timer runs. It may be early.
    public var nextDeadline: UInt64? { nil }

    /// Acts on the timers that are due.
    public mutating func expire<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool, host: inout Host, output: inout FrameBurst, now: UInt64
    ) {
    }

    /// The host's name servers changed. New questions go to the new ones.
    public mutating func resolverChanged(_ servers: [HostEndpoint]) {
    }
}
