// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Attach

@Suite("A network's configuration in one string")
struct NetworkConfigurationTests {
    @Test("a whole static configuration is read word by word")
    func readsStatic() throws {
        let configuration = try NetworkConfiguration(
            parsing: "vde:///tmp/vde,if=vd7,ip=192.168.77.100/24,gw=192.168.77.2,dns=192.168.77.3,dns=fd00::3,"
                + "domain=example.org,mac=02:00:00:00:00:64,mtu=1400,ip=fd00::64/64"
        )
        #expect(configuration.network == "vde:///tmp/vde")
        #expect(configuration.interfaceName == "vd7")
        #expect(configuration.addresses.map(\.description) == ["192.168.77.100/24", "fd00::64/64"])
        #expect(configuration.gateways.map(\.description) == ["192.168.77.2"])
        #expect(configuration.nameServers.map(\.description) == ["192.168.77.3", "fd00::3"])
        #expect(configuration.searchDomains == ["example.org"])
        #expect(configuration.hardwareAddress == MACAddress("02:00:00:00:00:64"))
        #expect(configuration.mtu == 1400)
        #expect(!configuration.usesDHCP && !configuration.usesAutoconfiguration)
    }

    @Test(
        "words without a value choose how addresses come",
        arguments: [
            ("/tmp/vde", false, false), ("/tmp/vde,eth", false, false), ("/tmp/vde,dhcp", true, false),
            ("/tmp/vde,dhcp4", true, false), ("/tmp/vde,auto4", true, false), ("/tmp/vde,slaac", false, true),
            ("/tmp/vde,rd", false, true), ("/tmp/vde,auto6", false, true), ("/tmp/vde,auto", true, true),
        ]
    )
    func readsModes(text: String, dhcp: Bool, slaac: Bool) throws {
        let configuration = try NetworkConfiguration(parsing: text)
        #expect(configuration.network == "/tmp/vde")
        #expect(configuration.usesDHCP == dhcp)
        #expect(configuration.usesAutoconfiguration == slaac)
        #expect(configuration.isUnconfigured == (!dhcp && !slaac))
    }

    @Test(
        "a comma or a backslash of the network's name can be written",
        arguments: [
            (#"/tmp/a\,b,dhcp"#, "/tmp/a,b"), (#"cmd://ssh host\, x"#, "cmd://ssh host, x"),
            (#"/tmp/a\b"#, #"/tmp/a\b"#),
            (#"/tmp/a\"#, #"/tmp/a\"#), ("", ""), ("vde:///tmp/vde[3]", "vde:///tmp/vde[3]"),
        ]
    )
    func readsNetwork(text: String, network: String) throws {
        #expect(try NetworkConfiguration(parsing: text).network == network)
    }

    @Test(
        "an error names the word and says what would be right",
        arguments: [
            ("x,ip=", "ip=", "a value is missing", "192.168.77.100/24"),
            ("x,ip", "ip", "a value is missing", "192.168.77.100/24"),
            ("x,ip=10.0.0.1", "ip=10.0.0.1", "prefix length is missing", "10.0.0.1/24"),
            ("x,ip=10.0.0.1/33", "ip=10.0.0.1/33", "prefix length 33", "0 to 32"),
            ("x,ip=10.0.0.1/-1", "ip=10.0.0.1/-1", "prefix length -1", "0 to 32"),
            ("x,ip=fd00::1/129", "ip=fd00::1/129", "prefix length 129", "0 to 128"),
            ("x,ip=10.0.0/24", "ip=10.0.0/24", "not an Internet address", "10.0.0.1/24"),
            ("x,ip=224.0.0.1/24", "ip=224.0.0.1/24", "no host's address", ""),
            ("x,gw=10.0.0.1/24", "gw=10.0.0.1/24", "not an Internet address", "without a prefix length"),
            ("x,gw=10.0.0.1", "gw=10.0.0.1", "needs an address", "ip=ADDRESS/PREFIX"),
            ("x,ip=10.0.0.1/24,gw=10.0.1.1", "gw=10.0.1.1", "10.0.0.1/24", "prefix length"),
            ("x,ip=10.0.0.1/24,gw=10.0.0.2,gw=10.0.0.3", "gw=10.0.0.3", "second default route", "one gw"),
            ("x,dns=example.org", "dns=example.org", "not an Internet address", ""),
            ("x,domain=a b", "domain=a b", "not a domain name", "example.org"),
            ("x,domain=a\nnameserver 6.6.6.6", "domain=a\nnameserver 6.6.6.6", "not a domain name", ""),
            ("x,mac=01:00:00:00:00:01", "mac=01:00:00:00:00:01", "group address", "even"),
            ("x,mac=0:0:0:0:0:0", "mac=0:0:0:0:0:0", "zero address", ""),
            ("x,mac=02:00", "mac=02:00", "not an Ethernet address", "six"),
            ("x,mtu=67", "mtu=67", "not an MTU", "68 to 65521"),
            ("x,mtu=65522", "mtu=65522", "not an MTU", "68 to 65521"),
            ("x,mtu=many", "mtu=many", "not an MTU", "68 to 65521"),
            ("x,mtu=1000,slaac", "mtu=1000", "IPv6 needs at least 1280", ""),
            ("x,if=abcdefghijklmnop", "if=abcdefghijklmnop", "16 bytes", "15"),
            ("x,if=a/b", "if=a/b", "not a name", ""), ("x,if=vd%d", "if=vd%d", "not a name", ""),
            ("x,if=lo", "if=lo", "loopback", ""), ("x,if=..", "if=..", "not a name", ""),
            ("x,dhcp=yes", "dhcp=yes", "takes no value", "just dhcp"), ("x,dhcp6", "dhcp6", "not offered", "slaac"),
            ("x,", "", "empty word", "comma"), ("x,,dhcp", "", "empty word", "comma"),
            ("x,ipp=1", "ipp=1", "unknown word", "known are"),
        ]
    )
    func refuses(text: String, word: String, message: String, hint: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try NetworkConfiguration(parsing: text) }
        #expect(error.word == word)
        #expect(error.description.contains(message))
        #expect(error.description.contains(hint))
    }

    @Test(
        "a gateway may be what DHCP or a router's link makes reachable",
        arguments: [
            "x,dhcp,gw=10.0.0.1", "x,ip=fd00::1/64,gw=fe80::1", "x,slaac,gw=fd00::1", "x,ip=10.0.0.9/0,gw=1.2.3.4",
        ]
    )
    func acceptsGateway(text: String) throws {
        #expect(try NetworkConfiguration(parsing: text).gateways.count == 1)
    }

    @Test("options of a command line give what the string gives")
    func setsWords() throws {
        var configuration = NetworkConfiguration(network: "/tmp/vde")
        try configuration.set("ip", "192.168.77.100/24")
        try configuration.set("gw", "192.168.77.2")
        try configuration.set("dhcp", nil)
        try configuration.validate()
        #expect(
            try configuration
                == NetworkConfiguration(parsing: "/tmp/vde,address=192.168.77.100/24,via=192.168.77.2,dhcp")
        )
    }

    @Test("interfaces without a name get the first free number")
    func namesInterfaces() throws {
        let configurations = try ["a", "b,if=vd0", "c", "d,if=web"].map { try NetworkConfiguration(parsing: $0) }
        #expect(try NetworkConfiguration.names(of: configurations) == ["vd1", "vd0", "vd2", "web"])
    }

    @Test("two interfaces of one name are refused")
    func refusesTwins() throws {
        let configurations = try ["a,if=vd0", "b,if=vd0"].map { try NetworkConfiguration(parsing: $0) }
        #expect(throws: ConfigurationError.self) { try NetworkConfiguration.names(of: configurations) }
    }

    @Test("more interfaces than fit a stack are refused")
    func refusesMany() throws {
        let many = [NetworkConfiguration](repeating: NetworkConfiguration(network: "x"), count: 17)
        #expect(throws: ConfigurationError.self) { try NetworkConfiguration.names(of: many) }
        #expect(try NetworkConfiguration.names(of: many.dropLast()).last == "vd15")
    }

    @Test(
        "an address knows its network",
        arguments: [
            ("10.0.0.1", 24, "10.0.0.255", true), ("10.0.0.1", 24, "10.0.1.0", false),
            ("10.0.0.1", 25, "10.0.0.128", false),
            ("10.0.0.1", 0, "99.0.0.1", true), ("fd00::1", 64, "fd00::ffff", true),
            ("fd00::1", 64, "fd00:0:0:1::1", false),
            ("10.0.0.1", 8, "fd00::1", false),
        ]
    )
    func containsAddresses(address: String, length: Int, other: String, contained: Bool) throws {
        let base = try #require(IPAddress(address))
        let network = try #require(
            InterfaceAddress(address: base, prefixLength: length)
        )
        #expect(network.contains(try #require(IPAddress(other))) == contained)
    }

    @Test("resolv.conf holds each server and domain once, and no more servers than are read")
    func writesResolverFile() throws {
        let servers = try ["10.0.0.1", "fd00::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"].map {
            try #require(IPAddress($0))
        }
        let text = ResolverFile.text(servers: servers, domains: ["example.org", "example.net", "example.org"])
        #expect(
            text == """
                # Written by etherloom run.
                search example.org example.net
                nameserver 10.0.0.1
                nameserver fd00::1
                nameserver 10.0.0.2

                """
        )
    }

    @Test(
        "only a domain name is one",
        arguments: [
            ("example.org", true), ("a", true), ("a_b.c-d.", true), ("", false), (".", false), ("a..b", false),
            ("a b", false),
            ("a\nb", false), ("a;b", false), ("ä.org", false), (String(repeating: "a", count: 64), false),
            (String(repeating: "a.", count: 127), false), (String(repeating: "a.", count: 126), true),
        ]
    )
    func checksDomains(text: String, isDomain: Bool) {
        #expect(ResolverFile.isDomain(text) == isDomain)
    }
}
