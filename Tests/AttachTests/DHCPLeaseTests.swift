// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Attach

@Suite("A DHCP grant is believed only where it makes sense")
struct DHCPLeaseTests {
    @Test("a full grant is read")
    func readsGrant() throws {
        var reply = Reply()
        reply.options = [
            (.routers, [192, 168, 77, 2]), (.domainNameServers, [192, 168, 77, 3, 8, 8, 8, 8]),
            (.domainName, Array("example.org".utf8)), (.interfaceMTU, [0x05, 0x78]),
            (.renewalTime, [0, 0, 3, 0xe8]), (.rebindingTime, [0, 0, 7, 0xd0]),
        ]
        let lease = try #require(DHCPLease(reply.message))
        #expect(lease.address.description == "192.168.77.100/24")
        #expect(lease.server == IPv4Address(192, 168, 77, 2))
        #expect(lease.routes.map(\.destination.description) == ["0.0.0.0/0"])
        #expect(lease.routes.first?.gateway == IPv4Address(192, 168, 77, 2))
        #expect(lease.nameServers.map(\.description) == ["192.168.77.3", "8.8.8.8"])
        #expect(lease.domain == "example.org")
        #expect(lease.mtu == 1400)
        #expect(lease.duration == 3600)
        #expect(lease.renewal == 1000)
        #expect(lease.rebinding == 2000)
    }

    @Test(
        "an address that no host can have is no grant",
        arguments: [
            "0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "240.0.0.1", "0.1.2.3", "192.168.77.0",
            "192.168.77.255",
        ]
    )
    func refusesAddress(text: String) throws {
        var reply = Reply()
        reply.address = try #require(IPv4Address(text))
        #expect(DHCPLease(try reply.message) == nil)
    }

    @Test("without a server, or a time, or with a mask full of holes, there is no grant")
    func refusesIncomplete() throws {
        for change: (inout Reply) -> Void in [
            { $0.server = nil }, { $0.server = .broadcast }, { $0.seconds = nil }, { $0.seconds = 0 },
            { $0.seconds = 9 },
            { $0.mask = IPv4Address(255, 0, 255, 0) }, { $0.mask = .unspecified },
        ] {
            var reply = Reply()
            change(&reply)
            #expect(DHCPLease(try reply.message) == nil)
        }
    }

    @Test(
        "without a mask the address's class gives one",
        arguments: [("10.1.2.3", 8), ("172.16.1.1", 16), ("192.168.1.1", 24)]
    )
    func usesClasses(text: String, length: Int) throws {
        var reply = Reply()
        reply.address = try #require(IPv4Address(text))
        reply.mask = nil
        #expect(DHCPLease(try reply.message)?.address.prefixLength == length)
    }

    @Test("a network of two or one address has no reserved ones", arguments: [31, 32])
    func acceptsPointToPoint(length: Int) throws {
        var reply = Reply()
        reply.mask = IPv4Network(address: .unspecified, prefixLength: length)?.mask
        #expect(DHCPLease(try reply.message)?.address.prefixLength == length)
    }

    @Test("what else is wrong is left out, the grant stays")
    func leavesOut() throws {
        var reply = Reply()
        reply.options = [
            (.routers, [0, 0, 0, 0]), (.domainNameServers, [224, 0, 0, 1, 10, 0, 0, 1]),
            (.domainName, Array("a\noptions x".utf8)), (.interfaceMTU, [0x00, 0x80]),
            (.renewalTime, [0, 0, 0x40, 0]), (.rebindingTime, [0, 0, 0x20, 0]),
        ]
        let lease = try #require(DHCPLease(reply.message))
        #expect(lease.routes.isEmpty)
        #expect(lease.nameServers.map(\.description) == ["10.0.0.1"])
        #expect(lease.domain == nil)
        #expect(lease.mtu == nil)
        // T1 beyond T2 and beyond the lease: the defaults of RFC 2131 section 4.4.5.
        #expect(lease.renewal == 1800)
        #expect(lease.rebinding == 3150)
    }

    @Test("a server cannot make a client renew all the time")
    func boundsRenewal() throws {
        var reply = Reply()
        reply.options = [(.renewalTime, [0, 0, 0, 0]), (.rebindingTime, [0, 0, 0, 0])]
        let lease = try #require(DHCPLease(reply.message))
        #expect(lease.renewal >= 5)
        #expect(lease.rebinding >= lease.renewal)
    }

    @Test("a lease of all ones is for ever")
    func readsForEver() throws {
        var reply = Reply()
        reply.seconds = .max
        #expect(try #require(DHCPLease(reply.message)).duration == nil)
    }

    @Test("classless routes replace the router")
    func readsClasslessRoutes() throws {
        var reply = Reply()
        reply.options = [
            (.routers, [192, 168, 77, 9]),
            (
                .classlessStaticRoute,
                // default via 192.168.77.2; 10.0.0.0/8 via 192.168.77.3; 192.168.78.0/24 on the link.
                [0, 192, 168, 77, 2, 8, 10, 192, 168, 77, 3, 24, 192, 168, 78, 0, 0, 0, 0]
            ),
        ]
        let routes = try #require(DHCPLease(reply.message)).routes
        #expect(routes.map(\.destination.description) == ["0.0.0.0/0", "10.0.0.0/8", "192.168.78.0/24"])
        #expect(routes.map(\.gateway) == [IPv4Address(192, 168, 77, 2), IPv4Address(192, 168, 77, 3), nil])
    }

    @Test(
        "classless routes that are cut short or nonsense count as not there",
        arguments: [
            [], [33, 1, 2, 3, 4, 5, 6, 7, 8], [24, 10, 0, 0, 1, 2, 3], [8], [0, 255, 255, 255, 255], [0, 224, 0, 0, 1],
            [0, 10, 0, 0, 1, 8],
        ]
    )
    func refusesClasslessRoutes(bytes: [UInt8]) {
        #expect(DHCPLease.classlessRoutes(bytes) == nil)
    }

    @Test("host bits of a classless destination are cleared")
    func clearsHostBits() throws {
        let routes = try #require(DHCPLease.classlessRoutes([4, 0xff, 10, 0, 0, 1]))
        #expect(routes.map(\.destination.description) == ["240.0.0.0/4"])
    }
}
