// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Guests

@Suite("What a fabric was told")
struct FabricMemoryTests {
    private func memory(_ requests: String...) -> FabricMemory {
        var memory = FabricMemory()
        for request in requests { memory.take(request.split(separator: " ").map(String.init)) }
        return memory
    }

    private func lines(_ memory: FabricMemory) -> [String] { memory.requests.map { $0.joined(separator: " ") } }

    @Test("comes in an order in which each request finds what it speaks of")
    func order() {
        let memory = memory(
            "segment-add lan kind=switch",
            "port-add a:eth0 tap",
            "plug a:eth0 lan down-for=5",
            "segment-add wan",
            "impair a:eth0 in delay=5",
            "gateway-add nat lan address=10.0.0.1/24",
            "forward-add nat tcp:80",
            "patch-add p lan wan",
            "impair p:a loss=1",
            "segment-set lan mtu=9000",
            "filter wan allow=ip",
            "carrier a:eth0 down",
            "port-add up url udp://x"
        )
        #expect(
            lines(memory) == [
                "segment-add lan kind=switch", "segment-set lan mtu=9000", "segment-add wan", "filter wan allow=ip",
                "patch-add p lan wan", "impair p:a loss=1",
                "port-add a:eth0 tap", "impair a:eth0 in delay=5", "carrier a:eth0 down", "plug a:eth0 lan",
                "port-add up url udp://x",
                "gateway-add nat lan address=10.0.0.1/24", "forward-add nat tcp:80",
            ]
        )
    }

    @Test("a link that is tuned again and again is told of once")
    func tuned() {
        let memory = memory(
            "port-add u url x",
            "impair u delay=1 loss=2",
            "impair u delay=5",
            "impair u loss=1 delay=3",
            "impair u delay=6",
            "impair u in delay=6",
            "impair u in delay=7"
        )
        #expect(
            lines(memory) == [
                "port-add u url x", "impair u loss=1 delay=3", "impair u delay=6", "impair u in delay=7",
            ]
        )
    }

    @Test("what was taken back is not told again")
    func takenBack() {
        let memory = memory(
            "segment-add lan",
            "segment-add wan",
            "segment-remove wan",
            "port-add u url x",
            "plug u lan",
            "impair u delay=5",
            "impair u clear",
            "filter u allow=ip",
            "filter u",
            "unplug u",
            "carrier u down",
            "carrier u up",
            "gateway-add n lan forward=udp:5",
            "forward-remove n udp:5",
            "forward-add n tcp:1",
            "forward-add n tcp:2",
            "forward-remove n tcp:1",
            "patch-add p lan lan",
            "patch-remove p"
        )
        #expect(lines(memory) == ["segment-add lan", "port-add u url x", "gateway-add n lan", "forward-add n tcp:2"])
    }

    @Test("a guest that starts again finds what its interface was plugged into")
    func kept() {
        var memory = memory("segment-add lan", "plug a:eth0 lan", "impair a:eth0 delay=5")
        #expect(lines(memory) == ["segment-add lan"])
        memory.take(["port-add", "a:eth0", "tap"])
        #expect(memory.requests(ofPort: "a:eth0").map { $0[0] } == ["port-add", "impair", "plug"])
        let forgotten = [memory.forget(port: "a:eth0"), memory.forget(port: "a:eth0")]
        #expect(forgotten == [true, false])
        #expect(memory.segment(ofPort: "a:eth0") == "lan")
        memory.take(["segment-remove", "lan"])
        #expect(memory.segment(ofPort: "a:eth0") == nil)
        memory.remove(port: "a:eth0")
        #expect(memory.requests(ofPort: "a:eth0").isEmpty)
    }

    @Test("impairments of one direction leave the other's alone")
    func directions() {
        let memory = memory(
            "port-add a tap",
            "impair a in delay=5",
            "impair a out delay=6",
            "impair a in replace loss=1",
            "rate a in bits=1",
            "rate a out bits=2",
            "rate a in bits=3"
        )
        #expect(
            lines(memory) == [
                "port-add a tap", "impair a out delay=6", "impair a in replace loss=1", "rate a in bits=3",
                "rate a out bits=2",
            ]
        )
    }

    @Test("with a segment goes what led from it to elsewhere, so that another one of its name is not what that was")
    func removedSegment() {
        let memory = memory(
            "segment-add lan",
            "segment-add wan",
            "patch-add p lan wan",
            "impair p:a loss=1",
            "gateway-add g lan address=10.0.0.1/24",
            "forward-add g tcp:80",
            "segment-remove lan",
            "segment-add lan kind=hub",
            "gateway-add g lan address=10.9.0.1/24"
        )
        #expect(
            lines(memory) == [
                "segment-add wan", "segment-add lan kind=hub", "gateway-add g lan address=10.9.0.1/24",
            ]
        )
    }

    @Test("a segment that has ended by itself is made anew with what was there, and nothing else")
    func ended() {
        let memory = memory(
            "segment-add lan",
            "segment-set lan mtu=1400",
            "filter lan send=ip",
            "segment-add wan",
            "patch-add p lan wan",
            "impair p:b loss=1",
            "port-add a tap",
            "port-add b tap",
            "impair a loss=1",
            "plug a lan",
            "plug b wan",
            "plug waiting lan",
            "gateway-add g lan",
            "forward-add g tcp:80",
            "gateway-add h wan"
        )
        #expect(
            memory.requests(ofSegment: "lan").map { $0.joined(separator: " ") } == [
                "segment-add lan", "segment-set lan mtu=1400", "filter lan send=ip", "patch-add p lan wan",
                "impair p:b loss=1", "plug a lan", "gateway-add g lan", "forward-add g tcp:80",
            ]
        )
        #expect(memory.requests(ofSegment: "nowhere") == [])
    }

    @Test("a segment and a port of one name are told of as both are made")
    func sameName() {
        let memory = memory("segment-add x kind=hub", "port-add x tap", "plug x x")
        #expect(lines(memory) == ["segment-add x kind=hub", "port-add x tap", "plug x x"])
    }

    @Test("a rate for both directions takes the place of one for each, and settings of a segment of earlier ones")
    func replaced() {
        let memory = memory(
            "segment-add lan",
            "segment-set lan mtu=1400",
            "segment-set lan spanning-tree=on",
            "segment-set lan mtu=1300",
            "port-add a tap",
            "rate a in bits=1",
            "rate a bits=2",
            "rate a out bits=3"
        )
        #expect(
            lines(memory) == [
                "segment-add lan", "segment-set lan spanning-tree=on", "segment-set lan mtu=1300", "port-add a tap",
                "rate a bits=2", "rate a out bits=3",
            ]
        )
    }
}
