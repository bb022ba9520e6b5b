// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import Model
import Testing
import Wire

/// What was wrong with a text, a line each.
func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
    do throws(LabFileError) {
        _ = try LabFile(text, labName: "test", environment: { environment[$0] })
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

@Suite("Lab files")
struct LabFileTests {
    @Test("a whole lab")
    func whole() throws {
        let file = try LabFile(
            """
            name: mesh
            defaults: {memory: 64M, dns: 10.0.0.53}
            kinds:
              uml: {kernel: vmlinux, arguments: [quiet]}
            templates: [routing]
            guests:
              alice:
                kind: uml
                memory: 128M
                after: [moon]
                interfaces:
                  eth0: {address: [10.1.0.1/24, 'fe80::1/64'], via: 10.1.0.254, mac: 02:00:00:00:00:01}
              moon:
                restart: on-failure
                command: ip route
                routes: [10.9.0.0/16 via 10.1.0.7, {to: default, via: 10.2.0.9}]
                ready: {port: 22, timeout: 5s}
                interfaces:
                  eth0: {segment: lan, address: 10.1.0.254/24, allow: [10.1.0.254, 10.2.0.0/16]}
                  eth1: {address: 10.2.0.1/24, mtu: 9000, impair: wifi}
              dave:
                kind: qemu
                image: disk.img
                interfaces:
                  eth0: {address: dhcp}
            segments:
              lan: {kind: multiplexer, spanning-tree: true}
            links:
              - alice:eth0 -- lan
              - ends: [moon:eth1, dave:eth0]
                impair: {delay: 20ms, loss: 1%, rate: 10M}
                back: {delay: 30+5N}
              - dave:eth1 -- lan
            gateways:
              out: {segment: lan, address: 10.1.0.2/24, forward: ["8080:alice:80", "udp:127.0.0.1:53:10.1.0.1:53"]}
            tunnels:
              far: {segment: lan, peer: "192.0.2.1:51840", peer-key: abc}
            delegations:
              carol: {segment: lan, user: carol, allow: 10.1.0.128/28}
            """,
            labName: "test"
        )
        let lab = file.lab
        #expect(lab.name == "mesh")
        #expect(lab.templates == ["routing"])
        #expect(lab.guests.map(\.name) == ["alice", "moon", "dave"])
        let alice = try #require(lab.guest("alice"))
        #expect(alice.kind == .uml)
        #expect(alice.kernel == "vmlinux")
        #expect(alice.arguments == ["quiet"])
        #expect(alice.memory == ByteCount(bytes: 128 << 20))
        #expect(alice.nameServers == [try #require(IPAddress("10.0.0.53"))])
        #expect(alice.interface("eth0")?.addresses.map(\.description) == ["10.1.0.1/24", "fe80::1/64"])
        #expect(alice.interface("eth0")?.hardwareAddress == MACAddress("02:00:00:00:00:01"))
        let moon = try #require(lab.guest("moon"))
        #expect(moon.kind == .process)
        #expect(moon.memory == ByteCount(bytes: 64 << 20))
        #expect(moon.command == ["/bin/sh", "-c", "ip route"])
        #expect(moon.routes.map { $0.destination?.description ?? "default" } == ["10.9.0.0/16", "default"])
        #expect(moon.ready?.test == .port(22))
        #expect(moon.ready?.timeout == .seconds(5))
        #expect(moon.interface("eth0")?.filter.allow == ["10.1.0.254", "10.2.0.0/16"])
        #expect(moon.interface("eth1")?.impairment.preset == "wifi")
        let dave = try #require(lab.guest("dave"))
        #expect(dave.interface("eth0")?.usesDHCP == true)
        // Only a link names it.
        #expect(dave.interface("eth1") != nil)
        #expect(lab.links.count == 4)
        #expect(lab.links[0].second == .segment("lan"))
        #expect(lab.links[2].forth.values.map(\.text) == ["20.0", "1", "10M"])
        #expect(lab.links[2].back.values.map(\.text) == ["30+5N"])
        #expect(lab.segments.first?.kind == .multiplexer)
        let forwards = try #require(lab.gateways.first).forwards
        #expect(forwards[0].target == .guest("alice"))
        #expect(forwards[1].transport == .udp)
        #expect(forwards[1].hostAddress == IPv4Address("127.0.0.1"))
        #expect(lab.delegations.first?.filter.allow == ["10.1.0.128/28"])
        #expect(file.places["guests.moon"]?.line == 11 + 2)
    }

    @Test(
        "places and hints of single mistakes",
        arguments: [
            ("", "lab.yaml:1:1: the file is empty; a lab has guests: and links: at least"),
            ("guests: [", "lab.yaml:2:1: no YAML: did not find expected node content"),
            ("gests: {}", "lab.yaml:1:1: unknown key \"gests\" of the lab; did you mean \"guests\"?"),
            ("guests: 7", "lab.yaml:1:9: guests is a mapping (key: value); this is a single value"),
            (
                "guests:\n  alice: {memroy: 64M}",
                "lab.yaml:2:11: unknown key \"memroy\" of guest \"alice\"; did you mean \"memory\"?"
            ),
            (
                "guests:\n  alice: {memory: lots}",
                "lab.yaml:2:19: memory of guest \"alice\" \"lots\" is none; wanted is an amount like 64M or 1G"
            ),
            (
                "guests:\n  alice: {kind: vm}",
                "lab.yaml:2:17: kind of guest \"alice\" \"vm\" is none; wanted is process, uml, qemu"
            ),
            (
                "guests: {a/b: {}}",
                "lab.yaml:1:10: guest \"a/b\": a name has letters, digits, and the signs - _ . only"
            ),
            (
                "guests:\n  a:\n    interfaces:\n      a-name-that-is-too-long: {}",
                "lab.yaml:4:7: interface \"a:a-name-that-is-too-long\": an interface's name has 1 to 15 bytes, this one 23"
            ),
            (
                "guests:\n  a:\n    interfaces: {eth0: {address: 10.0.0.300/24}}",
                "lab.yaml:3:34: address of interface \"a:eth0\" \"10.0.0.300/24\" is none; wanted is an address with its "
                    + "network's prefix, 10.0.0.1/24, or dhcp, or slaac"
            ),
            (
                "guests: {a: {}}\nlinks:\n  - a:eth0 -- nowhere",
                "lab.yaml:3:5: there is no segment \"nowhere\"; describe it under segments:"
            ),
            (
                "guests: {a: {}}\nsegments: {lan: {}}\nlinks: [a -- lan]",
                "lab.yaml:3:9: there is no segment \"a\"; \"a\" is a guest: write a:INTERFACE"
            ),
            (
                "guests: {a: {}, b: {}}\nlinks:\n - a:eth0 -- b:eth0\n - a:eth0 -- b:eth1",
                "lab.yaml:4:4: a:eth0 is plugged in twice, first at 3:4; an interface has one cable; a segment joins several"
            ),
            (
                "guests: {a: {after: b}, b: {after: a}}",
                "lab.yaml:1:10: guests wait for each other: a after b after a; leave one \"after\" out"
            ),
            ("guests: {a: {}}\nguests: {b: {}}", "lab.yaml:1:1: twice in one mapping: \"guests\"; keep one"),
            (
                "guests: {a: {image: x}}",
                "lab.yaml:1:10: guest \"a\" is a process and has image; give kind: uml or kind: qemu, or leave it out"
            ),
            (
                "segments: {lan: {}}\ngateways: {g: {segment: lan, forward: 80:a}}",
                "lab.yaml:2:39: forward of gateway \"g\" \"80:a\" is none; wanted is [udp:][HOSTADDRESS:]HOSTPORT:GUEST:PORT, "
                    + "as in 8080:alice:80"
            ),
            (
                "segments: {lan: {}}\ntunnels: {t: {segment: lan, peer: 'h:1'}}",
                "lab.yaml:2:11: tunnel \"t\" does not say whom it trusts; give peer-key: the other side's \"etherloom key\" "
                    + "prints it; or plain: true"
            ),
        ]
    )
    func mistakes(text: String, problem: String) {
        #expect(problems(text) == [problem])
    }

    @Test("addresses clash on one network only, directly or through segments")
    func clashes() {
        let two = """
            guests:
              a: {interfaces: {eth0: {address: 10.0.0.1/24}}}
              b: {interfaces: {eth0: {address: 10.0.0.1/24}}}

            """
        #expect(problems(two) == [])
        let clash = "lab.yaml:3:20: b:eth0 and a:eth0 both have 10.0.0.1; change one"
        #expect(problems(two + "links: ['a:eth0 -- b:eth0']") == [clash])
        let joined = two + "segments: {x: {}, y: {}}\nlinks: ['a:eth0 -- x', 'x -- y', 'b:eth0 -- y']"
        #expect(problems(joined) == [clash])
        #expect(problems(two + "segments: {x: {}, y: {}}\nlinks: ['a:eth0 -- x', 'b:eth0 -- y']") == [])
    }

    @Test(
        "what a gateway has of its network is no guest's, and a forward leads to a guest",
        arguments: [
            (
                "10.0.0.3/24", "{segment: lan, address: 10.0.0.254/24}",
                "3:20: a:eth0 and the name server of gateway \"g\" both have 10.0.0.3; a gateway has its own address and "
                    + "10.0.0.3 of its network; change the guest's"
            ),
            (
                "10.0.2.2/24", "{segment: lan}",
                "3:20: a:eth0 and gateway \"g\" both have 10.0.2.2; a gateway has its own address and 10.0.2.3 of its "
                    + "network; change the guest's"
            ),
            (
                "10.0.0.1/24", "{segment: lan, forward: '80:10.0.2.3:80'}",
                "4:39: forward \"80:10.0.2.3:80\" leads to 10.0.2.3, which no guest of gateway \"g\" can have; its network "
                    + "is 10.0.2.0/24, of which it has 10.0.2.2 and 10.0.2.3 itself"
            ),
            (
                "10.0.0.1/24", "{segment: lan, forward: '80:a:80'}",
                "4:39: a forward leads to \"a\", which has no address of 10.0.2.0/24, the network of gateway \"g\"; give "
                    + "the gateway an address of the guest's network, or the guest one of the gateway's"
            ),
            (
                "10.0.0.1/24", "{segment: lan, address: 10.0.0.2/31}",
                "4:12: gateway \"g\" cannot have 10.0.0.2/31; wanted is an IPv4 address with a prefix of 1 to 29 bits, "
                    + "10.0.2.2/24"
            ),
            (
                "10.0.0.3/24", "{segment: lan, address: 10.0.0.3/24}",
                "3:20: a:eth0 and gateway \"g\" both have 10.0.0.3; change one"
            ),
        ]
    )
    func gateways(address: String, gateway: String, problem: String) {
        let text = """
            segments: {lan: {}}
            guests:
              a: {interfaces: {eth0: {segment: lan, address: \(address)}}}
            gateways: {g: \(gateway)}
            """
        #expect(problems(text) == ["lab.yaml:\(problem)"])
    }

    @Test("a guest is not called as something else in run/")
    func reserved() {
        #expect(
            problems("guests: {runtime: {}}") == [
                "lab.yaml:1:10: guest \"runtime\": run/runtime of a lab is something else; give it another name"
            ]
        )
    }

    @Test("several mistakes are told at once, in the order of the file")
    func several() {
        let found = problems("guests:\n  a: {memory: x, cpus: 0}\n  b: {restrat: always}\nlinks: [a]")
        #expect(
            found.map { String($0.prefix(14)) } == [
                "lab.yaml:2:15:", "lab.yaml:2:24:", "lab.yaml:3:7: ", "lab.yaml:4:9: ",
            ]
        )
    }

    @Test("variables of the environment")
    func variables() throws {
        let text = "guests: {a: {memory: '${MEM:-64M}', kernel: '${DIR}/linux', kind: uml, command: 'echo $$HOME'}}"
        let guest = try #require(try LabFile(text, labName: "t", environment: { ["DIR": "/k"][$0] }).lab.guest("a"))
        #expect(guest.memory == ByteCount("64M"))
        #expect(guest.kernel == "/k/linux")
        #expect(guest.command.last == "echo $HOME")
        #expect(
            problems(text) == [
                "lab.yaml:1:45: the environment variable DIR is not set; set it, or give a default: ${DIR:-default}"
            ]
        )
        #expect(
            problems("guests: {a: {user: '$x'}}") == [
                "lab.yaml:1:20: a lone $ in \"$x\"; write ${NAME}, or $$ for a plain $"
            ]
        )
    }

    @Test("a router that no interface reaches, and one that DHCP may bring")
    func routers() {
        let text = "guests: {a: {interfaces: {eth0: {address: [10.0.0.1/24ADDRESS], via: 10.0.1.1}}}}"
        #expect(
            problems(text.split(separator: "ADDRESS").joined()) == [
                "lab.yaml:1:10: guest \"a\" cannot reach its router 10.0.1.1: no interface is on its network; "
                    + "its addresses are 10.0.0.1/24"
            ]
        )
        #expect(problems(text.split(separator: "ADDRESS").joined(separator: ", dhcp")) == [])
    }
}
