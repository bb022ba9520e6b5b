// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct DHCPTests {
    let rig: Rig

    init() throws {
        rig = try Rig {
            $0.isDHCPEnabled = true
            $0.domain = "loom.test"
        }
    }

    /// A client's message in a broadcast frame.
    private func message(
        _ type: DHCPMessageType,
        mac: MACAddress,
        transaction: UInt32 = 77,
        client: IPv4Address = .unspecified,
        flags: UInt16 = 0,
        _ add: (inout DHCPMessageBuilder) -> Void = { _ in }
    ) throws -> [UInt8] {
        var builder = DHCPMessageBuilder(
            operation: .request,
            messageType: type,
            transactionIdentifier: transaction,
            hardwareAddress: mac
        )
        builder.clientAddress = client
        builder.flags = flags
        add(&builder)
        var bytes = [UInt8](repeating: 0, count: builder.byteCount)
        var span = bytes.mutableSpan
        let count = builder.emit(into: &span)
        try #require(count == bytes.count)
        return Guest(rig, mac: mac).udp(
            to: .broadcast,
            67,
            from: 68,
            bytes,
            source: client,
            ethernetTo: .broadcast
        )
    }

    private func reply() throws -> (DHCPMessage, SentFrame) {
        let frame = try #require(rig.takeSent().last)
        let datagram = try #require(frame.udp)
        #expect(datagram.header.sourcePort == 67 && datagram.header.destinationPort == 68)
        #expect(datagram.header.checksum != 0 && frame.header == .plain)
        return (try parse(datagram.data), frame)
    }

    private func parse(_ bytes: [UInt8]) throws -> DHCPMessage {
        let message = DHCPMessage.parse(bytes.span)
        return try #require(message)
    }

    /// Discover, offer, request, acknowledgement.
    @discardableResult
    private func lease(_ mac: MACAddress, requested: IPv4Address? = nil) throws -> IPv4Address {
        rig.inject(try message(.discover, mac: mac) { if let requested { $0.add(.requestedAddress, requested) } })
        let (offer, _) = try reply()
        #expect(offer.messageType == .offer)
        rig.inject(
            try message(.request, mac: mac) {
                $0.add(.requestedAddress, offer.yourAddress)
                $0.add(.serverIdentifier, IPv4Address(10, 0, 2, 2))
            }
        )
        let (answer, _) = try reply()
        #expect(answer.messageType == .acknowledge && answer.yourAddress == offer.yourAddress)
        return answer.yourAddress
    }

    private func mac(_ number: Int) -> MACAddress { MACAddress(rawValue: 0x0200_0000_1000 + UInt64(number)) }

    @Test func offersEverythingAClientNeeds() throws {
        rig.inject(try message(.discover, mac: mac(1)))
        let (offer, frame) = try reply()
        #expect(offer.messageType == .offer && offer.transactionIdentifier == 77)
        #expect(offer.yourAddress == IPv4Address(10, 0, 2, 15))
        #expect(offer.subnetMask == IPv4Address(255, 255, 255, 0))
        #expect(offer.routers == [IPv4Address(10, 0, 2, 2)])
        #expect(offer.domainNameServers == [IPv4Address(10, 0, 2, 3)])
        #expect(offer.serverIdentifier == IPv4Address(10, 0, 2, 2))
        #expect(offer.leaseTime == 86_400 && offer.renewalTime == 43_200 && offer.rebindingTime == 75_600)
        #expect(offer.domainName == "loom.test" && offer.interfaceMTU == nil)
        #expect(offer.bytes(of: .broadcastAddress) == [10, 0, 2, 255])
        // Nothing asked for broadcast: straight to the station, which has no address yet.
        #expect(frame.destination == mac(1) && frame.ip?.destination == offer.yourAddress)
    }

    @Test func broadcastsToClientsThatAskForIt() throws {
        rig.inject(try message(.discover, mac: mac(1), flags: 0x8000))
        let (_, frame) = try reply()
        #expect(frame.destination == .broadcast && frame.ip?.destination == .broadcast)
    }

    @Test func tellsTheMTUWhenAskedOrUnusual() throws {
        rig.inject(try message(.discover, mac: mac(1)) { $0.add(.parameterRequestList, bytes: [26]) })
        #expect(try reply().0.interfaceMTU == 1500)
        let rig = try Rig {
            $0.isDHCPEnabled = true
            $0.mtu = 9000
        }
        let builder = DHCPMessageBuilder(
            operation: .request,
            messageType: .discover,
            transactionIdentifier: 1,
            hardwareAddress: mac(1)
        )
        var bytes = [UInt8](repeating: 0, count: builder.byteCount)
        var span = bytes.mutableSpan
        _ = builder.emit(into: &span)
        rig.inject(
            Guest(rig, mac: mac(1)).udp(
                to: .broadcast,
                67,
                from: 68,
                bytes,
                source: .unspecified,
                ethernetTo: .broadcast
            )
        )
        #expect(try parse(try #require(rig.takeSent().first?.udp).data).interfaceMTU == 9000)
    }

    @Test func leasesAreStableAndNeverShared() throws {
        var seen: Set<IPv4Address> = []
        for number in 0..<40 { #expect(seen.insert(try lease(mac(number))).inserted) }
        for number in 0..<40 { #expect(seen.contains(try lease(mac(number)))) }
        #expect(try lease(mac(3)) == IPv4Address(10, 0, 2, 18))
        #expect(!seen.contains(IPv4Address(10, 0, 2, 2)) && !seen.contains(IPv4Address(10, 0, 2, 3)))
        rig.expectNoLeak()
    }

    @Test func renewalKeepsTheAddress() throws {
        let address = try lease(mac(1))
        rig.inject(try message(.request, mac: mac(1), client: address))
        let (answer, frame) = try reply()
        #expect(answer.messageType == .acknowledge && answer.yourAddress == address)
        #expect(frame.ip?.destination == address)
    }

    @Test func anotherStationsAddressIsRefused() throws {
        let address = try lease(mac(1))
        rig.inject(try message(.request, mac: mac(2)) { $0.add(.requestedAddress, address) })
        let (answer, frame) = try reply()
        #expect(answer.messageType == .negativeAcknowledge && frame.destination == .broadcast)
        rig.inject(
            try message(.request, mac: mac(2)) { $0.add(.requestedAddress, IPv4Address(192, 168, 9, 9)) }
        )
        #expect(try reply().0.messageType == .negativeAcknowledge)
    }

    @Test func aFreeAddressThatAClientRemembersIsGiven() throws {
        rig.inject(
            try message(.request, mac: mac(2)) { $0.add(.requestedAddress, IPv4Address(10, 0, 2, 30)) }
        )
        #expect(try reply().0.yourAddress == IPv4Address(10, 0, 2, 30))
    }

    @Test func addressesInUseByOthersAreNotOffered() throws {
        // A guest that was set up by hand speaks as .15.
        let squatter = Guest(rig, mac: mac(99), ip: IPv4Address(10, 0, 2, 15))
        rig.inject(squatter.arp(1, target: IPv4Address(10, 0, 2, 2)))
        _ = rig.takeSent()
        #expect(try lease(mac(1)) == IPv4Address(10, 0, 2, 16))
    }

    @Test func declinedAddressesRest() throws {
        let address = try lease(mac(1))
        rig.inject(try message(.decline, mac: mac(1)) { $0.add(.requestedAddress, address) })
        #expect(rig.takeSent().isEmpty)
        let other = try lease(mac(1))
        #expect(other != address)
        // Nobody else's declining counts.
        rig.inject(try message(.decline, mac: mac(2)) { $0.add(.requestedAddress, other) })
        #expect(try lease(mac(1)) == other)
    }

    @Test func releasedAddressesComeBackToTheirStationFirst() throws {
        let address = try lease(mac(1))
        rig.inject(try message(.release, mac: mac(1), client: address))
        #expect(try lease(mac(2)) != address)
        #expect(try lease(mac(1)) == address)
    }

    @Test func informGivesParametersWithoutALease() throws {
        rig.inject(try message(.inform, mac: mac(1), client: IPv4Address(10, 0, 2, 77)))
        let (answer, frame) = try reply()
        #expect(answer.messageType == .acknowledge && answer.yourAddress.isUnspecified && answer.leaseTime == nil)
        #expect(answer.routers == [IPv4Address(10, 0, 2, 2)] && frame.ip?.destination == IPv4Address(10, 0, 2, 77))
    }

    @Test func anotherServersClientIsLeftAlone() throws {
        rig.inject(try message(.discover, mac: mac(1)))
        _ = rig.takeSent()
        rig.inject(
            try message(.request, mac: mac(1)) {
                $0.add(.requestedAddress, IPv4Address(10, 0, 2, 200))
                $0.add(.serverIdentifier, IPv4Address(10, 0, 2, 9))
            }
        )
        #expect(rig.takeSent().isEmpty)
    }

    @Test func anExhaustedPoolIsSilentUntilALeaseEnds() throws {
        let rig = try Rig {
            $0.isDHCPEnabled = true
            $0.limits.leaseCount = 3
            $0.leaseSeconds = 100
        }
        func discover(_ number: Int) throws -> IPv4Address? {
            var builder = DHCPMessageBuilder(
                operation: .request,
                messageType: .request,
                transactionIdentifier: 1,
                hardwareAddress: mac(number)
            )
            builder.add(.requestedAddress, IPv4Address(10, 0, 2, UInt8(15 + number % 3)))
            var bytes = [UInt8](repeating: 0, count: builder.byteCount)
            var span = bytes.mutableSpan
            _ = builder.emit(into: &span)
            rig.inject(
                Guest(rig, mac: mac(number)).udp(
                    to: .broadcast,
                    67,
                    from: 68,
                    bytes,
                    source: .unspecified,
                    ethernetTo: .broadcast
                )
            )
            guard let data = rig.takeSent().last?.udp?.data else { return nil }
            let answer = try parse(data)
            return answer.messageType == .acknowledge ? answer.yourAddress : nil
        }
        for number in 0..<3 { #expect(try discover(number) != nil) }
        for number in 3..<6 { #expect(try discover(number) == nil) }
        rig.advance(milliseconds: 101_000)
        #expect(try discover(3) != nil)
    }

    @Test func withoutDHCPNobodyAnswers() throws {
        let rig = try Rig()
        let builder = DHCPMessageBuilder(
            operation: .request,
            messageType: .discover,
            transactionIdentifier: 1,
            hardwareAddress: mac(1)
        )
        var bytes = [UInt8](repeating: 0, count: builder.byteCount)
        var span = bytes.mutableSpan
        _ = builder.emit(into: &span)
        rig.inject(
            Guest(rig, mac: mac(1)).udp(
                to: .broadcast,
                67,
                from: 68,
                bytes,
                source: .unspecified,
                ethernetTo: .broadcast
            )
        )
        #expect(rig.takeSent().isEmpty)
    }
}
