// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import LinuxSystem
import Runtime
import Wire

/// Everything that `gateway`, `slirpvde` and a switch's `--gateway` can be told, in one value.
struct GatewaySetup: Sendable {
    var network = "10.0.2.0/24"
    /// The gateway's own address, perhaps with a prefix length that says the network.
    var address: String?
    var dnsAddress: String?
    var isDHCPEnabled = true
    var poolStart: String?
    var mtu = 1500
    var forwards: [String] = []
    var udpForwards: [String] = []

    /// The checked configuration, with the host's name servers of now.
    func configuration() throws -> GatewayConfiguration {
        do {
            let network = try parsedNetwork()
            var configuration = try GatewayConfiguration(network: network)
            if let address, let parsed = IPv4Address(String(address.prefix { $0 != "/" })) {
                // A host part of zero names the network; the gateway then has its usual place.
                if parsed != network.networkAddress { configuration.gatewayAddress = parsed }
            }
            if let dnsAddress { configuration.dnsAddress = try Self.host(dnsAddress, in: network, "name server") }
            if let poolStart { configuration.poolStart = try Self.host(poolStart, in: network, "DHCP start") }
            configuration.isDHCPEnabled = isDHCPEnabled
            configuration.mtu = mtu
            configuration.forwards =
                try forwards.map { (text) throws(PortForwardError) in try PortForward(slirp: text, transport: .tcp) }
                + udpForwards.map { (text) throws(PortForwardError) in try PortForward(slirp: text, transport: .udp) }
            configuration.resolvers = ResolverMonitor.servers()
            configuration.seed = CurrentProcess.random()
            try configuration.validate()
            return configuration
        } catch let error as GatewayConfigurationError {
            throw Failure("\(error)", status: ExitStatus.usage)
        } catch let error as PortForwardError {
            throw Failure("\(error)", status: ExitStatus.usage)
        }
    }

    private func parsedNetwork() throws -> IPv4Network {
        let text = address ?? network
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let length = parts.count == 1 ? 24 : parts.count == 2 ? Int(parts[1]) : nil
        guard let length, (1...29).contains(length), let base = IPv4Address(String(parts[0])) else {
            throw Failure(
                "\(text): not a network; write an address and a length of 1 to 29, e.g. 192.168.77.0/24",
                status: ExitStatus.usage
            )
        }
        guard let network = IPv4Network(address: base, prefixLength: length),
            let aligned = IPv4Network(address: network.networkAddress, prefixLength: length)
        else { throw Failure("\(text): not a network", status: ExitStatus.usage) }
        return aligned
    }

    /// An address of the network: written in full, or as its last number.
    private static func host(_ text: String, in network: IPv4Network, _ what: String) throws -> IPv4Address {
        if let number = Int(text), let address = network.host(number) { return address }
        guard let address = IPv4Address(text) else {
            throw Failure("\(what) \(text): not an IPv4 address", status: ExitStatus.usage)
        }
        return address
    }
}
