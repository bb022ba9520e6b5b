// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import Runtime

/// Machines whose fabric was killed: what the next one is told, and refuses. That it works is shown with real guests.
@Suite("Fabrics that go on where another was")
struct FabricSuccessionTests {
    @Test("notes are the same when they were words")
    func words() throws {
        for note in [
            VhostNote(key: "5", payload: [0, 1, 0x7f, 0x80, 0xff]), VhostNote(key: "socket", payload: []),
            VhostNote(key: "12.1", payload: nil),
        ] {
            #expect(VhostNote(words: note.words) == note)
        }
        for wrong in [[], ["5", "0"], ["5", "0g"], ["5", "00", "more"], ["5", String(repeating: "00", count: 513)]] {
            #expect(VhostNote(words: wrong) == nil, "\(wrong)")
        }
    }

    @Test("a ring is started with everything else known")
    func order() {
        let keys = VhostNote.order.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(keys.firstIndex(of: "5")! < keys.firstIndex(of: "12.0")!)
        #expect(keys.firstIndex(of: "18.1")! < keys.firstIndex(of: "12.1")!)
    }

    @Test("what makes no sense is refused, and the port takes a new machine as before")
    func refusals() throws {
        let directory = try TemporaryDirectory()
        let fabric = try LiveFabric(directory: directory.path)
        try fabric.tell("segment-add lan")
        try fabric.tell("port-add vm vhost vm")
        try fabric.tell("port-add other url udp://127.0.0.1:9->127.0.0.1:9")
        #expect(fabric.refusal("port-take-up vm")?.message.contains("nothing was kept") == true)
        #expect(fabric.refusal("port-keep vm 5 xyz")?.status == "2")
        #expect(fabric.refusal("port-keep other 5 00")?.message.contains("is no vhost port") == true)
        #expect(fabric.refusal("port-keep nobody 5 00")?.message.contains("none of that name") == true)
        // A connection that is missing; one over which nothing makes sense.
        try fabric.tell("port-keep vm 2 0000000000000000")
        #expect(fabric.refusal("port-take-up vm")?.message.contains("the connection itself is missing") == true)
        let pair = try UnixSocket.pair(.stream)
        try fabric.ask("port-keep", "vm", "socket", "-", descriptors: [pair.second.rawValue])
        try fabric.ask("port-keep", "vm", "12.0", "0000000000000000", descriptors: [pair.second.rawValue])
        #expect(fabric.refusal("port-take-up vm")?.message.contains("cannot go on where another was") == true)

        let machine = try VhostFrontEnd(path: directory.path + "/vm", rings: GuestRings())
        try fabric.tell("plug vm lan")
        // Version 1 and protocol features; answers to everything, and the configuration.
        try machine.negotiate(features: 1 << 32 | 1 << 30, protocolFeatures: 1 << 3 | 1 << 9)
        try machine.start()
    }
}
