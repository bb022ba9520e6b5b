// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Endpoints
import Glibc
public import LinuxSystem

/// A switch: its ports and what is plugged into them. The control thread's view; the data plane moves the frames.
///
/// # Theory of operation
///
/// Servers (VDE's `ctl`, our `attach`) and the command line hand endpoints to `attach`, which finds a port, tells the data
/// plane, and keeps what the console shows. A port exists while something is plugged in. Endpoints go when their control
/// connection ends (`detach`), or when the data plane finds the other end gone (a deleted tap, a closed channel).
public final class Switch: EndpointHost {
    public let options: SwitchOptions
    public let dataPlane: DataPlane
    public let loop: ControlLoop
    public private(set) var ports: [Int: SwitchPort] = [:]
    public private(set) var isHub: Bool
    /// Called when the switch shall end, by console or signal; the process's main sets it.
    public var onShutdown: () -> Void = {}
    /// Networks that were plugged in by URL.
    public private(set) lazy var attachments = Attachments(self)
    /// Called for each line worth logging.
    public var log: (String) -> Void = { _ in }

    public init(options: SwitchOptions, loop: ControlLoop, dataPlane: DataPlane) throws(Errno) {
        self.options = options
        self.loop = loop
        self.dataPlane = dataPlane
        isHub = options.isHub
        try loop.watch(dataPlane.eventDescriptor) { [unowned self] _ in takeEvents() }
    }

    /// Where the console reads counters and tables.
    public var table: PortTable { dataPlane.state.table }

    /// Ports in order of their numbers.
    public var sortedPorts: [SwitchPort] { ports.values.sorted { $0.number < $1.number } }

    public func setHub(_ isHub: Bool) {
        self.isHub = isHub
        dataPlane.setHub(isHub)
    }

    // MARK: Endpoints

    public typealias Newcomer = Runtime.Newcomer

    /// The port that a newcomer would get: the one asked for, or the lowest free one.
    public func choosePort(_ wanted: Int, userID: UInt32?) throws(AttachRefusal) -> Int {
        if wanted > 0 {
            guard wanted <= options.portCount else {
                throw AttachRefusal(
                    code: EINVAL,
                    message: "port \(wanted) is out of range: this switch has ports 1 to \(options.portCount)"
                )
            }
            if let present = ports[wanted]?.endpoints.first, let owner = present.userID, let userID,
                owner != userID, userID != 0
            {
                throw AttachRefusal(code: EPERM, message: "port \(wanted) belongs to another user")
            }
            return wanted
        }
        for number in stride(from: 1, through: options.portCount, by: 1) where ports[number] == nil { return number }
        throw AttachRefusal(code: EMFILE, message: "all \(options.portCount) ports are in use")
    }

    /// Plugs an endpoint in. Returns the port's number.
    @discardableResult
    public func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        let number = try choosePort(newcomer.port, userID: newcomer.userID)
        let entry = entry(of: newcomer, port: number)
        guard let place = dataPlane.add(endpoint, port: number, entry: entry) else {
            throw AttachRefusal(code: EMFILE, message: "no more than \(table.endpointCount) endpoints fit")
        }
        record(newcomer, at: place, port: number)
        return number
    }

    /// Plugs the gateway of this process in.
    @discardableResult
    public func attach(gateway: consuming GatewayElement, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        let number = try choosePort(newcomer.port, userID: newcomer.userID)
        let entry = entry(of: newcomer, port: number)
        guard let place = dataPlane.setGateway(gateway, port: number, entry: entry) else {
            throw AttachRefusal(code: EMFILE, message: "no more than \(table.endpointCount) endpoints fit")
        }
        record(newcomer, at: place, port: number)
        return number
    }

    private func entry(of newcomer: Newcomer, port: Int) -> PortTable.EndpointEntry {
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

    private func record(_ newcomer: Newcomer, at place: DataPlane.Place, port number: Int) {
        if ports[number] == nil {
            ports[number] = SwitchPort(number: number)
            dataPlane.resetCounters(port: number)
            table.setPort(number, inUse: true, vlan: 0)
        }
        ports[number]?.endpoints.append(
            SwitchEndpoint(
                identifier: newcomer.identifier,
                module: newcomer.module,
                description: newcomer.description,
                userID: newcomer.userID,
                processID: newcomer.processID,
                place: place,
                onRemoval: newcomer.onRemoval,
                onNotice: newcomer.onNotice
            )
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

    private func endpoint(identifier: Int32) -> SwitchEndpoint? {
        for port in ports.values {
            if let endpoint = port.endpoints.first(where: { $0.identifier == identifier }) { return endpoint }
        }
        return nil
    }

    private func forget(port number: Int, endpoint index: Int) {
        guard let endpoint = ports[number]?.endpoints.remove(at: index) else { return }
        if ports[number]?.endpoints.isEmpty == true {
            ports[number] = nil
            table.setPort(number, inUse: false, vlan: 0)
        }
        endpoint.onRemoval()
    }

    private func takeEvents() {
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
                    port.endpoints.first { $0.place == place }?.onNotice(notice)
                }
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
