// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Endpoints
import Glibc
public import LinuxSystem
public import Wire

/// A switch: its ports and what is plugged into them. The control thread's view; the data plane moves the frames.
///
/// # Theory of operation
///
/// Servers (VDE's `ctl`, our `attach`) and the command line hand endpoints to `attach`, which finds a port, tells the data
/// plane, and keeps what the console shows. A port comes into being when something is plugged in or a console creates it, and
/// stays with its settings until it is removed (`Switch+Ports`). Endpoints go when their control connection ends (`detach`),
/// or when the data plane finds the other end gone (a deleted tap, a closed channel). Whoever wants to hear of all this
/// is among `observers`.
public final class Switch: EndpointHost {
    public let options: SwitchOptions
    public let dataPlane: DataPlane
    public let loop: ControlLoop
    public internal(set) var ports: [Int: SwitchPort] = [:]
    public private(set) var isHub: Bool
    /// Highest port number.
    public internal(set) var portCount: Int
    /// VLANs that exist, 0 always among them: the frames that have no VLAN.
    public internal(set) var vlans: Set<UInt16> = [0]
    /// What consoles have set of the forwarding database.
    public internal(set) var forwardingSettings: ForwardingSettings
    /// What consoles have set of the spanning tree.
    public internal(set) var spanningTree: SpanningTreeSettings
    /// The switch's own address, which the spanning tree and consoles show.
    public let address: MACAddress
    /// Events about addresses that came faster than they were taken, as far as they were logged.
    var lostAddressEvents: UInt64 = 0
    /// Called when the switch shall end, by console or signal; the process's main sets it.
    public var onShutdown: () -> Void = {}
    /// Ports of trees of which nothing but their addition was reported.
    var newTreePorts: Set<TreePlace> = []
    /// Where the speed that was last set is not shown, and why.
    var speedRefusals: [String] = []
    /// Networks that were plugged in by URL.
    public private(set) lazy var attachments = Attachments(self)
    /// Ports by name, of a multiplexer.
    public private(set) lazy var interfaces = Interfaces(self)
    /// What ports do besides forwarding.
    public private(set) lazy var hooks = SwitchHooks(self)
    /// Called before anything is plugged into a port; what it throws refuses the newcomer.
    public var willAttach: (Int) throws(AttachRefusal) -> Void = { _ in }
    /// Called in turn for each change of ports and endpoints.
    public var observers: [(SwitchEvent) -> Void] = []
    /// Called when one address comes from two ports in turn.
    public var onLoop: (LoopWatch.Suspicion) -> Void = { _ in }
    /// Called for each line worth logging.
    public var log: (String) -> Void = { _ in }

    public init(options: SwitchOptions, loop: ControlLoop, dataPlane: DataPlane) throws(Errno) {
        self.options = options
        self.loop = loop
        self.dataPlane = dataPlane
        // As a hub it sends every frame to everybody, and no spanning tree runs.
        isHub = options.isHub || options.isMultiplexer
        portCount = options.portCount
        forwardingSettings = ForwardingSettings(size: options.hashSize)
        spanningTree = SpanningTreeSettings(isOn: options.usesSpanningTree, priority: options.priority)
        address = options.address ?? MACAddress(rawValue: 0x00ff_0000_0000 | CurrentProcess.random() & 0xffff_ffff)
        events = try loop.watch(dataPlane.eventDescriptor) { [weak self] _ in self?.takeEvents() }
        if spanningTree.isOn { applySpanningTree() }
    }

    private var events: ControlLoop.Token?

    /// Unplugs everything and ends the data plane.
    public func stop() {
        attachments.closeAll()
        detachAll()
        if isMultiplexer { interfaces.stop() }
        if let events = events.take() { loop.cancel(events) }
        dataPlane.stop()
    }

    /// Where the console reads counters and tables.
    public var table: PortTable { dataPlane.state.table }

    /// Ports in order of their numbers.
    public var sortedPorts: [SwitchPort] { ports.values.sorted { $0.number < $1.number } }

    func report(_ event: SwitchEvent) {
        for observer in observers { observer(event) }
    }

    /// Ports are interfaces with names: see `interfaces`.
    public var isMultiplexer: Bool { options.isMultiplexer }

    /// A hub has no spanning tree: becoming one ends it. A multiplexer stays one.
    public func setHub(_ isHub: Bool) {
        guard !isMultiplexer else { return }
        self.isHub = isHub
        if isHub, spanningTree.isOn {
            spanningTree.isOn = false
            applySpanningTree()
            reportOwnRoot(vlans.sorted())
        }
        dataPlane.setHub(isHub)
    }

    // MARK: Endpoints

    public typealias Newcomer = Runtime.Newcomer

    /// Plugs an endpoint in. Returns the port's number.
    @discardableResult
    public func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        let number = try choosePort(newcomer)
        try prepare(newcomer, port: number)
        let entry = entry(of: newcomer, port: number)
        guard let place = dataPlane.add(endpoint, port: number, entry: entry, filters: newcomer.filters) else {
            leaveEmpty(port: number)
            throw AttachRefusal(code: EMFILE, message: "no more than \(table.endpointCount) endpoints fit")
        }
        record(newcomer, at: place, port: number)
        return number
    }

    /// Plugs the gateway of this process in.
    @discardableResult
    public func attach(gateway: consuming GatewayElement, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        let number = try choosePort(newcomer)
        try prepare(newcomer, port: number)
        let entry = entry(of: newcomer, port: number)
        guard let place = dataPlane.setGateway(gateway, port: number, entry: entry) else {
            leaveEmpty(port: number)
            throw AttachRefusal(code: EMFILE, message: "no more than \(table.endpointCount) endpoints fit")
        }
        record(newcomer, at: place, port: number)
        return number
    }

    /// What has to be there before the first frame.
    func prepare(_ newcomer: Newcomer, port number: Int) throws(AttachRefusal) {
        if isMultiplexer { try interfaces.prepare(newcomer, port: number) }
        do throws(AttachRefusal) {
            try willAttach(number)
        } catch {
            leaveEmpty(port: number)
            throw error
        }
    }

    func entry(of newcomer: Newcomer, port: Int) -> PortTable.EndpointEntry {
        PortTable.EndpointEntry(
            kind: 0,
            port: port,
            identifier: UInt32(bitPattern: newcomer.identifier),
            userID: newcomer.userID ?? .max,
            processID: newcomer.processID,
            capabilities: 0,
            description: newcomer.description
        )
    }

    func record(_ newcomer: Newcomer, at place: DataPlane.Place, port number: Int) {
        if ports[number] == nil { makePort(number) }
        let endpoint = SwitchEndpoint(
            identifier: newcomer.identifier,
            module: newcomer.module,
            description: newcomer.description,
            userID: newcomer.userID,
            processID: newcomer.processID,
            place: place,
            peer: newcomer.peer,
            onRemoval: newcomer.onRemoval,
            onNotice: newcomer.onNotice
        )
        ports[number]?.endpoints.insert(endpoint, at: 0)
        if let speed = ports[number]?.speedMegabits, speed > 0 { dataPlane.configure(place, .speed(megabits: speed)) }
        if ports[number]?.hasCarrier == false { dataPlane.configure(place, .carrier(false)) }
        report(.endpointAdded(port: number, identifier: newcomer.identifier))
        report(
            .endpointDescribed(port: number, identifier: newcomer.identifier, description: newcomer.description)
        )
    }

    /// Unplugs the endpoint with this identifier, if it is still there.
    public func detach(identifier: Int32) {
        for (number, port) in ports {
            guard let index = port.endpoints.firstIndex(where: { $0.identifier == identifier }) else { continue }
            dataPlane.remove(port.endpoints[index].place)
            forget(port: number, endpoint: index)
            return
        }
    }

    /// Has the endpoint with this identifier change, if it is still there.
    public func configure(identifier: Int32, _ change: consuming EndpointChange) {
        guard let endpoint = endpoint(identifier: identifier) else { return }
        dataPlane.configure(endpoint.place, change)
    }

    public func setPeer(identifier: Int32, _ state: PeerState) {
        for (number, port) in ports {
            guard let index = port.endpoints.firstIndex(where: { $0.identifier == identifier }) else { continue }
            let wasPresent = port.endpoints[index].peer?.isPresent
            ports[number]?.endpoints[index].peer = state
            guard wasPresent != state.isPresent else { return }
            report(.peerChanged(port: number, identifier: identifier, isPresent: state.isPresent))
            return
        }
    }

    /// Changes what a client wants of its port's frames, if it is still there.
    public func setFilters(identifier: Int32, _ filters: ClientFilterSet) {
        guard let endpoint = endpoint(identifier: identifier) else { return }
        dataPlane.setFilters(endpoint.place, filters)
    }

    private func endpoint(identifier: Int32) -> SwitchEndpoint? {
        for port in ports.values {
            if let endpoint = port.endpoints.first(where: { $0.identifier == identifier }) { return endpoint }
        }
        return nil
    }

    private func forget(port number: Int, endpoint index: Int) {
        take(port: number, endpoint: index)?.onRemoval()
        leaveEmpty(port: number)
    }

    /// Takes an endpoint out of the books.
    func take(port number: Int, endpoint index: Int) -> SwitchEndpoint? {
        guard let endpoint = ports[number]?.endpoints.remove(at: index) else { return nil }
        report(.endpointRemoved(port: number, identifier: endpoint.identifier))
        if ports[number]?.isActive == false { report(.portClosed(number)) }
        return endpoint
    }

    /// What belongs to a port only while somebody is on it goes with the last one.
    func leaveEmpty(port number: Int) {
        if isMultiplexer, ports[number]?.isActive != true { interfaces.portIsEmpty(number) }
    }

    func takeEvents() {
        for event in dataPlane.takeEvents() {
            switch event {
            case .ended(let place):
                for (number, port) in ports {
                    guard let index = port.endpoints.firstIndex(where: { $0.place == place }) else { continue }
                    log("port \(number): \(port.endpoints[index].description) is gone")
                    forget(port: number, endpoint: index)
                    break
                }
            case .notice(let place, let notice):
                for port in ports.values {
                    guard let endpoint = port.endpoints.first(where: { $0.place == place }) else { continue }
                    if notice.kind == .speedRefused {
                        let error = Errno(rawValue: Int32(truncatingIfNeeded: notice.value))
                        speedRefusals.append(
                            "port \(port.number): \(endpoint.description): no speed can be shown: \(error)"
                        )
                    }
                    endpoint.onNotice(notice)
                }
            case .forwardingChanged: reportAddresses()
            case .spanningTree(let event): take(event)
            case .loopSuspected(let loop):
                hooks.lastLoop = loop
                log(
                    "ports \(loop.oldPort) and \(loop.port) form a loop: \(loop.address) comes from both; "
                        + "unplug one, or turn the spanning tree on"
                )
                onLoop(loop)
            case .lost(let count):
                // What the trees are now is asked of the loop by whoever wants to know.
                newTreePorts = []
                log("\(count) events came faster than they could be taken and were not told")
            case .failed(let error):
                log("the data plane stopped: \(error)")
                onShutdown()
            }
        }
    }

    /// Unplugs everything.
    public func detachAll() {
        for port in ports.values {
            for endpoint in port.endpoints { detach(identifier: endpoint.identifier) }
        }
    }
}
