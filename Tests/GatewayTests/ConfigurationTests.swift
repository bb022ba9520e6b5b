// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct ConfigurationTests {
    @Test func defaultsAreThoseOfSlirp() throws {
        let configuration = try GatewayConfiguration(network: #require(IPv4Network("192.168.77.0/24")))
        #expect(configuration.gatewayAddress == IPv4Address(192, 168, 77, 2))
        #expect(configuration.dnsAddress == IPv4Address(192, 168, 77, 3))
        #expect(configuration.poolStart == IPv4Address(192, 168, 77, 15))
        #expect(!configuration.macAddress.isMulticast && configuration.macAddress.isLocallyAdministered)
    }

    @Test func aHostPartIsTheGatewaysAddress() throws {
        let configuration = try GatewayConfiguration(network: #require(IPv4Network("10.1.0.3/16")))
        #expect(configuration.gatewayAddress == IPv4Address(10, 1, 0, 3))
        #expect(configuration.dnsAddress == IPv4Address(10, 1, 0, 4))
    }

    @Test func smallNetworksHaveAPoolStill() throws {
        let configuration = try GatewayConfiguration(network: #require(IPv4Network("10.1.0.0/29")))
        #expect(configuration.network.contains(configuration.poolStart))
        #expect(configuration.poolStart < configuration.network.broadcastAddress)
    }

    @Test(arguments: ["10.0.0.0/30", "10.0.0.0/32", "0.0.0.0/0"])
    func impossibleNetworksAreRefused(text: String) throws {
        let network = try #require(IPv4Network(text))
        #expect(throws: GatewayConfigurationError.networkTooSmall(network)) {
            try GatewayConfiguration(network: network)
        }
    }

    @Test func contradictionsAreNamed() throws {
        var configuration = try GatewayConfiguration(network: #require(IPv4Network("10.0.0.0/24")))
        configuration.dnsAddress = configuration.gatewayAddress
        #expect(throws: GatewayConfigurationError.addressUsedTwice(configuration.gatewayAddress)) {
            try configuration.validate()
        }
        configuration = try GatewayConfiguration(network: #require(IPv4Network("10.0.0.0/24")))
        configuration.mtu = 100
        #expect(throws: GatewayConfigurationError.mtuOutOfRange(100)) { try configuration.validate() }
        configuration.mtu = 1500
        let forward = PortForward(
            transport: .tcp,
            hostPort: 1,
            guestAddress: IPv4Address(10, 0, 0, 2),
            guestPort: 1
        )
        configuration.forwards = [forward]
        #expect(throws: GatewayConfigurationError.forwardTargetNoGuest(forward, configuration.network)) {
            try configuration.validate()
        }
    }

    @Test func forwardsAreReadAsSlirpvdeWritesThem() throws {
        let forward = try PortForward(slirp: "30000:192.168.77.100:10000")
        #expect(forward.transport == .tcp && forward.hostPort == 30_000 && forward.guestPort == 10_000)
        #expect(forward.guestAddress == IPv4Address(192, 168, 77, 100) && forward.hostAddress.isUnspecified)
        let bound = try PortForward(slirp: "127.0.0.1:53:10.0.2.15:5353", transport: .udp)
        #expect(bound.hostAddress == .loopback && bound.transport == .udp)
    }

    @Test(arguments: [
        ("", PortForwardError.wrongForm("")), ("1:2", .wrongForm("1:2")), ("a:10.0.0.1:1", .invalidPort("a")),
        ("0:10.0.0.1:1", .invalidPort("0")), ("65536:10.0.0.1:1", .invalidPort("65536")),
        ("1:10.0.0:1", .invalidAddress("10.0.0")), ("1:0.0.0.0:1", .invalidAddress("0.0.0.0")),
        ("x:1:10.0.0.1:1", .invalidAddress("x")), ("1:10.0.0.1:+1", .invalidPort("+1")),
    ])
    func badForwardsAreNamed(text: String, error: PortForwardError) {
        #expect(throws: error) { try PortForward(slirp: text) }
        #expect(!error.description.isEmpty)
    }
}
