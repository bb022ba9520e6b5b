// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LabFile
import Model
import Testing

@testable import ControlService

/// What tests share: labs from text, planned for places that do not exist.
enum Plans {
    static let places = LabLayout(lab: "t", directory: "/labs/t", runtime: "/run/user/1/etherloom/01234567")

    static func lab(_ text: String) throws -> Lab { try LabFile(text, labName: "t").lab }

    static func desired(_ text: String, missing: Set<String> = [], owner: UInt32 = 0) throws -> DesiredState {
        var planner = Planner(try lab(text), places: places, program: "/bin/etherloom") { !missing.contains($0) }
        planner.owner = owner
        return try planner.plan()
    }

    /// What is applied after all of it was done.
    static func applied(_ desired: DesiredState) -> [String: Resource] {
        Dictionary(uniqueKeysWithValues: desired.resources.map { ($0.key, $0) })
    }

    /// What the keeper would say then.
    static func actual(_ desired: DesiredState, state: GuestState = .running) -> ActualState {
        var actual = ActualState()
        for resource in desired.resources {
            switch resource.kind {
            case .segment: actual.segments.insert(resource.name)
            case .bridge: actual.bridges.insert(resource.name)
            case .companion: actual.segments.insert(BridgeCompanion.segment(of: resource.name))
            case .element: actual.elements[resource.name] = 1
            case .guest:
                var guest = KeeperState.Guest(name: resource.name)
                guest.state = state
                actual.guests[resource.name] = guest
                for interface in desired.guests.first(where: { $0.name == resource.name })?.interfaces ?? [] {
                    var made = ActualState.Interface()
                    made.segment = interface.bridge
                    made.isPair = interface.bridge != nil
                    actual.interfaces["\(resource.name):\(interface.name)"] = made
                }
            case .plug:
                var interface = ActualState.Interface()
                interface.segment = resource.make[0].last
                actual.interfaces[resource.name] = interface
            default: break
            }
        }
        return actual
    }

    static let mesh = """
        guests:
          alice:
            interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
          bob:
            interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}, eth1: {address: 10.2.0.2/24}}
          carol:
            interfaces: {eth0: {address: 10.2.0.3/24}}
        segments:
          lan: {}
          wan: {kind: hub}
        links:
          - bob:eth1 -- carol:eth0
          - lan -- wan
        gateways:
          gate: {segment: wan, address: 10.1.0.254/24, forward: 8080:alice:80}
        """
}

@Suite("Planning a lab")
struct PlannerTests {
    @Test("Segments, cables, gateways and guests become requests, in the order in which they can be made")
    func whole() throws {
        let desired = try Plans.desired(Plans.mesh, missing: ["/labs/t/master"])
        let make = Dictionary(uniqueKeysWithValues: desired.resources.map { ($0.key, $0.make) })
        #expect(
            make["segment lan"] == [
                ["fabric", "segment-add", "lan", "kind=switch", "listen=\(Plans.places.runtime)/s/lan"]
            ]
        )
        #expect(make["segment bob.eth1-carol.eth0"]?[0].contains("kind=hub") == true)
        #expect(make["patch lan--wan"] == [["fabric", "patch-add", "lan--wan", "lan", "wan"]])
        #expect(make["plug alice:eth0"] == [["plug", "alice:eth0", "lan"]])
        #expect(make["plug carol:eth0"] == [["plug", "carol:eth0", "bob.eth1-carol.eth0"]])
        #expect(make["gateway gate"] == [["fabric", "gateway-add", "gate", "wan", "address=10.1.0.254/24"]])
        // Alice is on lan, which a cable joins with the gateway's segment.
        #expect(make["forward gate 8080:alice:80"] == [["fabric", "forward-add", "gate", "8080:10.1.0.1:80"]])
        #expect(desired.guests.map(\.name) == ["alice", "bob", "carol"])
        #expect(desired.guests[0].root == nil)
    }

    @Test("A guest's root is the lab's master, under its templates and overlays")
    func roots() throws {
        let text = "guests: {a: {overlays: [extra, /srv/more]}}\ntemplates: [t1, t2]"
        let desired = try Plans.desired(text, missing: ["/labs/t/templates/t2/a"])
        let root = try #require(desired.guests[0].root)
        #expect(root.master == "/labs/t/master")
        #expect(root.layers == ["/labs/t/templates/t1/a", "/labs/t/extra", "/srv/more"])
        #expect(root.upper == "/labs/t/host/a")
        #expect(root.mountPoint == "/labs/t/mount/a")
    }

    @Test("What is missing on disk is said, all at once")
    func missing() throws {
        let text = "guests: {a: {kind: uml}, b: {overlays: [x]}, c: {master: sid}}"
        let gone: Set = ["/labs/t/linux", "/labs/t/x", "/labs/t/sid"]
        let error = #expect(throws: ControlError.self) { try Plans.desired(text, missing: gone) }
        let lines = error?.message.split(separator: "\n") ?? []
        #expect(lines.count == 3)
        #expect(lines.contains { $0.contains("/labs/t/linux is missing") })
        #expect(error?.status == 2)
    }

    @Test("Hardware addresses stay, differ, and are of one station")
    func addresses() throws {
        let first = try Plans.desired(Plans.mesh).guests.flatMap(\.interfaces).map(\.hardwareAddress)
        let second = try Plans.desired(Plans.mesh).guests.flatMap(\.interfaces).map(\.hardwareAddress)
        #expect(first == second)
        #expect(Set(first).count == 4)
        #expect(first.allSatisfy { !$0.isMulticast && $0.rawValue >> 40 == 0x02 })
    }

    @Test("Impairments of a link and of its interface are one; a link's directions are the port's")
    func impairments() throws {
        let text = """
            guests: {a: {interfaces: {eth0: {impair: {delay: 5ms, loss: 1%}}}}}
            segments: {lan: {}}
            links: [{ends: [lan, "a:eth0"], forth: {delay: 20ms}, up: false}]
            """
        let desired = try Plans.desired(text)
        let make = desired.resources.first { $0.kind == .impairment }?.make
        // Forth is from the segment to the guest: out of the port.
        #expect(
            make == [
                ["fabric", "impair", "a:eth0", "in", "replace", "delay=5.0", "loss=1"],
                ["fabric", "impair", "a:eth0", "out", "replace", "loss=1", "delay=20.0"],
            ]
        )
        #expect(desired.resources.contains { $0.make == [["carrier", "a:eth0", "down"]] })
    }

    @Test("The kernel's bridge has interfaces and nothing else")
    func bridges() throws {
        let text = """
            guests: {a: {interfaces: {eth0: {segment: lan}}}}
            segments: {lan: {kind: bridge}}
            """
        let desired = try Plans.desired(text)
        #expect(desired.resources[0].make == [["bridge-add", "lan"]])
        #expect(desired.guests[0].interfaces[0].bridge == "lan")
        let host = try Plans.desired("segments: {lan: {kind: bridge, host: br0, mtu: 9000}}")
        #expect(host.resources[0].make == [["bridge-add", "lan", "mtu=9000", "host=br0"]])
        #expect(throws: ControlError.self) { try Plans.desired("segments: {lan: {host: br0}}") }
    }

    @Test("What else is on a bridge is on its companion, of which there is one where it is needed")
    func companions() throws {
        let text = """
            segments: {lan: {kind: bridge, uplinks: ["vxlan://239.0.0.1"]}, dmz: {kind: bridge}, wan: {}}
            gateways: {g: {segment: lan}}
            tunnels: {t: {segment: lan, peer: "h:4242", plain: true}}
            links: [lan -- wan, {ends: [dmz, wan], up: false}]
            delegations: {d: {segment: lan, group: lab, send: ip}}
            """
        let resources = try Plans.desired(text, owner: 1000).resources
        let companions = resources.filter { $0.kind == .companion }
        #expect(companions.map(\.make) == [[["companion-add", "lan", "listen=\(Plans.places.runtime)/s/lan"]]])
        #expect(companions.map(\.needs) == [["bridge lan"]])
        let make = Dictionary(uniqueKeysWithValues: resources.map { ($0.key, $0.make) })
        #expect(make["gateway g"] == [["fabric", "gateway-add", "g", "bridge::lan"]])
        #expect(make["port uplink:lan:0"]?.last == ["fabric", "plug", "uplink:lan:0", "bridge::lan"])
        #expect(make["port tunnel:t"]?.last == ["fabric", "plug", "tunnel:t", "bridge::lan"])
        #expect(make["patch lan--wan"] == [["fabric", "patch-add", "lan--wan", "bridge::lan", "wan"]])
        #expect(make["element d"]?[0].contains("\(Plans.places.runtime)/s/lan") == true)
        for key in ["gateway g", "port uplink:lan:0", "port tunnel:t", "patch lan--wan", "element d"] {
            #expect(resources.first { $0.key == key }?.needs.contains("companion lan") == true, "\(key)")
        }
        let host = "segments: {lan: {kind: bridge, host: br0}, wan: {}}\n"
        #expect(try Plans.desired(host + "links: [lan -- wan]").resources.contains { $0.kind == .companion })
        for (wrong, hint) in [
            (host + "gateways: {g: {segment: lan}}", "the bridge br0 of the host"),
            ("segments: {lan: {kind: bridge, spanning-tree: true}}", "no spanning tree; say kind: switch"),
            ("segments: {lan: {kind: bridge, send: ip}}", "no rules for all; say kind: switch"),
        ] {
            let error = #expect(throws: ControlError.self) { try Plans.desired(wrong) }
            #expect(error?.message.contains(hint) == true, "\(error?.message ?? "")")
        }
    }

    @Test(
        "A machine's interface is plugged into a bridge, as is one of which the fabric is to make something; else it is a pair"
    )
    func bridgedInterfaces() throws {
        let text = """
            guests:
              m: {kind: qemu, image: disk, interfaces: {eth0: {segment: lan, impair: {loss: 1%}, allow: 10.0.0.1}}}
              p: {interfaces: {eth0: {segment: lan}, eth1: {segment: lan, impair: {loss: 1%}}, eth2: {}}}
            segments: {lan: {kind: bridge}}
            links: [{ends: ["p:eth2", lan], up: false}]
            """
        let desired = try Plans.desired(text)
        #expect(desired.guests.map { $0.interfaces.map(\.bridge) } == [[nil], ["lan", nil, "lan"]])
        let plugs = desired.resources.filter { $0.kind == .plug }
        #expect(plugs.map(\.make) == [[["plug", "m:eth0", "lan"]], [["plug", "p:eth1", "lan"]]])
        #expect(plugs.allSatisfy { $0.needs == ["bridge lan"] })
        #expect(desired.resources.contains { $0.kind == .filter && $0.name == "m:eth0" })
        #expect(desired.resources.filter { $0.kind == .carrier }.map(\.make) == [[["carrier", "p:eth2", "down"]]])
    }

    @Test("A gateway has the MTU of its segment, within what it can")
    func gatewayMTU() throws {
        for (mtu, word) in [("1400", "mtu=1400"), ("100", "mtu=576"), ("65535", "mtu=65520")] {
            let text = "segments: {lan: {mtu: \(mtu)}}\ngateways: {g: {segment: lan}}"
            #expect(try Plans.desired(text).resources.first { $0.kind == .gateway }?.make[0].last == word)
        }
    }

    @Test("Tunnels and delegations")
    func elements() throws {
        let text = """
            segments: {lan: {uplinks: ["vxlan://239.0.0.1"]}}
            tunnels: {far: {segment: lan, peer: "h:4242", peer-key: K, key: my.key}}
            delegations: {d: {segment: lan, user: bob, allow: 10.0.0.7}}
            """
        let make = Dictionary(uniqueKeysWithValues: try Plans.desired(text).resources.map { ($0.key, $0.make) })
        #expect(make["port uplink:lan:0"]?[0] == ["fabric", "port-add", "uplink:lan:0", "url", "vxlan://239.0.0.1"])
        #expect(make["port tunnel:far"]?[0].last == "tunnel://h:4242/peer=K/key=/labs/t/my.key")
        #expect(make["element d"]?[0].prefix(4) == ["element-start", "d", "ready", "/bin/etherloom"])
        #expect(make["element d"]?[0].suffix(4) == ["--uid", "bob", "--allow", "10.0.0.7"])
        // Who is not root gives to himself and his groups.
        let error = #expect(throws: ControlError.self) { try Plans.desired(text, owner: 1000) }
        #expect(error?.message.contains("delegation \"d\" is for user bob: only root's labs") == true)
        let own = "segments: {lan: {}}\ndelegations: {d: {segment: lan, group: lab, send: ip, receive: arp}}"
        let words = try Plans.desired(own, owner: 1000).resources.first { $0.key == "element d" }?.make[0]
        #expect(words?.contains("filter") == true)
        #expect(words?.suffix(6) == ["--group", "lab", "--send", "ip", "--receive", "arp"])
    }

    @Test("What members of a segment may call themselves is bound to each one's own Ethernet address")
    func rules() throws {
        let text = """
            segments: {lan: {allow: 10.0.0.0/24, send: not tcp}}
            guests:
              a: {interfaces: {eth0: {segment: lan, mac: "02:00:00:00:00:0a"}}}
              b: {interfaces: {eth0: {segment: lan, mac: "02:00:00:00:00:0b", allow: 10.0.0.7}}}
            """
        let filters = try Plans.desired(text).resources.flatMap(\.make).filter { $0.prefix(2) == ["fabric", "filter"] }
        #expect(
            filters.sorted { $0[2] < $1[2] } == [
                ["fabric", "filter", "a:eth0", "mac=02:00:00:00:00:0a", "allow=10.0.0.0/24"],
                ["fabric", "filter", "b:eth0", "mac=02:00:00:00:00:0b", "allow=10.0.0.7"],
                ["fabric", "filter", "lan", "send=not tcp"],
            ]
        )
    }
}
