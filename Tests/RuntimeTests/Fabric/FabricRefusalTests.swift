// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestSupport
import TestTraits
import Testing

@testable import Runtime

@Suite("What a fabric cannot do", .mayRun(seconds: 120))
struct FabricRefusalTests {
    @Test("is refused in one line, and leaves everything as it was")
    func refuses() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        try fabric.tell("segment-add small ports=2")
        try fabric.tell("segment-add mux kind=multiplexer")
        let stations = try [fabric.station("a", in: "small"), fabric.station("b", in: "small"), fabric.station("c")]
        try fabric.tell("patch-add p lan mux")
        try fabric.tell("gateway-add g lan")
        let before = try fabric.ask("state").filter { !$0.hasPrefix("rx-") && !$0.hasPrefix("tx-") }
        let lines = [
            ("segment-add lan", "exists"), ("segment-add new kind=hub spanning-tree", "spanning tree"),
            ("segment-add new listen=relative", "absolute"),
            ("segment-add new listen=/nowhere/at/all", "/nowhere/at/all"),
            ("segment-set nowhere kind=hub", "nowhere"), ("segment-set mux kind=hub", "multiplexer"),
            ("segment-set lan kind=multiplexer", "multiplexer"), ("segment-set lan ports=5", "when a segment is added"),
            ("segment-set lan kind=hub spanning-tree", "spanning tree"), ("segment-remove nowhere", "nowhere"),
            ("port-add a fd", "exists"), ("port-add new tap", "did not come along"),
            ("port-add new fd", "did not come"),
            ("port-add new vhost /nowhere/at/all", "/nowhere/at/all"), ("port-add new url nonsense://", "nonsense"),
            ("port-add new url cmd://true", "cmd"), ("port-remove nobody", "nobody"), ("port-remove p:a", "patch p"),
            ("plug nobody lan", "nobody"), ("plug a nowhere", "nowhere"), ("plug c small", "ports are in use"),
            ("plug p:a small", "patch p"), ("unplug nobody", "nobody"), ("unplug p:b", "patch p"),
            ("carrier nobody up", "nobody"), ("impair nobody loss=1", "nobody"), ("rate nobody bits=1", "nobody"),
            ("filter nobody", "nobody"), ("filter lan send=nonsense", "filter lan"), ("patch-add p lan mux", "exists"),
            ("patch-add q lan nowhere", "nowhere"), ("patch-add q lan lan", "itself"),
            ("patch-add q lan small", "ports are in use"), ("patch-remove q", "q"), ("gateway-add g mux", "exists"),
            ("gateway-add h lan", "has the gateway g"), ("gateway-add h nowhere", "nowhere"),
            ("gateway-add h small", "ports are in use"), ("gateway-remove h", "h"), ("forward-add h 1:2.3.4.5:6", "h"),
            ("forward-add g 8080:9.9.9.9:80", "9.9.9.9"), ("forward-remove g 8080:10.0.2.15:80", "has no forward"),
        ]
        for (line, hint) in lines {
            let refusal = fabric.refusal(line)
            #expect(refusal?.message.contains(hint) == true, "\(line): \(refusal?.message ?? "done")")
            #expect(refusal?.message.contains("\n") == false)
        }
        let after = try fabric.ask("state").filter { !$0.hasPrefix("rx-") && !$0.hasPrefix("tx-") }
        #expect(before == after)
        try stations[0].send(1, 1)
        #expect(try stations[1].receive() == [1, 1])
    }

    @Test("where others have taken its place meanwhile, a port stays unplugged and open; later it comes in")
    func taken() throws {
        let fabric = try LiveFabric()
        try fabric.tell("watch")
        try fabric.tell("segment-add small ports=2")
        try fabric.tell("segment-add lan")
        let late = try fabric.station("late")
        try fabric.tell("plug late small down-for=300")
        let others = try [fabric.station("a", in: "small"), fabric.station("b", in: "small")]
        // It would arrive before this one, which comes back after a longer while.
        let clock = try fabric.station("clock")
        try fabric.tell("plug clock lan down-for=400")
        try fabric.wait(for: ["port", "clock", "carrier", "up"])
        #expect(try fabric.port("late")["carrier"] == "down")
        try fabric.tell("unplug b")
        try fabric.tell("plug late small")
        try fabric.wait(for: ["port", "late", "carrier", "up"])
        try late.send(9, 1)
        #expect(try others[0].receive() == [9, 1])
        // Where a port is already, there is room for it.
        try fabric.tell("plug late small")
        try late.send(9, 2)
        #expect(try others[0].receive() == [9, 2])
        _ = clock
    }

    @Test("is told who sends what is no request")
    func malformed() throws {
        let directory = try TemporaryDirectory()
        let loop = try ControlLoop()
        let fabric = try Fabric(loop: loop, directory: directory.path) { _ in }
        let server = FabricServer(fabric)
        try server.listen(at: directory.path + "/socket")
        let address = try #require(UnixSocketAddress(path: directory.path + "/socket"))
        let client = try UnixSocket.connection(.sequencedPacket, to: address)
        let stray = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        for bytes: [UInt8] in [[1], [0], [0xff, 0], Array("hello".utf8), Array("port-add\0a\0tap\0".utf8)] {
            try UnixSocket.send(bytes, descriptors: [stray.rawValue], to: client)
            var answer: ReceivedMessage?
            while answer == nil {
                try loop.runPending()
                answer = try? UnixSocket.receive(from: client, limit: 1000)
            }
            let words = try #require(WordMessage(bytes: answer!.bytes)).words
            #expect(words.first == "error" && words.count == 3 && words[1] == "2", "\(words)")
        }
        server.close()
        fabric.close()
        #expect(directory.names.isEmpty)
    }

    @Test("is not what a busy owner asks: answers wait for it, and it loses none")
    func waitsForOwner() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        _ = try fabric.station("a", in: "lan")
        try fabric.tell("watch")
        // The second ones bring two events each beside their answers.
        try Self.flood(fabric, ["hello"])
        try Self.flood(fabric, ["plug", "a", "lan"])
        #expect(try fabric.ask("hello").first?.hasPrefix("pid=") == true)
    }

    private static func flood(_ fabric: LiveFabric, _ words: [String]) throws {
        var count = 0
        let deadline = MonotonicClock.nanoseconds + 60_000_000_000
        // More than the socket holds: it has read some, and its answers wait.
        while count <= 300, MonotonicClock.nanoseconds < deadline {
            count += try fabric.flood(words, count: 3000)
            _ = try fabric.takesMore()
        }
        count += try fabric.flood(words, count: 3000)
        #expect(count > 300)
        try fabric.takeAnswers(count)
    }
}
