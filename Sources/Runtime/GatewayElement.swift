// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import Endpoints
public import Gateway
import LinuxSystem
import Synchronization

/// A gateway inside the process, one function call from the bridge: the flow translator, the host's sockets that it uses,
/// and the frames that it has to say.
public struct GatewayElement: ~Copyable, @unchecked Sendable {
    // Unchecked: the value is made on the control thread and moves to the loop thread once, through a `Box`; the flow
    // tables that it points into are not touched by anyone else.
    private var gateway: Gateway
    private var host: HostSockets
    private var output = FrameBurst(capacity: Engine.burstCapacity)
    /// Where the gateway's tables are, if not in the data plane's own memory.
    private let memory: MemoryRegion?

    init(gateway: consuming Gateway, host: consuming HostSockets, memory: consuming MemoryRegion? = nil) {
        self.gateway = gateway
        self.host = host
        self.memory = memory
    }

    /// Adds a forward, or takes one away.
    mutating func change(_ forward: PortForward, isAddition: Bool) -> ForwardChange.Outcome {
        if isAddition {
            guard gateway.number(of: forward) == nil else { return .exists }
            guard let number = gateway.nextForwardNumber else { return .full }
            do throws(HostSocketsError) {
                try host.addForward(forward, number: number)
            } catch {
                return .failed(error)
            }
            gateway.addForward(forward)
        } else {
            guard let number = gateway.number(of: forward) else { return .unknown }
            host.removeForward(number: number)
            gateway.removeForward(number, host: &host)
        }
        return .done
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

    /// The same for a data plane that was not configured for one: the tables get memory of their own, which ends with it.
    public func makeSeparateGateway(_ configuration: GatewayConfiguration) throws -> GatewayElement {
        let host = try HostSockets(
            epoll: mailbox.epoll.rawDescriptor,
            wordPrefix: Engine.WordKind.hostSocket.rawValue << 56,
            forwards: configuration.forwards
        )
        let byteCount = StateMemory.byteCount(sections: Gateway.stateByteCount(configuration))
        let rounded = (byteCount + 4095) & ~4095
        let file = try MemoryFile.create(name: "etherloom-gateway", byteCount: rounded)
        let region = try MemoryRegion.shared(file, byteCount: rounded)
        var memory = unsafe StateMemory(formatting: region.bytes)
        let gateway = Gateway(configuration: configuration, state: &memory)
        return GatewayElement(gateway: gateway, host: host, memory: region)
    }

    /// Adds a forward to the gateway that runs here, or takes one away.
    func changeForward(_ forward: PortForward, isAddition: Bool) -> ForwardChange.Outcome {
        let change = ForwardChange(forward, isAddition: isAddition)
        mailbox.perform(.changeForward(change))
        return change.outcome
    }

    /// Tells the gateway the host's current name servers.
    public func setResolvers(_ servers: [HostEndpoint]) { mailbox.perform(.setResolvers(servers)) }
}

/// A change of a running gateway's forwards, on its way to the loop and back.
final class ForwardChange: Sendable {
    enum Outcome: Sendable {
        case done, exists, unknown, full
        case failed(HostSocketsError)
    }

    let forward: PortForward
    let isAddition: Bool
    private let answer = Mutex(Outcome.unknown)

    init(_ forward: PortForward, isAddition: Bool) {
        self.forward = forward
        self.isAddition = isAddition
    }

    var outcome: Outcome { answer.withLock { $0 } }
    func finish(_ outcome: Outcome) { answer.withLock { $0 = outcome } }
}
