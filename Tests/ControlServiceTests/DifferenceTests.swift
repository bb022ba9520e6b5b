// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Testing

@testable import ControlService

@Suite("What has to change")
struct DifferenceTests {
    private func steps(
        _ text: String,
        from before: String? = nil,
        wanted: Set<String> = [],
        state: GuestState = .running,
        change: (inout ActualState) -> Void = { _ in }
    ) throws -> [Step] {
        let desired = try Plans.desired(text)
        guard let before else {
            return Difference.steps(
                Difference(desired: desired, applied: [:], actual: ActualState(), wanted: wanted)
            )
        }
        let old = try Plans.desired(before)
        var actual = Plans.actual(old, state: state)
        change(&actual)
        return Difference.steps(
            Difference(desired: desired, applied: Plans.applied(old), actual: actual, wanted: wanted)
        )
    }

    private func requests(_ steps: [Step]) -> [[String]] {
        steps.flatMap(\.actions).compactMap { if case .request(let words) = $0 { words } else { nil } }
    }

    @Test("From nothing: segments, then elements, guests, plugs, starts")
    func fresh() throws {
        let steps = try steps(Plans.mesh, wanted: ["alice", "bob", "carol"])
        #expect(steps.map(\.phase) == steps.map(\.phase).sorted())
        #expect(steps.filter { $0.phase == .start }.count == 3)
        #expect(steps.contains { $0.line == "+ segment lan switch" })
        #expect(steps.contains { $0.line == "+ plug alice:eth0 → lan" })
    }

    @Test("Nothing has to change when nothing changed")
    func same() throws {
        let steps = try steps(Plans.mesh, from: Plans.mesh, wanted: ["alice", "bob", "carol"])
        #expect(steps.isEmpty, "\(steps.map(\.line))")
    }

    @Test("A moved interface is one request, and no other guest is touched")
    func move() throws {
        let moved = Plans.mesh.replacing(
            "alice:\n    interfaces: {eth0: {segment: lan",
            with: "alice:\n    interfaces: {eth0: {segment: wan"
        )
        let steps = try steps(moved, from: Plans.mesh, wanted: ["alice"])
        #expect(requests(steps) == [["plug", "alice:eth0", "wan"]])
        #expect(steps[0].line == "~ plug alice:eth0 lan → wan")
    }

    @Test("An address is added to a running guest; a stopped one gets a new plan")
    func address() throws {
        let changed = Plans.mesh.replacing("address: 10.1.0.1/24", with: "address: [10.1.0.1/24, 10.1.0.9/24]")
        let running = try steps(changed, from: Plans.mesh)
        // And it has its plan for the next start.
        #expect(requests(running).first == ["network", "alice", "addr", "add", "10.1.0.9/24", "dev", "eth0"])
        #expect(requests(running).dropFirst().map { $0.prefix(2) } == [["define", "alice"]])
        let stopped = try steps(changed, from: Plans.mesh, state: .stopped)
        #expect(requests(stopped).first?.prefix(2) == ["define", "alice"])
    }

    @Test("Routes that go with an address come with the next one; what is taken away need not be there")
    func routes() throws {
        func file(_ host: Int, _ router: Int, mtu: String = "") -> String {
            "guests: {a: {routes: 10.9.0.0/16 via 10.1.0.7, interfaces: {e: {segment: lan, address: 10.1.0.\(host)/24, "
                + "via: 10.1.0.\(router)\(mtu)}}}}\nsegments: {lan: {}}"
        }
        let actions = try steps(file(2, 254), from: file(1, 253)).flatMap(\.actions)
        #expect(
            actions.prefix(5) == [
                .attempt(["network", "a", "route", "del", "default", "via", "10.1.0.253"]),
                .attempt(["network", "a", "addr", "del", "10.1.0.1/24", "dev", "e"]),
                .request(["network", "a", "addr", "add", "10.1.0.2/24", "dev", "e"]),
                .request(["network", "a", "route", "add", "default", "via", "10.1.0.254"]),
                .request(["network", "a", "route", "add", "10.9.0.0/16", "via", "10.1.0.7"]),
            ]
        )
        // A size that is said no more is the usual one.
        let plain = try requests(try steps(file(1, 253), from: file(1, 253, mtu: ", mtu: 1400")))
        #expect(plain.first == ["network", "a", "link", "set", "e", "mtu", "1500"])
    }

    @Test("Whatever differs in a running guest's plan is there at its next start")
    func order() throws {
        let requests = try requests(
            try steps("guests: {a: {interfaces: {y: {}, x: {}}}}", from: "guests: {a: {interfaces: {x: {}, y: {}}}}")
        )
        #expect(requests.map { $0.prefix(2) } == [["define", "a"]])
    }

    @Test("An interface that is made anew in a running guest is plugged in again, with what was set of it")
    func anew() throws {
        func file(_ end: String) -> String {
            "guests: {a: {interfaces: {eth0: {segment: lan, impair: {loss: 1%}, mac: \"02:00:00:00:00:0\(end)\"}, eth1: {}}}}\n"
                + "segments: {lan: {}}"
        }
        let requests = try requests(try steps(file("2"), from: file("1")))
        #expect(
            requests.map { $0.prefix(3).joined(separator: " ") } == [
                "interface-remove a eth0", "interface-add a interface=eth0", "define a kind=process",
                "fabric impair a:eth0", "fabric impair a:eth0", "plug a:eth0 lan",
            ]
        )
        // It stays the first.
        #expect(requests[1].contains("at=0"))
    }

    @Test(
        "A pair is moved between bridges; to another kind of segment, or on a bridge that is made anew, it is made anew"
    )
    func pairs() throws {
        func file(_ segment: String, _ settings: String = "") -> String {
            "guests: {a: {interfaces: {eth0: {segment: \(segment)}}}}\n"
                + "segments: {lan: {kind: bridge\(settings)}, dmz: {kind: bridge}, out: {kind: bridge, host: br0}, wan: {}}"
        }
        func verbs(_ text: String) throws -> [String] {
            try requests(try steps(text, from: file("lan"))).map { $0[0] }
        }
        let moved = try requests(try steps(file("dmz"), from: file("lan")))
        #expect(moved.first == ["plug", "a:eth0", "dmz"])
        #expect(try verbs(file("dmz")) == ["plug", "define"])
        #expect(try verbs(file("out")) == ["interface-remove", "interface-add", "define"])
        #expect(try verbs(file("wan")) == ["interface-remove", "interface-add", "define", "plug"])
        #expect(
            try verbs(file("lan", ", mtu: 9000")) == ["bridge-add", "interface-remove", "interface-add", "define"]
        )
    }

    @Test("A bridge's companion comes before and goes after what is on it; made anew, it takes that along")
    func companions() throws {
        func file(_ gateway: Bool, _ settings: String = "") -> String {
            "segments: {lan: {kind: bridge\(settings)}}" + (gateway ? "\ngateways: {g: {segment: lan}}" : "")
        }
        func verbs(_ text: String, from before: String, _ change: (inout ActualState) -> Void = { _ in }) throws
            -> [String]
        {
            try steps(text, from: before, change: change).flatMap(\.actions).compactMap { action in
                switch action {
                case .request(let words): words.prefix(2).joined(separator: " ")
                case .attempt(let words): "? " + words.prefix(2).joined(separator: " ")
                default: nil
                }
            }
        }
        #expect(try verbs(file(true), from: file(false)) == ["companion-add lan", "fabric gateway-add"])
        #expect(try verbs(file(false), from: file(true)) == ["fabric gateway-remove", "companion-remove lan"])
        #expect(try verbs(file(true), from: file(true)) == [])
        #expect(
            try verbs(file(true, ", mtu: 9000"), from: file(true)) == [
                "? fabric gateway-remove", "? bridge-remove lan", "? companion-remove lan", "bridge-add lan",
                "companion-add lan", "fabric gateway-add",
            ]
        )
        #expect(
            try verbs(file(true), from: file(true)) { $0.segments = [] } == [
                "? fabric gateway-remove", "companion-add lan", "fabric gateway-add",
            ]
        )
        #expect(
            try verbs("segments: {}", from: file(true)) == [
                "fabric gateway-remove", "companion-remove lan", "bridge-remove lan",
            ]
        )
    }

    @Test("A change of interfaces that was broken off is gone on with, or undone")
    func brokenOff() throws {
        func file(_ segment: String) -> String {
            "guests: {a: {interfaces: {eth0: {segment: \(segment)}}}}\nsegments: {lan: {kind: bridge}, wan: {}}"
        }
        func verbs(_ text: String, _ change: (inout ActualState) -> Void) throws -> [[String]] {
            try requests(try steps(text, from: file("lan"), change: change)).map { Array($0.prefix(3)) }
        }
        let (add, define) = (["interface-add", "a", "interface=eth0"], ["define", "a", "kind=process"])
        let (remove, plug) = (["interface-remove", "a", "eth0"], ["plug", "a:eth0", "wan"])
        // It was removed and not yet added; it was added as another, and its guest not yet defined.
        #expect(try verbs(file("lan")) { $0.interfaces = [:] } == [add, define])
        #expect(try verbs(file("wan")) { $0.interfaces = [:] } == [add, define, plug])
        #expect(try verbs(file("lan")) { $0.interfaces["a:eth0"]?.isPair = false } == [remove, add, define])
        #expect(try verbs(file("wan")) { $0.interfaces["a:eth0"]?.isPair = false } == [remove, add, define, plug])
        let more = try verbs(file("lan")) { $0.interfaces["a:eth7"] = ActualState.Interface() }
        #expect(more == [["interface-remove", "a", "eth7"]])
    }

    @Test("What a running guest cannot take starts it anew")
    func restart() throws {
        let changed = Plans.mesh.replacing("alice:\n", with: "alice:\n    memory: 64M\n")
        let steps = try steps(changed, from: Plans.mesh, wanted: ["alice"])
        let guest = try #require(steps.first { $0.line.contains("alice") })
        #expect(guest.line == "~ guest alice (memory, restarts)")
        #expect(guest.actions.first == .request(["stop", "alice"]))
        #expect(steps.contains { $0.actions == [.start(guest: "alice")] })
    }

    @Test("A removed guest is stopped before; its plugs go with it")
    func removal() throws {
        let without = """
            guests: {alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}}
            segments: {lan: {}}
            """
        let steps = try steps(without, from: Plans.mesh)
        #expect(!requests(steps).contains(["unplug", "bob:eth0"]))
        let bob = try #require(steps.first { $0.line == "- guest bob process" })
        #expect(bob.actions.first == .request(["stop", "bob"]))
        #expect(bob.actions.last == .request(["delete", "bob"]))
        #expect(requests(steps).contains(["fabric", "gateway-remove", "gate"]))
        let segment = try #require(steps.first { $0.line == "- segment wan hub" })
        #expect(segment.phase > bob.phase)
    }

    @Test("What the keeper has lost is made again, with all that was built on it")
    func lost() throws {
        let steps = try steps(Plans.mesh, from: Plans.mesh) { $0.segments.remove("wan") }
        let lines = steps.map(\.line)
        #expect(lines.contains("+ segment wan hub"))
        #expect(lines.contains("~ patch lan--wan"))
        #expect(lines.contains("~ gateway gate on wan"))
        #expect(lines.contains { $0.hasPrefix("~ forward gate") })
        #expect(!lines.contains { $0.contains("guest") })
    }

    @Test("An interface that somebody has unplugged is plugged in again")
    func unplugged() throws {
        let steps = try steps(Plans.mesh, from: Plans.mesh) { $0.interfaces["alice:eth0"]?.segment = nil }
        #expect(requests(steps) == [["plug", "alice:eth0", "lan"]])
    }

    @Test("A segment's size changes in place, its kind does not")
    func segments() throws {
        let bigger = try steps(
            Plans.mesh.replacing("lan: {}", with: "lan: {mtu: 9000}"),
            from: Plans.mesh,
            state: .stopped
        )
        #expect(requests(bigger).contains(["fabric", "segment-set", "lan", "mtu=9000"]))
        let hub = try steps(Plans.mesh.replacing("lan: {}", with: "lan: {kind: hub}"), from: Plans.mesh)
        #expect(requests(hub).contains { $0.contains("kind=hub") && $0.contains("lan") })
        #expect(requests(hub).contains(["plug", "alice:eth0", "lan"]))
    }

    @Test("A change that was begun is undone first, whether it was done or not")
    func doubtful() throws {
        let desired = try Plans.desired(Plans.mesh)
        var applied = Plans.applied(desired)
        let gateway = try #require(applied["gateway gate"])
        applied["gateway gate"] = nil
        let steps = Difference.steps(
            Difference(
                desired: desired,
                applied: applied,
                actual: Plans.actual(desired),
                doubtful: [gateway.key: gateway],
                wanted: []
            )
        )
        #expect(steps.first?.actions == [.attempt(["fabric", "gateway-remove", "gate"])])
        #expect(steps.contains { $0.line == "+ gateway gate on wan" })
    }
}
