// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import TestSupport
import Testing

@Suite("Messages of vhost-user")
struct VhostMessageTests {
    private static func parse(_ request: UInt32, _ payload: [UInt8]) throws(VhostProtocolError) -> VhostMessage {
        try VhostMessage.parse(request: request, payload: payload.span)
    }

    @Test("a memory table is read with all its regions, and trailing room is passed over")
    func readsMemoryTable() throws {
        let payload = hex(
            """
            02 00 00 00 00 00 00 00                              # two regions
            00 00 00 00 00 00 00 00  00 00 0a 00 00 00 00 00     # guest address 0, 640 KiB
            00 00 00 00 00 7f 00 00  00 00 00 00 00 00 00 00     # user address, file offset 0
            00 00 10 00 00 00 00 00  00 00 f0 07 00 00 00 00
            00 00 10 00 00 7f 00 00  00 00 10 00 00 00 00 00
            """
        )
        let expected = VhostMessage.setMemoryTable([
            GuestMemory.Region(guestAddress: 0, byteCount: 0xa_0000, userAddress: 0x7f00_0000_0000, fileOffset: 0),
            GuestMemory.Region(
                guestAddress: 0x10_0000,
                byteCount: 0x7f0_0000,
                userAddress: 0x7f00_0010_0000,
                fileOffset: 0x10_0000
            ),
        ])
        #expect(try Self.parse(5, payload) == expected)
        #expect(try Self.parse(5, payload + [UInt8](repeating: 1, count: 32 * 6)) == expected)
        #expect(throws: VhostProtocolError.badSize(.setMemoryTable, 71)) { try Self.parse(5, payload.dropLast()) }
        #expect(throws: VhostProtocolError.badValue(.setMemoryTable)) {
            try Self.parse(5, [9, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 9 * 32))
        }
    }

    @Test("rings, addresses and descriptors are read")
    func readsRings() throws {
        #expect(try Self.parse(8, [1, 0, 0, 0, 0, 1, 0, 0]) == .setRingSize(ring: 1, 256))
        #expect(try Self.parse(10, [0, 0, 0, 0, 7, 0, 0, 0]) == .setRingBase(ring: 0, 7))
        #expect(try Self.parse(12, [1, 0, 0, 0, 0, 0, 0, 0]) == .setRingKick(ring: 1, hasDescriptor: true))
        #expect(try Self.parse(13, [1, 1, 0, 0, 0, 0, 0, 0]) == .setRingCall(ring: 1, hasDescriptor: false))
        let address =
            [0, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 0, 0] + [2, 0, 0, 0, 0, 0, 0, 0]
            + [3, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
        let expected = VhostRingAddress(descriptors: 1, used: 2, available: 3)
        #expect(try Self.parse(9, address) == .setRingAddress(ring: 0, expected))
    }

    @Test(
        "values that make no sense are refused",
        arguments: [
            (8, [2, 0, 0, 0, 0, 1, 0, 0]),  // No third ring.
            (8, [0, 0, 0, 0, 0, 0, 0, 0]),  // A ring without entries,
            (8, [0, 0, 0, 0, 3, 0, 0, 0]),  // no power of two,
            (8, [0, 0, 0, 0, 0, 0, 1, 0]),  // too large.
            (10, [0, 0, 0, 0, 0, 0, 1, 0]), (11, [9, 0, 0, 0, 0, 0, 0, 0]), (12, [2, 0, 0, 0, 0, 0, 0, 0]),
            (18, [0, 0, 0, 0, 2, 0, 0, 0]), (18, [0, 0, 0, 128, 1, 0, 0, 0]),
            (24, [0xff, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
            (31, [UInt8](repeating: 0xff, count: 20)), (31, [UInt8](repeating: 0, count: 20)),
        ] as [(UInt32, [UInt8])]
    )
    func refusesValues(request: UInt32, payload: [UInt8]) throws {
        let known = try #require(VhostRequest(rawValue: request))
        #expect(throws: VhostProtocolError.badValue(known)) { try Self.parse(request, payload) }
    }

    @Test("a payload of the wrong size is refused, whatever the request")
    func refusesSizes() {
        for request in VhostRequest.allCases {
            for count in [1, 7, 9, 13, 39, 41] {
                switch request {
                case .getFeatures, .setOwner, .resetOwner, .setLogBase, .setLogDescriptor, .getProtocolFeatures,
                    .getQueueCount, .setBackendChannel, .resetDevice, .getStatus:
                    continue
                case .setMemoryTable where count > 8: continue  // No regions, and room for more.
                default: break
                }
                #expect(throws: VhostProtocolError.self) {
                    try Self.parse(request.rawValue, [UInt8](repeating: 0, count: count))
                }
            }
        }
        #expect(throws: VhostProtocolError.unknownRequest(99)) { try Self.parse(99, []) }
    }

    @Test("a header has version 1 and a bounded size")
    func readsHeaders() throws {
        let header = try #require(try VhostMessageHeader.parse(hex("05 00 00 00 09 00 00 00 08 00 00 00").span))
        #expect(header.request == 5)
        #expect(header.needsReply)
        #expect(header.payloadByteCount == 8)
        #expect(header.reply(7) == hex("05 00 00 00 05 00 00 00 08 00 00 00 07 00 00 00 00 00 00 00"))
        #expect(try VhostMessageHeader.parse(hex("05 00 00").span) == nil)
        #expect(throws: VhostProtocolError.badVersion(2)) {
            try VhostMessageHeader.parse(hex("05 00 00 00 02 00 00 00 08 00 00 00").span)
        }
        #expect(throws: VhostProtocolError.tooLarge(0x1000_0000)) {
            try VhostMessageHeader.parse(hex("05 00 00 00 01 00 00 00 00 00 00 10").span)
        }
    }
}
