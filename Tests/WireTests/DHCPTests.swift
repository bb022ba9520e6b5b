// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct DHCPTests {
    /// A DISCOVER as busybox udhcpc sends it, and a few options more.
    private func discover(_ options: String, overload: [Int: String] = [:]) -> [UInt8] {
        var bytes = hex(
            """
            01 01 06 00         # request, Ethernet, 6 bytes, no hops
            39 03 f3 26         # transaction
            00 05 80 00         # 5 seconds, wants broadcast
            0a 00 00 05         # client address
            0a 00 00 06         # your address
            0a 00 00 07         # server address
            0a 00 00 08         # relay
            52 54 00 12 34 56   # client's MAC
            """
        )
        bytes += [UInt8](repeating: 0, count: 10 + 64 + 128)
        bytes += hex("63 82 53 63") + hex(options)
        for (offset, text) in overload { bytes.replaceSubrange(offset..<(offset + hex(text).count), with: hex(text)) }
        return bytes
    }

    @Test func readsFixedFields() throws {
        let message = try #require(DHCPMessage.parse(discover("35 01 01 ff")))
        #expect(message.operation == .request && message.messageType == .discover)
        #expect(message.transactionIdentifier == 0x3903_f326)
        #expect(message.seconds == 5 && message.wantsBroadcast)
        #expect(message.clientAddress == IPv4Address(10, 0, 0, 5))
        #expect(message.yourAddress == IPv4Address(10, 0, 0, 6))
        #expect(message.serverAddress == IPv4Address(10, 0, 0, 7))
        #expect(message.gatewayAddress == IPv4Address(10, 0, 0, 8))
        #expect(message.hardwareAddress == MACAddress(0x5254_0012_3456))
    }

    @Test func readsOptions() throws {
        let message = try #require(
            DHCPMessage.parse(
                discover(
                    """
                    35 01 03                        # REQUEST
                    3d 07 01 52 54 00 12 34 56      # client identifier
                    32 04 c0 a8 4d 0a               # requested address
                    36 04 c0 a8 4d 01               # server identifier
                    33 04 00 00 0e 10               # lease time 3600
                    3a 04 00 00 07 08               # T1 1800
                    3b 04 00 00 0c 4e               # T2 3150
                    39 02 05 dc                     # maximum message size 1500
                    0c 05 61 6c 69 63 65            # host name alice
                    0f 04 6c 61 62 00               # domain name lab, with a final zero
                    00 00                           # padding
                    37 04 01 03 06 1a               # parameter request list
                    01 04 ff ff ff 00               # subnet mask
                    03 04 c0 a8 4d 01               # router
                    06 08 c0 a8 4d 03 01 01 01 01   # name servers
                    1a 02 05 dc                     # MTU
                    77 05 03 6c 61 62 00            # search list
                    38 02 6e 6f                     # message "no"
                    ff 0c 01 78                     # nothing counts behind the end
                    """
                )
            )
        )
        #expect(message.messageType == .request)
        #expect(message.clientIdentifier == hex("01 52 54 00 12 34 56"))
        #expect(message.requestedAddress == IPv4Address(192, 168, 77, 10))
        #expect(message.serverIdentifier == IPv4Address(192, 168, 77, 1))
        #expect(message.leaseTime == 3600 && message.renewalTime == 1800 && message.rebindingTime == 3150)
        #expect(message.maximumMessageSize == 1500)
        #expect(message.hostName == "alice" && message.domainName == "lab" && message.message == "no")
        #expect(message.parameterRequestList == [.subnetMask, .routers, .domainNameServers, .interfaceMTU])
        #expect(message.subnetMask == IPv4Address(255, 255, 255, 0))
        #expect(message.routers == [IPv4Address(192, 168, 77, 1)])
        #expect(message.domainNameServers == [IPv4Address(192, 168, 77, 3), IPv4Address(1, 1, 1, 1)])
        #expect(message.interfaceMTU == 1500)
        #expect(message.domainSearch == hex("03 6c 61 62 00"))
    }

    @Test func absentOrImpossibleOptionsCountAsNotSaid() throws {
        let message = try #require(
            DHCPMessage.parse(
                discover(
                    """
                    35 02 01 01         # message type of two bytes
                    32 03 c0 a8 4d      # address of three
                    33 05 00 00 0e 10 0 # lease time of five
                    0                   # (rest of it)
                    1a 02 00 43         # MTU below 68
                    39 02 02 3f         # message size below 576
                    0c 03 61 0a 62      # host name with a line feed
                    0f 00               # empty domain name
                    03 05 c0 a8 4d 01 0 # routers that are no multiple of four
                    0
                    3d 01 01            # client identifier without a value
                    ff
                    """
                )
            )
        )
        #expect(message.messageType == nil && message.requestedAddress == nil && message.leaseTime == nil)
        #expect(message.interfaceMTU == nil && message.maximumMessageSize == nil && message.hostName == nil)
        #expect(message.domainName == nil && message.routers.isEmpty && message.clientIdentifier == nil)
        #expect(message.serverIdentifier == nil && message.parameterRequestList.isEmpty)
        #expect(message.domainNameServers.isEmpty && message.domainSearch == nil)
    }

    @Test func anUnknownMessageTypeIsNone() throws {
        for type in ["00", "09", "ff"] {
            let message = try #require(DHCPMessage.parse(discover("35 01 \(type) ff")))
            #expect(message.messageType == nil)
        }
    }

    @Test func readsOptionsInOverloadedFields() throws {
        let fields = [108: "0c 03 62 6f 62 ff", 44: "0f 03 6c 61 62 ff"]
        func names(_ overload: String) throws -> [String?] {
            let message = try #require(DHCPMessage.parse(discover("35 01 01 \(overload) ff", overload: fields)))
            return [message.hostName, message.domainName]
        }
        #expect(try names("") == [nil, nil])
        #expect(try names("34 01 01") == ["bob", nil])
        #expect(try names("34 01 02") == [nil, "lab"])
        #expect(try names("34 01 03") == ["bob", "lab"])
    }

    @Test func overloadInsideOfAnOverloadedFieldMeansNothing() throws {
        let message = try #require(
            DHCPMessage.parse(
                discover("35 01 01 34 01 01 ff", overload: [108: "34 01 02 ff", 44: "0f 03 6c 61 62 ff"])
            )
        )
        #expect(message.domainName == nil)
    }

    @Test func joinsPartsOfALongOption() throws {
        let message = try #require(DHCPMessage.parse(discover("0c 02 61 6c 35 01 01 0c 03 69 63 65 ff")))
        #expect(message.hostName == "alice")
    }

    @Test(arguments: ["35 01", "35 05 01", "0c", "0c ff 61"])
    func anOptionCutShortEndsTheWalk(_ text: String) throws {
        let message = try #require(DHCPMessage.parse(discover("33 04 00 00 00 3c \(text)")))
        #expect(message.leaseTime == 60)
        #expect(message.messageType == nil && message.hostName == nil)
    }

    @Test func refusesOtherMessages() {
        let good = discover("35 01 01 ff")
        #expect(DHCPMessage.parse(good) != nil)
        for length in 0..<240 { #expect(DHCPMessage.parse(Array(good[..<length])) == nil) }
        for index in [0, 1, 2, 236, 239] {
            var bytes = good
            bytes[index] = 9
            #expect(DHCPMessage.parse(bytes) == nil)
        }
    }

    @Test func anOfferReadsAsItWasBuilt() throws {
        let request = try #require(DHCPMessage.parse(discover("35 01 01 ff")))
        var builder = DHCPMessageBuilder(replyTo: request, messageType: .offer)
        builder.yourAddress = IPv4Address(192, 168, 77, 10)
        builder.add(.serverIdentifier, IPv4Address(192, 168, 77, 1))
        builder.add(.leaseTime, 3600 as UInt32)
        builder.add(.subnetMask, IPv4Address(255, 255, 255, 0))
        builder.add(.routers, [IPv4Address(192, 168, 77, 1)])
        builder.add(.domainNameServers, [IPv4Address(192, 168, 77, 3), IPv4Address(192, 168, 77, 4)])
        builder.add(.interfaceMTU, 1500 as UInt16)
        builder.add(.domainName, "lab.example")
        builder.add(.hostName, "")
        let bytes = try #require(emitted(400) { builder.emit(into: &$0) })
        #expect(bytes.count == 300)
        let message = try #require(DHCPMessage.parse(bytes))
        #expect(message.operation == .reply && message.messageType == .offer)
        #expect(message.transactionIdentifier == request.transactionIdentifier && message.wantsBroadcast)
        #expect(message.gatewayAddress == request.gatewayAddress && message.seconds == 0)
        #expect(message.hardwareAddress == request.hardwareAddress && message.clientAddress.isUnspecified)
        #expect(message.yourAddress == IPv4Address(192, 168, 77, 10))
        #expect(message.serverIdentifier == IPv4Address(192, 168, 77, 1) && message.leaseTime == 3600)
        #expect(message.routers == [IPv4Address(192, 168, 77, 1)] && message.domainNameServers.count == 2)
        #expect(message.interfaceMTU == 1500 && message.domainName == "lab.example" && message.hostName == nil)
        // The message type goes first, for readers that stop early.
        #expect(Array(bytes[240..<243]) == [53, 1, 2])
    }

    @Test func neverWritesMoreThanFits() throws {
        var builder = DHCPMessageBuilder(
            operation: .request,
            messageType: .discover,
            transactionIdentifier: 1,
            hardwareAddress: MACAddress(2)
        )
        #expect(emitted(299) { builder.emit(into: &$0) } == nil)
        #expect(emitted(300) { builder.emit(into: &$0) }?.count == 300)
        #expect(emitted(310) { builder.emit(into: &$0, at: 11) } == nil)
        #expect(emitted(310) { builder.emit(into: &$0, at: -1) } == nil)
        builder.add(.vendorClassIdentifier, bytes: [UInt8](repeating: 7, count: 600))
        // 600 bytes need three options.
        #expect(builder.byteCount == 240 + 3 + 606 + 1)
        #expect(emitted(849) { builder.emit(into: &$0) } == nil)
        let bytes = try #require(emitted(850) { builder.emit(into: &$0) })
        #expect(DHCPMessage.parse(bytes)?.bytes(of: .vendorClassIdentifier) == [UInt8](repeating: 7, count: 600))
    }
}
