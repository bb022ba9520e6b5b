// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import ControlService

@Suite("Changes of a lab")
struct ChangeTests {
    private func changed(_ changes: [String]...) throws -> Lab {
        var lab = try Plans.lab(Plans.mesh)
        for change in changes { try LabChange(change).apply(to: &lab) }
        try LabChange.validate(&lab)
        return lab
    }

    @Test("Guests, interfaces, segments by the keys of a lab file")
    func things() throws {
        let lab = try changed(
            ["segment", "add", "dmz", "kind=hub", "mtu=9000"],
            ["guest", "create", "dave", "memory=64M", "labels={}"].filter { !$0.contains("{") },
            ["interface", "add", "dave:eth0", "segment=dmz", "address=10.9.0.1/24", "address=dhcp"]
        )
        #expect(lab.segment("dmz")?.kind == .hub)
        #expect(lab.guest("dave")?.memory == ByteCount("64M"))
        #expect(lab.guest("dave")?.interface("eth0")?.usesDHCP == true)
        #expect(lab.links.contains(Link(.interface(guest: "dave", name: "eth0"), .segment("dmz"))))
    }

    @Test("Links move, are cut and impaired; what they do to frames stays with them")
    func links() throws {
        let lab = try changed(
            ["link", "impair", "alice:eth0", "forth", "delay=20ms"],
            ["link", "impair", "alice:eth0", "loss=1%"],
            ["link", "move", "alice:eth0", "wan"],
            ["link", "down", "alice:eth0"]
        )
        let link = try #require(lab.links.first { $0.first == .interface(guest: "alice", name: "eth0") })
        #expect(link.second == .segment("wan"))
        #expect(!link.isUp)
        #expect(link.forth.words == ["delay=20.0", "loss=1"])
        #expect(link.back.words == ["loss=1"])
        let cleared = try changed(["link", "impair", "alice:eth0", "wifi"], ["link", "impair", "alice:eth0", "clear"])
        #expect(cleared.links.allSatisfy { $0.forth.isEmpty && $0.back.isEmpty })
    }

    @Test("A deleted guest takes its links and forwards with it; a removed segment its links")
    func removal() throws {
        let lab = try changed(["guest", "delete", "alice"])
        #expect(!lab.links.contains { "\($0.first)\($0.second)".contains("alice") })
        #expect(lab.gateways[0].forwards.isEmpty)
        let left = try changed(["forward", "remove", "8080:alice:80"], ["segment", "remove", "lan"])
        #expect(left.links.count == 1)
    }

    @Test(
        "What cannot be is refused with a hint",
        arguments: [
            (["segment", "add", "lan"], "exists"), (["link", "move", "alice:eth0", "nowhere"], "no segment"),
            (["link", "add", "alice:eth0", "wan"], "twice"), (["guest", "create", "x", "memry=1M"], "memory"),
            (["address", "add", "alice:eth0", "10.1.0.2/24"], "both have"), (["frobnicate", "it"], "there are"),
            (["link", "impair", "alice:eth0", "dely=1"], "delay"), (["overlay", "pop", "bob"], "no overlays"),
            (["forward", "add", "8080:alice:80"], "twice"),
            (["policy", "set", "alice:eth9", "allow=10.0.0.1"], "eth9"),
            (["guest", "create", "x:\n  y"], "a name has"), (["segment", "add", "a: {}\n  b"], "a name has"),
        ]
    )
    func refused(change: [String], hint: String) throws {
        let error = #expect(throws: ControlError.self) { try changed(change) }
        #expect(error?.message.contains(hint) == true, "\(error?.message ?? "")")
        #expect(error?.status == 2)
    }
}

@Suite("Drawing a lab")
struct GraphTests {
    @Test("Each form has all guests, segments and cables", arguments: LabGraph.formats)
    func forms(format: String) throws {
        let text = try LabGraph(try Plans.lab(Plans.mesh)).text(format)
        for name in ["alice", "bob", "carol", "lan", "wan", "gate"] { #expect(text.contains(name), "\(text)") }
        #expect(text.contains("10.2.0.2/24"))
    }

    @Test("Another form is refused")
    func unknown() throws {
        #expect(throws: ControlError.self) { try LabGraph(Lab(name: "x")).text("png") }
    }
}
