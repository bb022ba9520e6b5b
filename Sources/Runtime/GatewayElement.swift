// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import Endpoints
public import Gateway
import LinuxSystem

/// A gateway inside the process, one function call from the bridge: the flow translator, the host's sockets that it uses,
/// and the frames that it has to say.
public struct GatewayElement: ~Copyable, @unchecked Sendable {
    // Unchecked: the value is made on the control thread and moves to the loop thread once, through a `Box`; the flow
    // tables that it points into are not touched by anyone else.
    private var gateway: Gateway
    private var host: HostSockets
    private var output = FrameBurst(capacity: Engine.burstCapacity)

    init(gateway: consuming Gateway, host: consuming HostSockets) {
        self.gateway = gateway
        self.host = host
    }

    mutating func receive(_ frame: FrameReference, pool: inout FramePool, now: UInt64) {
        gateway.receive(frame, pool: &pool, host: &host, output: &output, now: now)
    }

    mutating func finishBurst(pool: inout FramePool, now: UInt64) {
        gateway.finishBurst(pool: &pool, host: &host, output: &output, now: now)
    }

    mutating func hostReady(word: UInt64, events: Epoll.Events, pool: inout FramePool, now: UInt64) {
        guard let ready = host.readiness(word: word, events: events) else { return }
        gateway.hostReady(ready.token, events: ready.events, pool: &pool, host: &host, output: &output, now: now)
    }

    mutating func continueWork(pool: inout FramePool, now: UInt64) {
        gateway.continueWork(pool: &pool, host: &host, output: &output, now: now)
    }

    mutating func expire(pool: inout FramePool, now: UInt64) {
        gateway.expire(pool: &pool, host: &host, output: &output, now: now)
    }

    mutating func resolverChanged(_ servers: [HostEndpoint]) { gateway.resolverChanged(servers) }

    /// Reports what is ready already: sockets tell changes only, and some happened before the loop listened.
    mutating func rearm() { host.rearm() }

    var hasPendingWork: Bool { gateway.hasPendingWork }
    var nextDeadline: UInt64 { gateway.nextDeadline ?? .max }

    /// Moves the frames that the gateway has to say to `burst`.
    mutating func takeOutput(_ burst: inout FrameBurst) {
        for position in 0..<output.count { burst.append(output[position]) }
        output.removeAll()
    }
}

extension DataPlane {
    /// Makes a gateway for this data plane, which must have been configured with one: binds its forwards, and reports
    /// those that cannot be bound.
    public func makeGateway(_ configuration: GatewayConfiguration) throws(HostSocketsError) -> GatewayElement {
        let host = try HostSockets(
            epoll: mailbox.epoll.rawDescriptor,
            wordPrefix: Engine.WordKind.hostSocket.rawValue << 56,
            forwards: configuration.forwards
        )
        return GatewayElement(gateway: state.makeGateway(configuration), host: host)
    }

    /// Tells the gateway the host's current name servers.
    public func setResolvers(_ servers: [HostEndpoint]) { mailbox.perform(.setResolvers(servers)) }
}
