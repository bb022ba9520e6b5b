// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Gateway
public import LinuxSystem
import Synchronization

/// Sizes of a data plane, chosen when it is made.
public struct EngineConfiguration: Sendable {
    /// Forward every frame to every other port.
    public var isHub = false
    /// Interfaces that share uplinks: nothing is learned. See `Multiplexer`.
    public var isMultiplexer = false
    /// How long the loop looks for more work before it sleeps, in microseconds: trades processor time for latency.
    public var spinMicroseconds = 0
    /// Ports, number 0 included.
    public var portCount: Int
    public var endpointCount: Int
    /// Addresses that the forwarding database has places for; it never has fewer than 65,536, or 8192 in a link.
    public var addressCount = 65_536
    /// Few are plugged in, so that smaller tables do.
    public var isLink = false
    /// Slots of the frame pool. A few hundred of each kind are needed for bursts; the rest is for queues.
    public var smallSlotCount = Tunables.smallSlotCount
    public var largeSlotCount = Tunables.largeSlotCount
    /// The gateway that will be plugged in, whose tables the state memory then has room for.
    public var gateway: GatewayConfiguration?

    public init(portCount: Int, isHub: Bool = false, gateway: GatewayConfiguration? = nil) {
        self.portCount = max(2, min(portCount, Tunables.maximumPortCount))
        // Several endpoints may share a port.
        self.endpointCount = min(self.portCount + 64, Tunables.maximumEndpointCount)
        self.isHub = isHub
        self.gateway = gateway
    }
}

/// The memory of a data plane that must outlive its process: a memory file with all tables.
///
/// Both mappings live as long as this object, which the engine's mailbox holds for as long as either thread runs; tables
/// made from the state memory are valid that long.
public final class EngineState: Sendable {
    /// The state memory's file: whoever holds a duplicate of it finds the tables there after this process is gone.
    public let file: OwnedDescriptor
    private let stateRegion: MemoryRegion
    public let table: PortTable
    public let forwardingView: ForwardingDatabaseView
    /// What the forwarding database learns and forgets, while somebody listens.
    let journal: ForwardingJournal
    private let forwarding: Mutex<ForwardingBox>
    private let vlans: Mutex<VLANBox>
    private let portStates: Mutex<PortStatesBox>
    private let memory: Mutex<StateBox>

    private struct VLANBox: ~Copyable, @unchecked Sendable {
        var value: VLANTable?
    }
    private struct PortStatesBox: ~Copyable, @unchecked Sendable {
        var value: PortStates?
    }
    private struct ForwardingBox: ~Copyable, @unchecked Sendable {
        var value: ForwardingDatabase?
    }
    private struct StateBox: ~Copyable, @unchecked Sendable {
        var value: StateMemory
    }

    public init(configuration: EngineConfiguration) throws(Errno) {
        // Eight places each; a million addresses take 16 MiB, once they are there.
        var bucketCount = configuration.isLink ? 1024 : 8192
        while !configuration.isLink, bucketCount * 8 < min(configuration.addressCount, 1 << 20) { bucketCount *= 2 }
        let size = StateMemory.byteCount(
            sections: PortTable.byteCount(
                portCount: configuration.portCount,
                endpointCount: configuration.endpointCount
            ),
            ForwardingDatabase.byteCount(bucketCount: bucketCount),
            VLANTable.byteCount(portCount: configuration.portCount),
            PortStates.byteCount(portCount: configuration.portCount),
            configuration.gateway.map { Gateway.stateByteCount($0) } ?? 0
        )
        let pageSize = 4096
        let rounded = (size + pageSize - 1) & ~(pageSize - 1)
        file = try MemoryFile.create(name: "etherloom-state", byteCount: rounded)
        stateRegion = try MemoryRegion.shared(file, byteCount: rounded)
        var memory = unsafe StateMemory(formatting: stateRegion.bytes)
        table = PortTable(
            in: &memory,
            portCount: configuration.portCount,
            endpointCount: configuration.endpointCount
        )
        var database = ForwardingDatabase(in: &memory, bucketCount: bucketCount, seed: CurrentProcess.random())
        journal = ForwardingJournal.make()
        database.journal = journal
        forwardingView = database.view
        forwarding = Mutex(ForwardingBox(value: consume database))
        vlans = Mutex(VLANBox(value: VLANTable(in: &memory, portCount: configuration.portCount)))
        portStates = Mutex(PortStatesBox(value: PortStates(in: &memory, portCount: configuration.portCount)))
        self.memory = Mutex(StateBox(value: consume memory))
    }

    deinit { journal.deallocate() }

    /// The forwarding database, for the one engine.
    func takeForwarding() -> ForwardingDatabase {
        forwarding.withLock { $0.value.take()! }
    }

    /// The ports' VLANs, for the one engine.
    func takeVLANs() -> VLANTable {
        vlans.withLock { $0.value.take()! }
    }

    /// What the spanning trees let ports do, for the one engine.
    func takePortStates() -> PortStates {
        portStates.withLock { $0.value.take()! }
    }

    /// A gateway whose tables lie in the state memory.
    func makeGateway(_ configuration: GatewayConfiguration) -> Gateway {
        var gateway: Gateway?
        memory.withLock { gateway = Gateway(configuration: configuration, state: &$0.value) }
        return gateway.take()!
    }
}
