// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestSupport
import TestTraits
import Testing

@testable import Runtime

@Suite("Ports of a fabric", .mayRun(seconds: 120))
struct FabricTests {
    @Test("carry frames within their segment, and through patches to others")
    func carries() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        try fabric.tell("segment-add dmz ports=4 kind=hub")
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "lan")
        let c = try fabric.station("c", in: "dmz")
        try a.send(1, 7)
        #expect(try b.receive() == [1, 7])
        #expect(try c.receive(milliseconds: 50) == nil)
        try fabric.tell("patch-add p lan dmz")
        try a.send(1, 8)
        #expect(try c.receive() == [1, 8])
        try c.send(3, 9)
        #expect(try a.receive() == [3, 9])
        #expect(try b.receive() == [1, 8])
        #expect(try b.receive() == [3, 9])
        try fabric.tell("impair p:a out loss=100")
        try a.send(1, 10)
        #expect(try b.receive() == [1, 10])
        #expect(try c.receive(milliseconds: 50) == nil)
        try fabric.tell("impair p:a clear")
        try fabric.tell("carrier p:b down")
        try a.send(1, 11)
        #expect(try c.receive(milliseconds: 50) == nil)
        try fabric.tell("carrier p:b up")
        try a.send(1, 12)
        #expect(try c.receive() == [1, 12])
        try fabric.tell("patch-remove p")
        try a.send(1, 13)
        #expect(try c.receive(milliseconds: 50) == nil)
    }

    @Test("move to and fro while the others lose nothing, and arrive with all that is theirs")
    func moves() throws {
        let fabric = try LiveFabric()
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "lan")
        let mover = try fabric.station("m", in: "lan")
        var number = 0
        for round in 0..<50 {
            for _ in 0..<4 {
                number += 1
                try a.send(1, number)
            }
            try fabric.tell("plug m \(round % 2 == 0 ? "dmz" : "lan")")
            for _ in 0..<4 {
                number += 1
                try a.send(1, number)
            }
        }
        for expected in 1...number { #expect(try b.receive() == [1, expected]) }
        while try mover.receive(milliseconds: 20) != nil {}
        let port = try fabric.port("m")
        #expect(port["segment"] == "lan")
        // It got what was sent while it was there, and each frame once at most.
        #expect(try Int(#require(port["tx-frames"])) ?? 0 > 0)
        try mover.send(9, 1)
        #expect(try a.receive() == [9, 1])
    }

    @Test("keep impairments, rates and filters when they move, and leave none behind")
    func keepsSettings() throws {
        let fabric = try LiveFabric()
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        let m = try fabric.station("m", in: "lan")
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "dmz")
        try fabric.tell("impair m in loss=100")
        try fabric.tell("rate m out frames=5")
        try fabric.tell("filter m mac=02:00:00:00:00:09 allow=10.0.0.1")
        try m.send(9, 1)
        #expect(try a.receive(milliseconds: 50) == nil)
        try fabric.tell("plug m dmz")
        try m.send(9, 2)
        #expect(try b.receive(milliseconds: 50) == nil)
        let port = try fabric.port("m")
        #expect(port["impair.in.loss"] == "100.0")
        #expect(port["rate.out.frames"] == "5")
        #expect(port["filter"] == "mac 02:00:00:00:00:09")
        // The filter is asked first: what it refuses is not lost in the wire.
        #expect(port["drop.filtered"] == "2")
        // Another one gets the number that it had.
        let next = try fabric.station("n", in: "lan")
        try next.send(5, 3)
        #expect(try a.receive() == [5, 3])
        try fabric.tell("filter m")
        try m.send(9, 4)
        #expect(try b.receive(milliseconds: 50) == nil)
        try fabric.tell("impair m clear")
        try m.send(9, 5)
        #expect(try b.receive() == [9, 5])
    }

    @Test("of a segment have its filter, and beside it their own")
    func sharesFilters() throws {
        let fabric = try LiveFabric()
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "lan")
        let far = try fabric.station("far", in: "dmz")
        try fabric.tell("patch-add p lan dmz")
        try fabric.tell("filter lan mac=02:00:00:00:00:01 allow=10.0.0.1 ethertype=0x88b5")
        // Somebody else's address.
        try a.send(2, 1)
        #expect(try b.receive(milliseconds: 50) == nil)
        try a.send(1, 2)
        #expect(try b.receive() == [1, 2])
        #expect(try far.receive() == [1, 2])
        // What a member may not send may come from elsewhere, as far as members may receive it.
        try far.send(3, 3)
        #expect(try b.receive() == [3, 3])
        #expect(try a.receive() == [3, 3])
        try fabric.tell("filter a mac=02:00:00:00:00:01 allow=10.0.0.1 ethertype=0x88b6")
        try a.send(1, 4)
        #expect(try b.receive(milliseconds: 50) == nil)
        try fabric.tell("filter a mac=02:00:00:00:00:07 allow=10.0.0.1 ethertype=0x88b5")
        for sender: UInt8 in [1, 7] { try a.send(sender, 5) }
        #expect(try b.receive(milliseconds: 50) == nil)
        try fabric.tell("plug a dmz")
        for sender: UInt8 in [1, 7] { try a.send(sender, 6) }
        #expect(try far.receive() == [7, 6])
        try fabric.tell("plug a lan")
        try fabric.tell("filter a")
        try a.send(1, 7)
        #expect(try b.receive() == [7, 6])
        #expect(try b.receive() == [1, 7])
        try fabric.tell("filter lan")
        try a.send(9, 8)
        #expect(try b.receive() == [9, 8])
    }

    @Test("of a multiplexer are interfaces by their names, and hear one another")
    func multiplexes() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add mux kind=multiplexer")
        try fabric.tell("segment-add lan")
        let a = try fabric.station("a:eth0", in: "mux")
        let b = try fabric.station("b:eth0", in: "mux")
        let c = try fabric.station("c", in: "lan")
        try fabric.tell("patch-add p mux lan")
        try a.send(1, 1)
        #expect(try b.receive() == [1, 1])
        #expect(try c.receive() == [1, 1])
        try c.send(3, 2)
        #expect(try a.receive() == [3, 2])
        #expect(try b.receive() == [3, 2])
        try fabric.tell("impair a:eth0 in loss=100")
        try fabric.tell("plug b:eth0 lan")
        try a.send(1, 3)
        #expect(try b.receive(milliseconds: 50) == nil)
        try fabric.tell("plug b:eth0 mux")
        try fabric.tell("impair a:eth0 clear")
        try a.send(1, 4)
        #expect(try b.receive() == [1, 4])
        // Nothing shows of it where there is no directory.
        #expect(access("/a:eth0", F_OK) != 0)
    }

    @Test("that are plugged in nowhere send nowhere and hear nobody, not even each other")
    func parks() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        let a = try fabric.station("a")
        let b = try fabric.station("b")
        let c = try fabric.station("c", in: "lan")
        for number in 0..<10 { try a.send(1, number) }
        #expect(try b.receive(milliseconds: 50) == nil)
        #expect(try c.receive(milliseconds: 20) == nil)
        #expect(try fabric.port("a")["drop.noCarrier"] == "10")
        #expect(try fabric.port("a")["carrier"] == "down")
        try fabric.tell("plug a lan")
        // What was sent before is gone, what is sent now is not.
        try a.send(1, 77)
        #expect(try c.receive() == [1, 77])
        let port = try fabric.port("a")
        #expect(port["carrier"] == "up" && port["segment"] == "lan" && port["connected"] == "yes")
        #expect(port["rx-frames"] == "1" && port["drop.noCarrier"] == "10")
        try fabric.tell("unplug a")
        try a.send(1, 78)
        #expect(try c.receive(milliseconds: 50) == nil)
        #expect(try fabric.port("a")["rx-frames"] == "1")
        #expect(try fabric.port("a")["drop.noCarrier"] == "11")
        // Others that were parked have counts of their own.
        try fabric.tell("plug b lan")
        try fabric.tell("unplug b")
        #expect(try fabric.port("b")["drop.noCarrier"] == nil)
    }

    @Test("are shown without carrier for as long as is asked for, and events tell when")
    func waits() throws {
        let fabric = try LiveFabric()
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        try fabric.tell("watch")
        let a = try fabric.station("a", in: "lan")
        try fabric.wait(for: ["port", "a", "carrier", "up"])
        let b = try fabric.station("b", in: "dmz")
        let begin = MonotonicClock.nanoseconds
        try fabric.tell("plug a dmz down-for=300")
        try fabric.wait(for: ["port", "a", "carrier", "down"])
        try a.send(1, 1)
        #expect(try fabric.port("a")["carrier"] == "down")
        try fabric.wait(for: ["port", "a", "carrier", "up"])
        #expect(MonotonicClock.nanoseconds - begin >= 300_000_000)
        try a.send(1, 2)
        #expect(try b.receive() == [1, 2])
        // A move that another one overtakes arrives once, where the other one leads.
        try fabric.tell("plug a lan down-for=200")
        try fabric.tell("plug a dmz")
        try a.send(1, 3)
        #expect(try b.receive() == [1, 3])
        #expect(try fabric.port("a")["segment"] == "dmz")
        try fabric.tell("carrier a down")
        try fabric.tell("plug a lan")
        #expect(try fabric.port("a")["carrier"] == "down")
        try fabric.tell("carrier a up")
        #expect(try fabric.port("a")["carrier"] == "up")
        #expect(try fabric.port("a")["segment"] == "lan")
    }

    @Test("stay when their segment goes")
    func outlivesSegment() throws {
        let fabric = try LiveFabric()
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "dmz")
        try fabric.tell("patch-add p lan dmz")
        try fabric.tell("gateway-add g lan")
        try fabric.tell("segment-remove lan")
        #expect(try fabric.port("a")["segment"] == "-")
        #expect(try fabric.port("p:a").isEmpty)
        #expect(try !fabric.ask("state").contains("gateway=g"))
        try fabric.tell("plug a dmz")
        try a.send(1, 1)
        #expect(try b.receive() == [1, 1])
    }

    @Test("end with what is at their other end, and their names can be used again")
    func ends() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        try fabric.tell("watch")
        do { _ = try fabric.station("a", in: "lan") }
        try fabric.wait(for: ["port", "a", "disconnected"])
        #expect(try fabric.port("a")["connected"] == "no")
        // Moving what is gone does no harm.
        try fabric.tell("unplug a")
        try fabric.tell("plug a lan")
        try fabric.tell("port-remove a")
        let again = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "lan")
        try again.send(1, 1)
        #expect(try b.receive() == [1, 1])
    }

    @Test("that form a loop are named in an event")
    func tellsLoops() throws {
        let fabric = try LiveFabric()
        try fabric.tell("segment-add lan")
        try fabric.tell("watch")
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "lan")
        for number in 0..<400 {
            try (number % 2 == 0 ? a : b).send(5, number)
            while try a.receive(milliseconds: 0) != nil {}
            while try b.receive(milliseconds: 0) != nil {}
        }
        // Which of them was there first is chance.
        try fabric.wait { $0.starts(with: ["loop", "lan"]) && Set($0[2...]) == ["a", "b"] }
    }
}
