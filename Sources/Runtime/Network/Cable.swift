// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import Endpoints
public import Gateway
public import LinuxSystem

/// Two endpoints joined back to back: a data plane with two ports that forwards everything from one to the other.
public final class Cable {
    public let dataPlane: DataPlane
    private var places: [Int: DataPlane.Place] = [:]

    /// - Parameters:
    ///   - gateway: the configuration of a gateway that will be one of the ends.
    ///   - isWire: frames are under way for as long as the user says, and need slots meanwhile.
    public init(gateway: GatewayConfiguration? = nil, isWire: Bool = false) throws(Errno) {
        var configuration = EngineConfiguration(portCount: 3, isHub: true, gateway: gateway)
        if isWire { configuration.smallSlotCount = Tunables.wireSmallSlotCount }
        dataPlane = try DataPlane(configuration: configuration)
    }

    /// Plugs an end in, at the first free one unless it is named (1 or 2).
    @discardableResult
    public func plug(_ endpoint: consuming Endpoint, description: String, port: Int? = nil) -> DataPlane.Place? {
        guard let port = port ?? freePort, places[port] == nil,
            let place = dataPlane.add(endpoint, port: port, entry: Self.entry(port, description))
        else { return nil }
        places[port] = place
        return place
    }

    /// Plugs a gateway in as an end.
    public func plug(gateway: consuming GatewayElement) {
        guard let port = freePort else { return }
        places[port] = dataPlane.setGateway(gateway, port: port, entry: Self.entry(port, "gateway"))
    }

    /// Takes an end out, so that another can be plugged in.
    public func unplug(_ place: DataPlane.Place) {
        dataPlane.remove(place)
        forget(place)
    }

    /// An end whose endpoint the data plane has taken out is free again.
    func forget(_ place: DataPlane.Place) {
        for (port, present) in places where present == place { places[port] = nil }
    }

    private var freePort: Int? { (1...2).first { places[$0] == nil } }

    private static func entry(_ port: Int, _ description: String) -> PortTable.EndpointEntry {
        PortTable.EndpointEntry(
            kind: 0,
            port: port,
            identifier: 0,
            userID: CurrentProcess.userID,
            processID: CurrentProcess.id,
            capabilities: 0,
            description: description
        )
    }
}
