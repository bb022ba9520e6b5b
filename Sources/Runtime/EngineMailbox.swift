// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Endpoints
import Gateway
public import LinuxSystem
import Synchronization

/// What the loop is asked to do. Places and ports are chosen by the control thread, which keeps the books.
enum EngineCommand: Sendable {
    case add(Box<Endpoint>, index: Int, generation: UInt32, port: Int)
    case remove(index: Int, generation: UInt32)
    /// Takes an endpoint out as it is, for another loop.
    case extract(index: Int, generation: UInt32, Box<Endpoint>)
    case configure(Box<EndpointChange>, index: Int, generation: UInt32)
    case setHub(Bool)
    case setAgeing(UInt16)
    case setMinimumPersistence(UInt16)
    case forgetAddresses
    case scheduleSweep
    case resetCounters(port: Int)
    case setGateway(Box<GatewayElement>, index: Int, generation: UInt32, port: Int)
    case setResolvers([HostEndpoint])
    case changeForward(ForwardChange)
    case setVLAN(PortVLANChange)
    case setFloodLimit(port: Int?, framesPerSecond: UInt64?)
    case queryStorms(StormQuery)
    case setSpanningTree(SpanningTreeChange)
    case hooks(HookChange)
    case multiplexer(MultiplexerChange)
    case stop
}

/// What the loop reports.
public enum EngineEvent: Sendable {
    /// An endpoint's other end is gone; the loop has taken it out.
    case endpointEnded(index: Int, generation: UInt32)
    /// An endpoint has something to say.
    case notice(EndpointNotice, index: Int, generation: UInt32)
    /// The forwarding database's journal has something new.
    case forwardingChanged
    /// A spanning tree has decided something.
    case spanningTree(SpanningTreeEvent)
    /// One address comes from two ports in turn: a loop.
    case loopSuspected(LoopWatch.Suspicion)
    /// The loop itself cannot go on.
    case failed(Errno)
    /// So many were not kept, because they were not taken in time.
    case lost(UInt64)

    /// Whether the control thread's books would be wrong without it. Of these there are no more than two to a place: see
    /// `replaces`.
    var isNecessary: Bool {
        switch self {
        case .endpointEnded, .failed: true
        case .notice(let notice, _, _): notice.kind == .peerUp || notice.kind == .peerDown
        default: false
        }
    }

    /// Whether only this one counts of the two: the latest word about a peer.
    func replaces(_ other: EngineEvent) -> Bool {
        guard isNecessary, other.isNecessary, case .notice(_, let index, let generation) = self,
            case .notice(_, index, generation) = other
        else { return false }
        return true
    }
}

/// Carries a non-copyable value through a queue.
final class Box<Content: ~Copyable & Sendable>: Sendable {
    private let content: Mutex<Content?>

    init(_ content: consuming Content) { self.content = Mutex(consume content) }

    /// One that the other side fills.
    init() { content = Mutex(nil) }

    func put(_ value: consuming Content) {
        var value = Optional(consume value)
        content.withLock { $0 = value.take() }
    }

    func take() -> Content? { content.withLock { $0.take() } }
}

/// Commands to the loop and its reports: the only thing that both threads touch besides the state memory.
///
/// Each side queues under a lock that is held for a few instructions and wakes the other by an eventfd. The loop looks here
/// only when woken, so that the frame path takes no lock.
///
/// What the loop reports is bounded, because others cause it (a bridge that says something else with each BPDU) and nobody may
/// take it for a while: beyond a number it is counted and no more. There is room for all of it from the start, so that the
/// loop never allocates.
final class EngineMailbox: Sendable {
    private struct Queues: Sendable {
        var commands: [EngineCommand] = []
        var events: [EngineEvent] = []
        var lostCount: UInt64 = 0
        var posted = 0
        var done = 0
        /// The loop has ended: nobody will perform anything any more.
        var isClosed = false
    }

    let state: EngineState
    /// What the loop waits on. Made here so that host sockets can be registered before the loop knows of them.
    let epoll: Epoll
    private let queues = Mutex(Queues())
    private let toLoop: EventFD
    private let toControl: EventFD
    private let completion: EventFD

    /// Events that wait, beside those that are necessary.
    static let eventLimit = 1024
    private let eventCapacity: Int

    init(state: EngineState) throws(Errno) {
        self.state = state
        epoll = try Epoll()
        toLoop = try EventFD()
        toControl = try EventFD()
        completion = try EventFD()
        eventCapacity = Self.eventLimit + 2 * state.table.endpointCount + 1
        queues.withLock { $0.events.reserveCapacity(eventCapacity) }
    }

    // MARK: The loop's side

    var wakeUpDescriptor: Int32 { toLoop.rawDescriptor }
    func drainWakeUp() { toLoop.drain() }
    func nextCommand() -> EngineCommand? {
        queues.withLock { $0.commands.isEmpty ? nil : $0.commands.removeFirst() }
    }
    func commandDone() {
        queues.withLock { $0.done += 1 }
        completion.signal()
    }
    /// The loop has ended. Whoever waits for a command need not.
    func close() {
        queues.withLock { $0.isClosed = true }
        completion.signal()
    }
    func post(_ event: EngineEvent) {
        queues.withLock {
            if $0.events.count < Self.eventLimit || event.isNecessary {
                // Looked for only where there is no room to spare.
                if $0.events.count >= Self.eventLimit, let old = $0.events.firstIndex(where: event.replaces) {
                    $0.events.remove(at: old)
                }
                $0.events.append(event)
            } else {
                $0.lostCount += 1
            }
        }
        toControl.signal()
    }

    // MARK: The control thread's side

    /// Readable when the loop has something to report.
    var eventDescriptor: Int32 { toControl.rawDescriptor }

    func takeEvents() -> [EngineEvent] {
        toControl.drain()
        guard queues.withLock({ !$0.events.isEmpty }) else { return [] }
        // The other side goes on with this one's room.
        var events: [EngineEvent] = []
        events.reserveCapacity(eventCapacity)
        let lostCount = queues.withLock { queues in
            swap(&queues.events, &events)
            defer { queues.lostCount = 0 }
            return queues.lostCount
        }
        if lostCount > 0 { events.append(.lost(lostCount)) }
        return events
    }

    /// Has the loop perform a command and waits until it has: microseconds, since the loop never blocks.
    func perform(_ command: EngineCommand) {
        let number = queues.withLock {
            $0.commands.append(command)
            $0.posted += 1
            return $0.posted
        }
        toLoop.signal()
        while queues.withLock({ $0.done < number && !$0.isClosed }) {
            completion.waitUntilSignalled()
        }
    }
}
