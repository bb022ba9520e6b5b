// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct ForwardChangeTests {
    let rig: Rig
    let guest: Guest

    init() throws {
        rig = try Rig {
            $0.forwards = [PortForward(transport: .udp, hostPort: 9000, guestAddress: Rig.guestIP, guestPort: 9)]
            $0.spareForwardCount = 2
        }
        guest = Guest(rig)
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2)))
        _ = rig.takeSent()
    }

    private func forward(_ port: UInt16, _ transport: PortForward.Transport = .udp) -> PortForward {
        PortForward(transport: transport, hostPort: port, guestAddress: Rig.guestIP, guestPort: port)
    }

    @Test func addedOnesServeAndRemovedOnesDoNot() throws {
        #expect(rig.gateway.nextForwardNumber == 1)
        rig.gateway.addForward(forward(7))
        #expect(rig.gateway.number(of: forward(7)) == 1)
        let peer = HostEndpoint(address: IPv4Address(198, 51, 100, 7), port: 3333)
        rig.host.forwardDatagrams[1] = [([1], peer)]
        rig.forwardReady(1)
        #expect(rig.takeSent().compactMap { $0.udp?.header.destinationPort } == [7])
        rig.inject(guest.udp(to: peer.address, 3333, from: 7, [2]))
        #expect(rig.host.forwardSent.map(\.0) == [[2]])

        rig.gateway.removeForward(1, host: &rig.host)
        #expect(rig.gateway.number(of: forward(7)) == nil)
        rig.host.forwardDatagrams[1] = [([3], peer)]
        rig.forwardReady(1)
        #expect(rig.takeSent().isEmpty)
        // The conversation has ended: an answer opens one of the guest's own.
        rig.inject(guest.udp(to: peer.address, 3333, from: 7, [4]))
        #expect(rig.host.forwardSent.count == 1)
        #expect(rig.host.sockets.count == 1)
        // What was there from the beginning is not disturbed.
        rig.host.forwardDatagrams[0] = [([5], peer)]
        rig.forwardReady(0)
        #expect(rig.takeSent().compactMap { $0.udp?.header.destinationPort } == [9])
        rig.expectNoLeak()
    }

    @Test func numbersAreUsedAgainAndHaveAnEnd() throws {
        rig.gateway.addForward(forward(1))
        rig.gateway.addForward(forward(2, .tcp))
        #expect(rig.gateway.nextForwardNumber == nil)
        rig.gateway.addForward(forward(3))
        #expect(rig.gateway.number(of: forward(3)) == nil)
        rig.gateway.removeForward(1, host: &rig.host)
        #expect(rig.gateway.nextForwardNumber == 1)
        rig.gateway.addForward(forward(4, .tcp))
        #expect(rig.gateway.number(of: forward(4, .tcp)) == 1)
        rig.host.waiting[1] = [HostEndpoint(address: .loopback, port: 5)]
        rig.forwardReady(1)
        #expect(rig.takeSent().compactMap(\.tcp).map(\.header.destinationPort) == [4])
    }

    @Test func whoMayBeAGuestIsChecked() throws {
        #expect(throws: GatewayConfigurationError.self) {
            try rig.configuration.validate(
                PortForward(transport: .tcp, hostPort: 1, guestAddress: IPv4Address(10, 9, 9, 9), guestPort: 1)
            )
        }
        try rig.configuration.validate(forward(1))
    }
}
