// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import Endpoints
public import Gateway
public import LinuxSystem

/// Two endpoints joined back to back: a data plane with two ports that forwards everything from one to the other.
public final class Cable {
    public let dataPlane: DataPlane
    private var places: [DataPlane.Place] = []

    /// - Parameter gateway: the configuration of a gateway that will be one of the ends.
    public init(gateway: GatewayConfiguration? = nil) throws(Errno) {
        dataPlane = try DataPlane(configuration: EngineConfiguration(portCount: 3, isHub: true, gateway: gateway))
    }

    /// Plugs an end in.
    @discardableResult
    public func plug(_ endpoint: consuming Endpoint, description: String) -> DataPlane.Place? {
        let port = places.count + 1
        guard port <= 2, let place = dataPlane.add(endpoint, port: port, entry: Self.entry(port, description)) else {
            return nil
        }
        places.append(place)
        return place
    }

    /// Plugs a gateway in as an end.
    public func plug(gateway: consuming GatewayElement) {
        let port = places.count + 1
        if let place = dataPlane.setGateway(gateway, port: port, entry: Self.entry(port, "gateway")) {
            places.append(place)
        }
    }

    /// Takes an end out, so that another can be plugged in.
    public func unplug(_ place: DataPlane.Place) {
        dataPlane.remove(place)
        places.removeAll { $0 == place }
    }

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
