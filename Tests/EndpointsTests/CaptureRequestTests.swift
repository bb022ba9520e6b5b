// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Endpoints

@Suite("Capture requests on the attach socket")
struct CaptureRequestTests {
    /// "ELAT", version, kind 3.
    private static func message(version: UInt8 = 1, kind: UInt8 = 3, _ fields: String) -> [UInt8] {
        Array("ELAT".utf8) + [version, 0, kind, 0] + hex(fields)
    }

    @Test("a request has the layout of its documentation")
    func layout() {
        var request = CaptureRequest()
        request.ports = [3, 300]
        request.isOutbound = true
        request.snapLength = 96
        request.filter = hex("06 00 00 00 ff ff 00 00")
        #expect(
            request.encoded()
                == Self.message(
                    """
                    0500 0400 03 00 00 00              # port
                    0500 0400 2c 01 00 00              # another one
                    0800 0400 03 00 00 00              # direction: both
                    0700 0400 60 00 00 00              # bytes kept
                    0600 0800 06 00 00 00 ff ff 00 00  # filter
                    """
                )
        )
        #expect(CaptureRequest().encoded() == Self.message("0800 0400 01 00 00 00"))
    }

    @Test("requests are understood as they were meant")
    func roundTrip() throws {
        var request = CaptureRequest()
        #expect(try CaptureRequest.parse(request.encoded()) == request)
        request.ports = Array(0..<CaptureRequest.maximumPortCount)
        request.isInbound = false
        request.isOutbound = true
        request.snapLength = Int(UInt32.max)
        // The longest program.
        request.filter = [UInt8](repeating: 6, count: 4096 * 8)
        let bytes = request.encoded()
        #expect(try CaptureRequest.parse(bytes) == request)
        #expect(bytes.count <= AttachMessage.maximumByteCount + 8 * CaptureRequest.maximumPortCount)
    }

    @Test("fields that nobody knows are passed over, later versions are read")
    func laterVersions() throws {
        let bytes = Self.message(version: 9, "6300 0300 61 62 63  0800 0400 02 00 00 00  0100 0100 78")
        let request = try CaptureRequest.parse(bytes)
        #expect(!request.isInbound && request.isOutbound && request.ports.isEmpty)
    }

    @Test("without a direction, what comes in")
    func noDirection() throws {
        let request = try CaptureRequest.parse(Self.message("0500 0400 07 00 00 00"))
        #expect(request.isInbound && !request.isOutbound && request.ports == [7])
    }

    @Test("a message of another kind is told from one of this")
    func kinds() {
        #expect(CaptureRequest.isRequest(CaptureRequest().encoded()))
        #expect(!CaptureRequest.isRequest(Self.message(kind: 1, "")))
        #expect(!CaptureRequest.isRequest([]))
        #expect(!CaptureRequest.isRequest(Array(CaptureRequest().encoded().prefix(7))))
        #expect(!CaptureRequest.isRequest(hex("00 00 00 00 01 00 03 00")))
        #expect(throws: AttachMessage.Malformed.wrongKind(1)) {
            try CaptureRequest.parse(Self.message(kind: 1, "0800 0400 01 00 00 00"))
        }
        #expect(throws: AttachMessage.Malformed.notAttach) { try CaptureRequest.parse([1, 2, 3]) }
    }

    @Test(
        "fields of the wrong size or meaning are refused by their number",
        arguments: [
            ("0500 0300 01 00 00", 5), ("0500 0500 01 00 00 00 00", 5), ("0800 0400 00 00 00 00", 8),
            ("0800 0400 04 00 00 00", 8), ("0800 0100 03", 8), ("0700 0200 10 00", 7),
            ("0600 0700 06 00 00 00 00 00 00", 6), ("0500 0800 01 00 00 00", 5), ("0500 04", 0),
        ] as [(String, UInt16)]
    )
    func badFields(_ fields: String, _ tag: UInt16) {
        #expect(throws: AttachMessage.Malformed.badField(tag)) { try CaptureRequest.parse(Self.message(fields)) }
    }

    @Test("more ports than anybody has are refused")
    func tooManyPorts() {
        var request = CaptureRequest()
        request.ports = Array(repeating: 1, count: CaptureRequest.maximumPortCount + 1)
        #expect(throws: AttachMessage.Malformed.badField(5)) { try CaptureRequest.parse(request.encoded()) }
    }

    @Test("every cut of a request is refused or is a shorter request")
    func cuts() throws {
        var request = CaptureRequest()
        request.ports = [1, 2]
        request.snapLength = 5
        let bytes = request.encoded()
        for size in 0..<bytes.count {
            // Whole fields only.
            let isWhole = size >= 8 && (size - 8) % 8 == 0
            #expect(((try? CaptureRequest.parse(Array(bytes[..<size]))) != nil) == isWhole, "\(size)")
        }
    }
}
