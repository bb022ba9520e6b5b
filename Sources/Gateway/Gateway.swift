// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import Wire

/// User-mode network address translation: guests reach the world through the host's own sockets.
///
/// # Theory of operation
///
/// Frames of the guests' network come in at `receive`; frames to them leave through `output`. Behind the gateway there is no
/// wire but sockets of the host (`GatewayHost`). Nothing here is a TCP/IP stack of its own: each flow of a guest becomes a
/// socket, and the kernel's stack does the rest of the way. No privilege is needed.
///
///     guest ══ frames ══▶ receive ──▶ flow record ──▶ host.send ──▶ kernel ══▶ world
///     guest ◀═ frames ══ service ◀── flow record ◀── host.peek ◀── kernel ◀══ world
///
/// **To the host.** Data in order goes from the frame's slot straight to the socket. What the socket does not take waits in
/// the flow's spill queue, and the window offered to the guest is the room left there. Since the window never promises
/// more than that, what is acknowledged is never lost. Acknowledgements are sent once a burst.
///
/// **To the guest.** Data is peeked from the socket into a large slot, behind room for the headers: a super-frame of up to
/// 64 KiB that the port at the way's end cuts if it must. The data stays in the kernel until the guest acknowledged it; so
/// there is no send buffer here, and sending again is peeking again. Loss is found by duplicate acknowledgements and by a
/// timer (`TCPFlow`), and a congestion window keeps a slow guest's queue from overflowing.
///
/// **Work and turns.** A received frame, a ready socket and a timer each note on the flow's record what is to be done and
/// put the flow into the pending list. `finishBurst` and `continueWork` serve the list in turn: each flow may use a share
/// of the turn, then the next one comes. When `output` is full the rest stays pending. So no flow starves another, and no
/// event does unbounded work.
///
/// **State.** All flows, neighbours, leases and spilled data lie in the state memory as records that refer to each other
/// by index. Sockets are named by handles. Readiness comes back with a token that holds the record's generation: an event
/// for an older user of the record is recognised and ignored.
///
/// **Hostile guests.** Every field of a frame is checked before it is used; a bad frame is a counter. All tables are of
/// fixed size, a guest that fills them gets no more service, and the host is never asked to wait. Hash keys and initial
/// sequence numbers are secret.
///
/// **Files.** `Link/`: Ethernet, ARP, ICMP, DHCP. `TCP/`: flow record; receiving (`+TCPReceive`), acknowledgements and
/// congestion, serving (`+TCPService`), opening and closing, timers, frames out. `UDP/`: conversations, forwards, names.
/// `Tables/`: records, hash index, timers, spill.
///
/// Thread rule: one thread calls everything but `counters`, which any thread may read.
public struct Gateway: ~Copyable {
    public internal(set) var configuration: GatewayConfiguration
    /// What was counted; a value that other threads may keep and read.
    public let counters: GatewayCounters

    let secret: HashSecret
    let sequenceSecret: HashSecret
    var random: SplitMix64

    // TCP
    let tcp: RecordTable<TCPFlow>
    var tcpIndex: FlowIndex
    var tcpPlaces: FreePlaces
    /// Flows with work to do.
    var pending = RecordList(number: 1)
    /// Tuples that rest after their connection's end.
    var resting = RecordList(number: 2)
    /// Accepted connections whose guest's address is being asked for.
    var resolving = RecordList(number: 3)
    var halfOpenCount = 0
    var tcpEvictionHand = 0
    var spill: SpillArena

    // UDP
    let udp: RecordTable<UDPFlow>
    var udpIndex: FlowIndex
    var udpPlaces: FreePlaces
    var udpPending = RecordList(number: 1)
    var evictionHand = 0
    let queries: RecordTable<ResolverQuery>
    var resolvers: ResolverList

    // Forwards
    var forwards: ForwardStates
    /// So many have a timer.
    let forwardCapacity: Int

    // Link
    var neighbours: NeighbourTable
    var resolutions = AddressResolutions()
    var leases: LeaseTable
    var timers: TimerWheel

    /// Bytes of state memory that a gateway's sections take together.
    public static func stateByteCount(_ configuration: GatewayConfiguration) -> Int {
        let limits = configuration.limits
        return RecordTable<TCPFlow>.byteCount(limits.tcpFlowCount) + FlowIndex.byteCount(limits.tcpFlowCount)
            + RecordTable<UDPFlow>.byteCount(limits.udpFlowCount) + FlowIndex.byteCount(limits.udpFlowCount)
            + RecordTable<ResolverQuery>.byteCount(limits.udpFlowCount)
            + SpillArena.byteCount(limits.spillChunkCount) + NeighbourTable.byteCount(limits.neighbourCount)
            + LeaseTable.byteCount(limits.leaseCount) + TimerWheel.byteCount(TimerNumber.count(configuration))
            + GatewayCounters.byteCount
    }

    /// A gateway whose tables lie in `state`, which outlives it.
    public init(configuration: GatewayConfiguration, state: inout StateMemory) {
        self.configuration = configuration
        let limits = configuration.limits
        counters = GatewayCounters(in: &state)
        secret = HashSecret(seed: configuration.seed)
        sequenceSecret = HashSecret(seed: configuration.seed ^ 0x5bd1_e995_9e37_79b9)
        random = SplitMix64(state: configuration.seed ^ 0x2545_f491_4f6c_dd1d)
        tcp = RecordTable(in: &state, .flows, count: limits.tcpFlowCount)
        tcpIndex = FlowIndex(in: &state, .flowIndex, flowCount: limits.tcpFlowCount)
        tcpPlaces = FreePlaces(capacity: limits.tcpFlowCount)
        spill = SpillArena(in: &state, chunkCount: limits.spillChunkCount)
        udp = RecordTable(in: &state, .udpFlows, count: limits.udpFlowCount)
        udpIndex = FlowIndex(in: &state, .udpFlowIndex, flowCount: limits.udpFlowCount)
        udpPlaces = FreePlaces(capacity: limits.udpFlowCount)
        queries = RecordTable(in: &state, .resolverQueries, count: limits.udpFlowCount)
        resolvers = ResolverList(configuration.resolvers)
        forwards = ForwardStates(count: configuration.forwards.count)
        forwardCapacity = configuration.forwards.count + configuration.spareForwardCount
        neighbours = NeighbourTable(in: &state, neighbourCount: limits.neighbourCount, secret: secret)
        leases = LeaseTable(in: &state, configuration: configuration)
        timers = TimerWheel(in: &state, timerCount: TimerNumber.count(configuration))
    }

    /// Takes one frame from the guests' side: an ordinary frame or a super-frame, its checksum perhaps partial. The caller
    /// keeps its hold. Frames to be sent are appended to `output`, each with one holder.
    public mutating func receive<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        counters.add(.framesIn)
        receiveFrame(frame, pool: &pool, host: &host, output: &output, now: now)
    }

    /// Ends a burst of `receive` and `hostReady`: does the work that they left, acknowledgements among it.
    public mutating func finishBurst<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        continueWork(pool: &pool, host: &host, output: &output, now: now)
    }

    /// Notes the readiness of a host socket; `finishBurst` or `continueWork` acts on it.
    public mutating func hostReady<Host: GatewayHost & ~Copyable>(
        _ token: GatewayToken,
        events: HostEvents,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let index = token.index
        switch token.kind {
        case .tcp: tcpReady(index, generation: token.generation, events: events)
        case .udp: udpReady(index, generation: token.generation)
        case .forward: forwards.setReady(index)
        }
    }

    /// There is work that did not fit the last turn: the loop should not sleep but call `continueWork`.
    public var hasPendingWork: Bool { !pending.isEmpty || !udpPending.isEmpty || forwards.hasReady }

    /// Goes on with work that did not fit the last turn.
    public mutating func continueWork<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        // Each flow once: one that has more to do stands at the list's end and waits for the next turn.
        var turns = pending.count
        while turns > 0, let index = pending.first, !output.isFull {
            turns &-= 1
            tcp.beginWrite(index)
            serveTCP(index, pool: &pool, host: &host, output: &output, now: now)
            tcp.endWrite(index)
        }
        turns = udpPending.count
        while turns > 0, let index = udpPending.first, !output.isFull {
            turns &-= 1
            serveUDP(index, pool: &pool, host: &host, output: &output, now: now)
        }
        if forwards.hasReady { serveForwards(pool: &pool, host: &host, output: &output, now: now) }
    }

    /// When `expire` is to be called next, in nanoseconds of the same clock; nil while no timer runs. It may be early.
    public var nextDeadline: UInt64? { timers.nextDeadline }

    /// Acts on the timers that are due.
    public mutating func expire<Host: GatewayHost & ~Copyable>(
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        // A timer may send two frames; those that do not fit wait for the next call, which is due at once.
        while output.freeCount >= 2, let number = timers.popDue(now: now) {
            fire(number, pool: &pool, host: &host, output: &output, now: now)
        }
        continueWork(pool: &pool, host: &host, output: &output, now: now)
    }

    /// The host's name servers changed. Questions from now on go to the new ones.
    public mutating func resolverChanged(_ servers: [HostEndpoint]) { resolvers = ResolverList(servers) }

    /// The host's side of the destinations that guests name.
    enum Route {
        /// A socket of the host reaches it.
        case host(HostEndpoint)
        /// The host's name server.
        case resolver
        /// An address of ours where nobody listens.
        case refused
        /// Not reached through the gateway.
        case prohibited
    }

    func route(_ address: IPv4Address, port: UInt16) -> Route {
        if address == configuration.gatewayAddress {
            guard configuration.reachesHostLoopback else { return .refused }
            return .host(HostEndpoint(address: .loopback, port: port))
        }
        if address == configuration.dnsAddress { return port == 53 ? .resolver : .refused }
        // The network's other addresses are reached without us, or not at all; the rest are not addresses of one host
        // somewhere else (RFC 6890).
        if configuration.network.contains(address) || address.isLoopback || address.rawValue >> 28 >= 0xe
            || address.rawValue >> 24 == 0 || port == 0
        {
            return .prohibited
        }
        return .host(HostEndpoint(address: address, port: port))
    }

    /// The address under which a guest sees a host-side client: its own, but for those that would lead elsewhere when the
    /// guest answered them.
    func visibleAddress(of peer: IPv4Address) -> IPv4Address {
        peer.isLoopback || peer.isUnspecified || configuration.network.contains(peer)
            ? configuration.gatewayAddress : peer
    }

    func isOwn(_ address: IPv4Address) -> Bool {
        address == configuration.gatewayAddress || address == configuration.dnsAddress
    }
}
