// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing
import Wire

@testable import Endpoints

@Suite("Messages of the attach socket")
struct AttachMessageTests {
    /// "ELAT", version, kind.
    private static func message(version: UInt8 = 1, kind: UInt8 = 1, _ fields: String) -> [UInt8] {
        Array("ELAT".utf8) + [version, 0, kind, 0] + hex(fields)
    }

    @Test("a request has the layout of its documentation")
    func layout() {
        var request = AttachRequest(transport: .descriptor, description: "vm")
        request.port = 5
        request.capabilities = [.checksum]
        #expect(
            request.encoded()
                == Self.message(
                    """
                    0200 0200 76 6d        # description
                    0300 0400 01 00 00 00  # transport: a passed descriptor
                    0400 0400 02 00 00 00  # capabilities
                    0500 0400 05 00 00 00  # port
                    """
                )
        )
        #expect(
            AttachAnswer(status: 22, message: "no").encoded()
                == Self.message(kind: 2, "1000 0400 16 00 00 00  1100 0200 6e 6f")
        )
    }

    @Test("requests are understood as they were meant")
    func requestRoundTrip() throws {
        var request = AttachRequest(transport: .channel, description: "guest")
        #expect(try AttachRequest.parse(request.encoded()) == request)
        request.name = "uplink"
        request.transport = .descriptor
        request.port = 0xffff_ffff
        request.capabilities = [.header, .tso4]
        request.filters = [
            .init(isReceive: true, priority: 0, program: []),
            .init(isReceive: false, priority: .max, program: [6, 0, 0, 0, 0, 0, 1, 0]),
        ]
        #expect(try AttachRequest.parse(request.encoded()) == request)
    }

    @Test("answers are understood as they were meant")
    func answerRoundTrip() throws {
        for answer in [AttachAnswer(status: 0, port: 12), AttachAnswer(status: 1, message: "not for you")] {
            #expect(try AttachAnswer.parse(answer.encoded()) == answer)
        }
    }

    @Test("fields of later versions are passed over, in any order and in messages of a higher version")
    func laterVersions() throws {
        let request = try AttachRequest.parse(
            Self.message(version: 9, "ff7f 0300 01 02 03  0300 0400 02 00 00 00  0000 0000  0500 0400 07 00 00 00")
        )
        #expect(request.transport == .channel)
        #expect(request.port == 7)
    }

    @Test("what is not this protocol is refused")
    func notAttach() {
        for bytes in [[], [0x45], Array("ELAT".utf8), Array("VDE!".utf8) + [1, 0, 1, 0]] {
            #expect(throws: AttachMessage.Malformed.notAttach) { try AttachRequest.parse(bytes) }
        }
        #expect(throws: AttachMessage.Malformed.wrongKind(2)) { try AttachRequest.parse(Self.message(kind: 2, "")) }
        #expect(throws: AttachMessage.Malformed.wrongKind(1)) { try AttachAnswer.parse(Self.message(kind: 1, "")) }
    }

    @Test(
        "fields that contradict themselves are refused by their tag",
        arguments: [
            ("0300 0400 02 00 00", 3),  // Ends within the field.
            ("0300 04", 0),  // Ends within a field's head.
            ("0300 0400 03 00 00 00", 3),  // No known transport.
            ("0300 0400 02 00 00 00  0300 0300 02 00 00", 3),
            ("0300 0400 02 00 00 00  0400 0500 00 00 00 00 00", 4),
            ("0300 0400 02 00 00 00  0500 0000", 5),
            ("0300 0400 02 00 00 00  0600 0700 01 00 00 00 00 00 00", 6),  // A filter without a whole head.
            ("0300 0400 02 00 00 00  0600 0800 03 00 00 00 00 00 00 00", 6),  // No known direction.
            ("0300 0400 02 00 00 00  0600 0c00 01 00 00 00 00 00 00 00 06 00 00 00", 6),  // Half an instruction.
            ("0200 0100 61", 3),  // Nothing about the transport.
        ] as [(String, UInt16)]
    )
    func badFields(fields: String, tag: UInt16) {
        #expect(throws: AttachMessage.Malformed.badField(tag)) { try AttachRequest.parse(Self.message(fields)) }
    }

    @Test(
        "an answer needs a status that is an errno or zero",
        arguments: ["", "1000 0400 ff ff ff ff", "1000 0100 00"]
    )
    func badAnswers(fields: String) {
        #expect(throws: AttachMessage.Malformed.badField(16)) { try AttachAnswer.parse(Self.message(kind: 2, fields)) }
    }

    @Test("a name is taken as it is, or not at all")
    func names() throws {
        var request = AttachRequest(transport: .channel, description: "")
        request.name = "b\u{fc}ro\u{7}"
        #expect(try AttachRequest.parse(request.encoded()).name == request.name)
        for field in ["0100 0100 ff", "0100 0101" + String(repeating: " 61", count: 257)] {
            #expect(throws: AttachMessage.Malformed.badField(1)) {
                try AttachRequest.parse(Self.message("0300 0400 02 00 00 00 \(field)"))
            }
        }
    }

    @Test("a change of filters is understood as it was meant")
    func changeRoundTrip() throws {
        let change = AttachChange(filters: [
            .init(isReceive: true, priority: 7, program: []),
            .init(isReceive: false, priority: 0, program: [6, 0, 0, 0, 0, 0, 1, 0]),
        ])
        #expect(AttachChange.isChange(change.encoded()))
        #expect(try AttachChange.parse(change.encoded()) == change)
        #expect(
            change.encoded()
                == Self.message(
                    kind: 4,
                    "0600 0800 01 00 00 00 07 00 00 00  0600 1000 02 00 00 00 00 00 00 00 06 00 00 00 00 00 01 00"
                )
        )
        for field in ["0600 0400 01 00 00 00", "0600 0800 03 00 00 00 00 00 00 00"] {
            #expect(throws: AttachMessage.Malformed.badField(6)) {
                try AttachChange.parse(Self.message(kind: 4, field))
            }
        }
        #expect(!AttachChange.isChange(AttachAnswer(status: 0).encoded()))
    }

    @Test("answers carry an address")
    func addresses() throws {
        var answer = AttachAnswer(status: 0, port: 3)
        answer.address = MACAddress(rawValue: 0x5254_0102_0304)
        #expect(try AttachAnswer.parse(answer.encoded()).address == answer.address)
        #expect(throws: AttachMessage.Malformed.badField(9)) {
            try AttachAnswer.parse(Self.message(kind: 2, "1000 0400 00 00 00 00 0900 0500 01 02 03 04 05"))
        }
    }

    @Test("texts are cut to 256 bytes and never move a cursor")
    func texts() throws {
        let request = AttachRequest(transport: .channel, description: String(repeating: "é", count: 300))
        let parsed = try AttachRequest.parse(request.encoded())
        #expect(parsed.description == String(repeating: ".", count: 256))
        let answer = try AttachAnswer.parse(AttachAnswer(status: 1, message: "\r\nno").encoded())
        #expect(answer.message == "..no")
    }

    @Test("changed and cut messages never trap, and what is accepted means itself")
    func hostile() throws {
        var generator = SeededGenerator(seed: 31)
        var request = AttachRequest(transport: .channel, description: "somebody")
        request.name = "x"
        request.filters = [.init(isReceive: true, priority: 1, program: [UInt8](repeating: 6, count: 16))]
        let answer = AttachAnswer(status: 3, message: "why", port: 4)
        var accepted = 0
        for round in 0..<10_000 {
            var bytes = round % 2 == 0 ? request.encoded() : answer.encoded()
            for _ in 0..<generator.number(0...3) {
                bytes[generator.number(0...bytes.count - 1)] = generator.bytes(1)[0]
            }
            if generator.number(0...3) == 0 { bytes.removeLast(generator.number(0...bytes.count)) }
            if let parsed = try? AttachRequest.parse(bytes) {
                accepted += 1
                #expect(try AttachRequest.parse(parsed.encoded()) == parsed)
            }
            if let parsed = try? AttachAnswer.parse(bytes) {
                accepted += 1
                #expect(parsed.status >= 0)
            }
        }
        #expect(accepted > 2000)
    }
}
