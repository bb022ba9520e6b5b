// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import Endpoints

/// A request of version 3, byte by byte and without the code under test.
private struct RequestBytes {
    var magic: UInt32 = 0xfeed_face
    var version: UInt32 = 3
    var type: UInt32 = 0
    var family: [UInt8] = [1, 0]
    var path = Array("/tmp/etherloom.sock".utf8)
    var description: [UInt8] = []

    private func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    private var address: [UInt8] { family + path + [UInt8](repeating: 0, count: 108 - path.count) }

    var bytes: [UInt8] { word(magic) + word(version) + word(type) + address + description }
    /// The same as uml_switch of old: no version, a MAC address after the type.
    var version1Bytes: [UInt8] { word(magic) + word(type) + [2, 0, 0, 0, 0, 1] + address + description }
}

@Suite("Requests of VDE clients")
struct VDERequestTests {
    @Test("version 3 says port, address and description")
    func version3() throws {
        var bytes = RequestBytes()
        bytes.type = 5 << 8
        bytes.description = Array("qemu user=me PID=1".utf8)
        let request = try VDERequest.parse(bytes.bytes)
        #expect(request.port == 5)
        #expect(!request.isManagement)
        #expect(request.address.path == "/tmp/etherloom.sock")
        #expect(request.description == "qemu user=me PID=1")
    }

    @Test("the header alone is a request, as is one with any description up to 256 bytes", arguments: 0...134)
    func lengths(descriptionLength: Int) throws {
        var bytes = RequestBytes()
        bytes.description = [UInt8](repeating: UInt8(ascii: "d"), count: descriptionLength)
        #expect(bytes.bytes.count == 122 + descriptionLength)
        #expect(try VDERequest.parse(bytes.bytes).description.utf8.count == descriptionLength)
    }

    @Test("User Mode Linux's 124 bytes end in two bytes of padding, not in a description")
    func userModeLinux() throws {
        var bytes = RequestBytes()
        // An abstract name of all 108 bytes, with anything in it.
        bytes.path = [0] + (0..<107).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        bytes.description = [0, 0]
        let request = try VDERequest.parse(bytes.bytes)
        #expect(request.description == "")
        #expect(request.address.isAbstract)
        #expect(request.address.path == nil)
        #expect(Array(request.address.bytes[2...]) == bytes.path)
    }

    @Test("version 1 has a MAC address and no version")
    func version1() throws {
        let request = try VDERequest.parse(RequestBytes().version1Bytes)
        #expect(request.port == 0)
        #expect(request.address.path == "/tmp/etherloom.sock")
        #expect(request.description == "")
        #expect(throws: VDERequest.Refusal.incomplete) {
            try VDERequest.parse(Array(RequestBytes().version1Bytes.dropLast()))
        }
    }

    @Test("every beginning of a request is incomplete, not wrong", arguments: 0..<122)
    func beginnings(length: Int) {
        #expect(throws: VDERequest.Refusal.incomplete) {
            try VDERequest.parse(Array(RequestBytes().bytes.prefix(length)))
        }
    }

    @Test("the management port is asked for by command 1, whatever the number beside it")
    func management() throws {
        var bytes = RequestBytes()
        bytes.type = 9 << 8 | 1
        let request = try VDERequest.parse(bytes.bytes)
        #expect(request.isManagement)
        #expect(request.port == 0)
    }

    @Test("the largest port number has 24 bits")
    func largestPort() throws {
        var bytes = RequestBytes()
        bytes.type = 0xffff_ff00
        #expect(try VDERequest.parse(bytes.bytes).port == 0xff_ffff)
    }

    @Test("what is no request is refused with its reason")
    func refusals() {
        var bytes = RequestBytes()
        bytes.magic = 0xfeed_beef
        #expect(throws: VDERequest.Refusal.noMagic) { try VDERequest.parse(bytes.bytes) }
        #expect(throws: VDERequest.Refusal.noMagic) { try VDERequest.parse(Array("GET / HTTP/1.0\r\n".utf8)) }
        for version in [2, 4, 0xffff_ffff] as [UInt32] {
            bytes = RequestBytes()
            bytes.version = version
            #expect(throws: VDERequest.Refusal.unsupportedVersion(version)) { try VDERequest.parse(bytes.bytes) }
        }
        for command in [2, 3, 255] as [UInt32] {
            bytes = RequestBytes()
            bytes.type = 1 << 8 | command
            #expect(throws: VDERequest.Refusal.unknownCommand(command)) { try VDERequest.parse(bytes.bytes) }
        }
        for family in [[0, 0], [2, 0], [1, 1], [0, 1]] as [[UInt8]] {
            bytes = RequestBytes()
            bytes.family = family
            #expect(throws: VDERequest.Refusal.badAddress) { try VDERequest.parse(bytes.bytes) }
        }
        bytes = RequestBytes()
        bytes.description = [UInt8](repeating: 0x61, count: 135)
        #expect(throws: VDERequest.Refusal.tooLong) { try VDERequest.parse(bytes.bytes) }
    }

    @Test("a description ends at its first NUL and never moves a cursor")
    func printable() throws {
        var bytes = RequestBytes()
        bytes.description = Array("a\u{1b}[2Jb\nc\u{7f}\u{e9}".utf8) + [0x9b, 0x80, 0xff, 0, 0x21]
        let description = try VDERequest.parse(bytes.bytes).description
        #expect(description == "a.[2Jb.c......")
        #expect(description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
    }

    @Test("what is encoded is understood, a description of up to 128 bytes included")
    func roundTrip() throws {
        let address = try #require(UnixSocketAddress(path: "/tmp/x"))
        for request in [
            VDERequest(port: 0, address: address, description: ""),
            VDERequest(port: 7, address: address, description: "a description"),
            VDERequest(port: 0, isManagement: true, address: address, description: "m"),
        ] {
            #expect(try VDERequest.parse(request.encoded()) == request)
        }
        let long = VDERequest(port: 1, address: address, description: String(repeating: "x", count: 500))
        #expect(try VDERequest.parse(long.encoded()).description.count == 128)
    }

    @Test("random bytes never trap")
    func hostile() {
        var generator = SeededGenerator(seed: 21)
        var accepted = 0
        for _ in 0..<5000 {
            var bytes = generator.number(0...1) == 0 ? RequestBytes().bytes : RequestBytes().version1Bytes
            for _ in 0..<generator.number(0...4) {
                bytes[generator.number(0...bytes.count - 1)] = generator.bytes(1)[0]
            }
            if generator.number(0...3) == 0 { bytes.removeLast(generator.number(0...bytes.count)) }
            bytes += generator.bytes(generator.number(0...150))
            if let request = try? VDERequest.parse(bytes) {
                accepted += 1
                #expect(request.port < 1 << 24)
                #expect(request.address.bytes.count == 110)
            }
        }
        #expect(accepted > 500)
    }
}
