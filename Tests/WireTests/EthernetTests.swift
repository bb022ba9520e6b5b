// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct EthernetTests {
    let untagged = hex(
        """
        ff ff ff ff ff ff   # destination
        02 00 00 00 00 01   # source
        08 06               # type: ARP
        00 01               # payload begins
        """
    )

    let tagged = hex(
        """
        01 00 5e 00 00 fb   # destination
        02 00 00 00 00 01   # source
        81 00 b0 64         # customer tag: priority 5, drop eligible, VLAN 100
        08 00               # type: IPv4
        45                  # payload begins
        """
    )

    let doubleTagged = hex(
        """
        02 00 00 00 00 02   # destination
        02 00 00 00 00 01   # source
        88 a8 00 0a         # service tag: VLAN 10
        81 00 00 64         # customer tag: VLAN 100
        86 dd               # type: IPv6
        60                  # payload begins
        """
    )

    @Test func readsAnUntaggedFrame() throws {
        let frame = try #require(Fields(untagged))
        #expect(frame.destination == .broadcast)
        #expect(frame.source == MACAddress(0x0200_0000_0001))
        #expect(frame.rawType == 0x0806)
        #expect(frame.type == .arp)
        #expect(frame.vlan == nil)
        #expect(frame.payloadOffset == 14)
        #expect(frame.payload == [0, 1])
    }

    @Test func looksBehindACustomerTag() throws {
        let frame = try #require(Fields(tagged))
        #expect(frame.rawType == 0x8100)
        #expect(frame.vlan == 100)
        #expect(
            frame.tagControl.map(VLANTag.init(tagControl:)) == VLANTag(identifier: 100, priority: 5, dropEligible: true)
        )
        #expect(frame.type == .ipv4)
        #expect(frame.payloadOffset == 18)
        #expect(frame.payload == [0x45])
    }

    @Test func looksBehindServiceAndCustomerTag() throws {
        let frame = try #require(Fields(doubleTagged))
        #expect(frame.rawType == 0x88a8)
        #expect(frame.vlan == nil)
        #expect(frame.type == .ipv6)
        #expect(frame.payloadOffset == 22)
    }

    @Test func leavesAThirdTagAlone() throws {
        var bytes = doubleTagged
        bytes.replaceSubrange(20..<22, with: hex("81 00 00 07 08 00"))
        let frame = try #require(Fields(bytes))
        #expect(frame.type == .vlan)
        #expect(frame.payloadOffset == 22)
    }

    @Test func aTagThatIsCutShortIsPayload() throws {
        for length in 14..<18 {
            let frame = try #require(Fields(Array(tagged[..<length])))
            #expect(frame.vlan == nil && frame.type == .vlan && frame.payloadOffset == 14)
        }
    }

    @Test func thirteenBytesAreNoFrame() {
        #expect(Fields(Array(untagged[..<13])) == nil)
    }

    @Test func emitsWhatItWouldRead() {
        let header = EthernetHeader(
            destination: .broadcast,
            source: MACAddress(0x0200_0000_0001),
            type: .arp
        )
        #expect(emitted(14) { header.emit(into: &$0) } == Array(untagged[..<14]))
        #expect(emitted(13) { header.emit(into: &$0) } == nil)
        #expect(emitted(20) { header.emit(into: &$0, at: -1) } == nil)
        #expect(emitted(20) { header.emit(into: &$0, at: .max) } == nil)
        let tag = VLANTag(identifier: 100, priority: 5, dropEligible: true)
        #expect(emitted(4) { tag.emit(into: &$0, at: 0) } == hex("81 00 b0 64"))
        #expect(emitted(3) { tag.emit(into: &$0, at: 0) } == nil)
    }

    @Test func tellsTypesFromLengths() {
        #expect(EtherType(rawValue: 1500).isLength && !EtherType.ipv4.isLength)
        #expect(EtherType.vlan.isVLANTag && EtherType.serviceVLAN.isVLANTag && !EtherType.ipv6.isVLANTag)
        #expect(EtherType.arp.description == "0x0806")
    }
}

/// A frame's fields, out of the view that cannot leave its scope.
private struct Fields: Equatable {
    let destination: MACAddress
    let source: MACAddress
    let rawType: UInt16
    let type: EtherType
    let vlan: UInt16?
    let tagControl: UInt16?
    let payloadOffset: Int
    let payload: [UInt8]

    init(_ frame: borrowing EthernetFrame) {
        destination = frame.destination
        source = frame.source
        rawType = frame.rawType
        type = frame.type
        vlan = frame.vlanIdentifier
        tagControl = frame.tagControl
        payloadOffset = frame.payloadOffset
        payload = frame.payload.indices.map { frame.payload[$0] }
    }

    init?(_ bytes: [UInt8]) {
        guard let frame = EthernetFrame(bytes.span) else { return nil }
        self.init(frame)
    }
}
