// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Endpoints
public import LinuxSystem
import Synchronization

/// The control thread's handle of a data plane that runs on a thread of its own.
///
/// Keeps the books of places: which are free, and which generation each is in.
public final class DataPlane {
    public let state: EngineState
    let mailbox: EngineMailbox
    private var generations: [UInt32]
    private var isUsed: [Bool]
    private var captureSlots: Set<Int> = []
    private var thread: Thread.Handle?

    /// Makes the memory and starts the loop.
    public init(configuration: EngineConfiguration) throws(Errno) {
        state = try EngineState(configuration: configuration)
        let mailbox = try EngineMailbox(state: state)
        self.mailbox = mailbox
        generations = Array(repeating: 0, count: configuration.endpointCount)
        isUsed = Array(repeating: false, count: configuration.endpointCount)
        thread = try Thread.start(name: "etherloom-loop") {
            do throws(Errno) {
                var engine = try Engine(configuration: configuration, mailbox: mailbox)
                engine.run()
            } catch {
                mailbox.post(.failed(error))
            }
            mailbox.close()
        }
    }

    deinit { stop() }

    /// Ends the loop; every endpoint's descriptor is closed.
    public func stop() {
        guard let thread = thread.take() else { return }
        mailbox.perform(.stop)
        thread.join()
    }

    func takeCaptureSlot() -> Int? {
        guard let slot = (0..<Self.captureCapacity).first(where: { !captureSlots.contains($0) }) else { return nil }
        captureSlots.insert(slot)
        return slot
    }

    func freeCaptureSlot(_ slot: Int) { captureSlots.remove(slot) }

    /// A place in the endpoint table.
    public struct Place: Sendable, Hashable {
        public let index: Int
        let generation: UInt32
    }

    func takePlace() -> Place? {
        guard let index = isUsed.firstIndex(of: false) else { return nil }
        isUsed[index] = true
        generations[index] &+= 1
        return Place(index: index, generation: generations[index])
    }

    /// Plugs an endpoint into a port: nil when no place is free. The description is kept in the state memory.
    ///
    /// - Parameter filters: what it wants from its first frame on.
    public func add(
        _ endpoint: consuming Endpoint,
        port: Int,
        entry: PortTable.EndpointEntry,
        filters: ClientFilterSet = ClientFilterSet()
    ) -> Place? {
        var entry = entry
        entry.kind = endpoint.kind.rawValue
        entry.capabilities = endpoint.capabilities.rawValue
        return add(boxed: Box(endpoint), port: port, entry: entry, filters: filters)
    }

    /// The same for one that is in a box, which it leaves only if there is a place. The entry is complete.
    func add(
        boxed endpoint: Box<Endpoint>,
        port: Int,
        entry: PortTable.EndpointEntry,
        filters: ClientFilterSet = ClientFilterSet()
    ) -> Place? {
        guard let place = takePlace() else { return nil }
        if !filters.isEmpty { setFilters(place, filters) }
        state.table.setEndpoint(place.index, entry)
        mailbox.perform(.add(endpoint, index: place.index, generation: place.generation, port: port))
        return place
    }

    /// Plugs a gateway of this process into a port: nil when no place is free.
    func setGateway(_ gateway: consuming GatewayElement, port: Int, entry: PortTable.EndpointEntry) -> Place? {
        guard let place = takePlace() else { return nil }
        var entry = entry
        entry.kind = EndpointKind.gateway.rawValue
        entry.capabilities = PortCapabilities.all.rawValue
        state.table.setEndpoint(place.index, entry)
        mailbox.perform(.setGateway(Box(gateway), index: place.index, generation: place.generation, port: port))
        return place
    }

    /// Takes an endpoint out and closes its descriptor.
    public func remove(_ place: Place) {
        guard isUsed[place.index], generations[place.index] == place.generation else { return }
        mailbox.perform(.remove(index: place.index, generation: place.generation))
        free(place)
    }

    /// Takes an endpoint out as it is: it can be plugged in elsewhere. Nil when it has ended already, which an event tells.
    func extract(_ place: Place) -> Box<Endpoint>? {
        guard isUsed[place.index], generations[place.index] == place.generation else { return nil }
        let box = Box<Endpoint>()
        mailbox.perform(.extract(index: place.index, generation: place.generation, box))
        guard let endpoint = box.take() else { return nil }
        box.put(endpoint)
        free(place)
        return box
    }

    /// Places are free for so many endpoints.
    func hasRoom(for count: Int) -> Bool { isUsed.count { !$0 } >= count }

    /// Has an endpoint change: carrier, keys, rings.
    public func configure(_ place: Place, _ change: consuming EndpointChange) {
        guard isUsed[place.index], generations[place.index] == place.generation else { return }
        mailbox.perform(.configure(Box(change), index: place.index, generation: place.generation))
    }

    private func free(_ place: Place) {
        isUsed[place.index] = false
        state.table.clearEndpoint(place.index)
    }

    /// Readable when `takeEvents` has something.
    public var eventDescriptor: Int32 { mailbox.eventDescriptor }

    /// What happened since the last call. An ended endpoint's place is free again.
    public func takeEvents() -> [Event] {
        mailbox.takeEvents().compactMap { event in
            switch event {
            case .endpointEnded(let index, let generation):
                guard isUsed[index], generations[index] == generation else { return nil }
                let place = Place(index: index, generation: generation)
                free(place)
                return .ended(place)
            case .notice(let notice, let index, let generation):
                guard isUsed[index], generations[index] == generation else { return nil }
                return .notice(Place(index: index, generation: generation), notice)
            case .forwardingChanged: return .forwardingChanged
            case .spanningTree(let event): return .spanningTree(event)
            case .loopSuspected(let suspicion): return .loopSuspected(suspicion)
            case .failed(let error): return .failed(error)
            case .lost(let count): return .lost(count)
            }
        }
    }

    public enum Event: Sendable {
        /// The endpoint's other end went away; the place has been freed.
        case ended(Place)
        /// The endpoint there has something to say.
        case notice(Place, EndpointNotice)
        /// Addresses came or went: `takeForwardingChanges` has them.
        case forwardingChanged
        /// A spanning tree has decided something.
        case spanningTree(SpanningTreeEvent)
        /// One address comes from two ports in turn, many times a second: the cables form a loop.
        case loopSuspected(LoopWatch.Suspicion)
        case failed(Errno)
        /// So many others came faster than they were taken: notices, what spanning trees decided. Nothing that the books need.
        case lost(UInt64)
    }

    public func setHub(_ isHub: Bool) { mailbox.perform(.setHub(isHub)) }
    public func setAgeing(seconds: UInt16) { mailbox.perform(.setAgeing(seconds)) }
    public func setMinimumPersistence(seconds: UInt16) { mailbox.perform(.setMinimumPersistence(seconds)) }
    public func forgetAddresses() { mailbox.perform(.forgetAddresses) }
    public func resetCounters(port: Int) { mailbox.perform(.resetCounters(port: port)) }

    /// Begins or ends the reporting of addresses that come and go.
    public func watchForwarding(_ isOn: Bool) {
        guard state.journal.isOn != isOn else { return }
        state.journal.turn(on: isOn)
        mailbox.perform(.scheduleSweep)
    }

    /// The addresses that came and went since the last call, and how many more did not fit since the beginning.
    public func takeForwardingChanges() -> (changes: [ForwardingJournal.Change], lostCount: UInt64) {
        (state.journal.take(), state.journal.lostCount)
    }

    /// The addresses known now.
    public func forwardingRows(ageingSeconds: UInt16) -> [ForwardingDatabaseView.Row] {
        let tick = UInt16(truncatingIfNeeded: MonotonicClock.nanoseconds / 1_000_000_000)
        return state.forwardingView.rows(now: tick, ageingSeconds: ageingSeconds)
    }
}
