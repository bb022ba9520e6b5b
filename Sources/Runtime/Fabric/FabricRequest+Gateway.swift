// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import LinuxSystem
import Wire

extension FabricRequest {
    static func gateway(_ verb: String, _ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        let name = try words.name("gateway")
        switch verb {
        case "gateway-add":
            return .gatewayAdd(name, segment: try words.name("segment"), try configuration(name, &words))
        case "forward-add": return .forwardAdd(name, try forward(try words.next("a forward"), name))
        case "forward-remove": return .forwardRemove(name, try forward(try words.next("a forward"), name))
        default: return .gatewayRemove(name)
        }
    }

    private static func configuration(
        _ name: String,
        _ words: inout FabricWords
    ) throws(FabricError) -> GatewayConfiguration {
        var network = "10.0.2.0/24"
        var isDHCPEnabled = true
        var dns: String?
        var poolStart: String?
        var mtu: Int?
        var forwards: [PortForward] = []
        while let (key, value) = words.nextPair() {
            switch (key, value) {
            case ("address", let text?): network = text
            case ("dns", let text?): dns = text
            case ("dhcp-start", let text?): poolStart = text
            case ("mtu", let text?): mtu = try words.number(key, text, 576...65_520)
            case ("dhcp", let text?):
                guard let isOn = ["yes": true, "no": false][text] else {
                    throw .usage("gateway-add \(name): dhcp=\(text): yes or no is wanted")
                }
                isDHCPEnabled = isOn
            case ("forward", let text?): forwards.append(try forward(text, name))
            default: throw words.unknown(key, value)
            }
        }
        let parsed = try parse(network: network, name)
        let dnsAddress = try dns.map { (text) throws(FabricError) in try address(text, "dns", name) }
        let start = try poolStart.map { (text) throws(FabricError) in try address(text, "dhcp-start", name) }
        do throws(GatewayConfigurationError) {
            var configuration = try GatewayConfiguration(network: parsed)
            if let dnsAddress { configuration.dnsAddress = dnsAddress }
            if let start { configuration.poolStart = start }
            if let mtu { configuration.mtu = mtu }
            configuration.isDHCPEnabled = isDHCPEnabled
            configuration.forwards = forwards
            try configuration.validate()
            // Secrets are made when the gateway is.
            configuration.seed = 0
            return configuration
        } catch {
            throw .usage("gateway-add \(name): \(error)")
        }
    }

    /// An address with the length of its network; a host part is the gateway's own address.
    private static func parse(network text: String, _ name: String) throws(FabricError) -> IPv4Network {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Int(parts[1]), (1...29).contains(length),
            let base = IPv4Address(String(parts[0])), let network = IPv4Network(address: base, prefixLength: length)
        else {
            throw .usage(
                "gateway-add \(name): address=\(text): an address and a length of 1 to 29 are wanted, as in 10.0.2.1/24"
            )
        }
        return network
    }

    private static func address(_ text: String, _ key: String, _ name: String) throws(FabricError) -> IPv4Address {
        guard let address = IPv4Address(text) else {
            throw .usage("gateway-add \(name): \(key)=\(text): an IPv4 address is wanted")
        }
        return address
    }

    /// `[tcp:|udp:][HOSTADDRESS:]HOSTPORT:GUESTADDRESS:GUESTPORT`.
    private static func forward(_ text: String, _ name: String) throws(FabricError) -> PortForward {
        var rest = Substring(text)
        var transport = PortForward.Transport.tcp
        if rest.hasPrefix("udp:") { transport = .udp }
        if rest.hasPrefix("udp:") || rest.hasPrefix("tcp:") { rest = rest.dropFirst(4) }
        do throws(PortForwardError) {
            return try PortForward(slirp: String(rest), transport: transport)
        } catch {
            throw .usage("forward of \(name): \(error)")
        }
    }
}
