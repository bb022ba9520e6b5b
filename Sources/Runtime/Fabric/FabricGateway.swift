// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Gateway
import LinuxSystem
import Wire

/// A gateway on a segment of a fabric: one function call from the segment's bridge, so that each segment has one at most.
final class FabricGateway {
    let name: String
    let segment: FabricSegment
    var configuration: GatewayConfiguration
    /// Which port of the segment it has.
    let number: Int
    private let identity: EventFD

    /// Forwards that can be added while it runs.
    static var spareForwardCount: Int { 256 }

    init(_ name: String, _ segment: FabricSegment, _ configuration: GatewayConfiguration) throws(FabricError) {
        self.name = name
        self.segment = segment
        var configuration = configuration
        configuration.seed = CurrentProcess.random()
        configuration.resolvers = ResolverMonitor.servers()
        configuration.spareForwardCount = Self.spareForwardCount
        if let mtu = segment.settings.mtu, configuration.mtu == 1500 { configuration.mtu = max(576, min(mtu, 65_520)) }
        self.configuration = configuration
        do {
            identity = try EventFD()
            let gateway = try segment.element.dataPlane.makeSeparateGateway(configuration)
            let newcomer = Newcomer(
                identifier: identity.rawDescriptor,
                module: "gateway",
                description: "\(name) \(configuration.network)",
                userID: nil,
                processID: CurrentProcess.id
            )
            number = try segment.element.attach(gateway: gateway, newcomer)
        } catch let error as AttachRefusal {
            throw FabricError("gateway \(name): \(error.message)")
        } catch {
            throw FabricError("gateway \(name): \(error)")
        }
    }

    func add(_ forward: PortForward) throws(FabricError) {
        do throws(GatewayConfigurationError) {
            try configuration.validate(forward)
        } catch {
            throw .usage("gateway \(name): \(error)")
        }
        switch segment.element.dataPlane.changeForward(forward, isAddition: true) {
        case .done: configuration.forwards.append(forward)
        case .exists: throw FabricError("gateway \(name): forwards \(forward) already")
        case .full: throw FabricError("gateway \(name): no room for more forwards")
        case .failed(let error): throw FabricError("gateway \(name): \(error)")
        case .unknown: throw FabricError("gateway \(name): its segment's loop has ended")
        }
    }

    func remove(_ forward: PortForward) throws(FabricError) {
        guard case .done = segment.element.dataPlane.changeForward(forward, isAddition: false) else {
            throw FabricError("gateway \(name): has no forward \(forward)")
        }
        configuration.forwards.removeAll { $0 == forward }
    }

    func close() {
        segment.element.detach(identifier: identity.rawDescriptor)
        segment.release(port: number)
    }

    /// `gateway=… segment=… address=… dhcp=… forward=…`, then what has passed.
    var words: [String] {
        let network = configuration.network
        var words = [
            "gateway=\(name)", "segment=\(segment.name)", "number=\(number)",
            "address=\(configuration.gatewayAddress)/\(network.prefixLength)", "dns=\(configuration.dnsAddress)",
            "dhcp=\(configuration.isDHCPEnabled ? "yes" : "no")",
        ]
        for forward in configuration.forwards {
            let host = forward.hostAddress.isUnspecified ? "" : "\(forward.hostAddress):"
            let transport = forward.transport == .tcp ? "" : "udp:"
            words.append(
                "forward=\(transport)\(host)\(forward.hostPort):\(forward.guestAddress):\(forward.guestPort)"
            )
        }
        return words + FabricCounters(segment.element.table, port: number, place: nil, isParked: false).words
    }
}

extension Fabric {
    func addGateway(
        _ name: String,
        _ segmentName: String,
        _ configuration: GatewayConfiguration
    ) throws(FabricError) {
        let segment = try segment(segmentName)
        guard gateways[name] == nil else { throw FabricError("gateway \(name): exists already") }
        if let other = gateways.values.first(where: { $0.segment === segment }) {
            throw FabricError(
                "gateway \(name): segment \(segmentName) has the gateway \(other.name); there is one to a segment"
            )
        }
        gateways[name] = try FabricGateway(name, segment, configuration)
        if resolverMonitor == nil {
            resolverMonitor = ResolverMonitor(loop: loop) { [weak self] servers in
                for gateway in self?.gateways.values ?? [:].values {
                    gateway.segment.element.dataPlane.setResolvers(servers)
                }
            }
        }
    }

    func gateway(_ name: String) throws(FabricError) -> FabricGateway {
        guard let gateway = gateways[name] else { throw FabricError("gateway \(name): there is none of that name") }
        return gateway
    }

    func removeGateway(_ name: String) throws(FabricError) {
        try gateway(name).close()
        gateways[name] = nil
    }
}
