// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("Roots of guests", .serialized)
struct RootMountsTests {
    private func lab(single: Bool = false, name: String = "lab") throws -> (RootsFixture, RootMounts) {
        let lab = try RootsFixture(single: single, name: name)
        try lab.write("from the master\n", "master/etc/motd")
        try lab.write("doomed\n", "master/etc/doomed")
        try lab.write("inside\n", "master/tree/inner/file")
        return (lab, try lab.mounts())
    }

    private func mount(_ lab: RootsFixture, _ mounts: RootMounts, _ plan: RootPlan, _ guest: String) throws {
        let error: GuestError? = try lab.wait { mounts.mount(plan, guest: guest, then: $0) }
        #expect(error == nil)
    }

    @Test("edits are seen both ways, deletions are kept, the master is not touched", arguments: [false, true])
    func editing(single: Bool) throws {
        let (lab, mounts) = try lab(single: single)
        mounts.usesOptions = single
        try mount(lab, mounts, lab.plan("alice"), "alice")
        #expect(lab.read("mount/alice/etc/motd") == "from the master\n")
        // By the host's user, as by an editor: to a new file, then over the old one.
        try lab.write("from the host\n", "mount/alice/etc/motd")
        let inside = mounts.places("alice").inside
        #expect(try lab.inside("cat \(inside)/etc/motd; stat -c %u \(inside)/etc/motd") == "from the host\n0\n")
        try lab.inside("echo from the guest > \(inside)/etc/new; rm -r \(inside)/etc/doomed \(inside)/tree")
        #expect(lab.read("mount/alice/etc/new") == "from the guest\n")
        #expect(lab.read("mount/alice/etc/doomed") == nil)
        try lab.inside("mkdir \(inside)/tree")

        let gone: GuestError? = try lab.wait { mounts.unmount(guest: "alice", then: $0) }
        #expect(gone == nil)
        #expect(!FileManager.default.fileExists(atPath: lab.path("mount/alice")))
        #expect(lab.read("host/alice/etc/new") == "from the guest\n")

        try mount(lab, mounts, lab.plan("alice"), "alice")
        #expect(lab.read("mount/alice/etc/motd") == "from the host\n")
        #expect(try lab.inside("ls \(inside)/etc; ls \(inside)/tree") == "motd\nnew\n")
        #expect(lab.read("master/etc/motd") == "from the master\n")
        #expect(lab.read("master/etc/doomed") == "doomed\n")
        #expect(lab.read("master/tree/inner/file") == "inside\n")
    }

    @Test("a guest's other users are sub-uids, and stay who they are")
    func users() throws {
        let (lab, mounts) = try lab()
        guard lab.maps.hasManyUsers else { return }
        try mount(lab, mounts, lab.plan("alice"), "alice")
        let inside = mounts.places("alice").inside
        try lab.inside("echo x > \(inside)/mail; chown 8:12 \(inside)/mail")
        #expect(try lab.inside("stat -c %u:%g \(inside)/mail") == "8:12\n")
        let extent = try #require(lab.maps.users.first { $0.inside <= 8 && 8 - $0.inside < $0.count })
        #expect(try FileStatus(path: lab.path("host/alice/mail")).userID == extent.outside + 8 - extent.inside)
    }

    @Test("layers lie over the master, the topmost first, and may change")
    func layers() throws {
        let (lab, mounts) = try lab()
        try lab.write("lower\n", "lower/etc/motd")
        try lab.write("lower\n", "lower/etc/only")
        try lab.write("upper\n", "upper/etc/motd")
        let both = lab.plan("alice", layers: [lab.path("upper"), lab.path("lower")])
        try mount(lab, mounts, both, "alice")
        #expect(lab.read("mount/alice/etc/motd") == "upper\n")
        #expect(lab.read("mount/alice/etc/only") == "lower\n")
        try lab.write("kept\n", "mount/alice/own")
        try mount(lab, mounts, lab.plan("alice", layers: [lab.path("lower")]), "alice")
        #expect(lab.read("mount/alice/etc/motd") == "lower\n")
        try mount(lab, mounts, lab.plan("alice"), "alice")
        #expect(lab.read("mount/alice/etc/motd") == "from the master\n")
        #expect(lab.read("mount/alice/etc/only") == nil)
        #expect(lab.read("mount/alice/own") == "kept\n")
    }

    @Test("paths may hold colons, commas, backslashes and spaces")
    func oddPaths() throws {
        let (lab, mounts) = try lab(name: #"a:b,c\d e"'=%"#)
        try lab.write("x\n", "o,v:er\\lay/x")
        try mount(lab, mounts, lab.plan("alice", layers: [lab.path("o,v:er\\lay")]), "alice")
        try lab.write("y\n", "mount/alice/y")
        #expect(lab.read("mount/alice/x") == "x\n")
        #expect(lab.read("host/alice/y") == "y\n")
    }

    @Test("200 layers, with the kernel's newer interface and its older one", arguments: [false, true])
    func manyLayers(byOptions: Bool) throws {
        let (lab, mounts) = try lab()
        mounts.usesOptions = byOptions
        let name = String(repeating: "n", count: 200)
        for number in 0..<200 { try lab.write("\(number)\n", "layers/\(name)/\(number)/f\(number)") }
        let plan = lab.plan("alice", layers: (0..<200).map { lab.path("layers/\(name)/\($0)") })
        try mount(lab, mounts, plan, "alice")
        #expect(lab.read("mount/alice/f0") == "0\n")
        #expect(lab.read("mount/alice/f199") == "199\n")
        #expect(lab.read("mount/alice/etc/motd") == "from the master\n")
    }

    @Test("this host's own root as the master", arguments: [false, true])
    func hostRoot(single: Bool) throws {
        let (lab, mounts) = try lab(single: single)
        try lab.write("of the layer\n", "layer/etc/el-layer")
        var plan = lab.plan("alice", layers: [lab.path("layer")])
        plan.master = "/"
        try mount(lab, mounts, plan, "alice")
        let inside = mounts.places("alice").inside
        #expect(
            try lab.inside("echo own > \(inside)/etc/el-own; chroot \(inside) cat /etc/el-layer") == "of the layer\n"
        )
        #expect(lab.read("host/alice/etc/el-own") == "own\n")
        #expect(!FileManager.default.fileExists(atPath: "/etc/el-own"))
        #expect(try lab.inside("echo x > \(inside)/usr/el-own").contains("Read-only file system"))
        #expect(try lab.inside("ls \(inside)/root \(inside)/home/* \(inside)/proc").contains("No such file"))
        plan.layers = []
        try mount(lab, mounts, plan, "alice")
        #expect(
            try lab.inside("cat \(inside)/etc/el-own; ls \(inside)/etc/el-layer").hasPrefix("own\nls: cannot access")
        )
        // Nothing of it stays when it goes.
        let error: GuestError? = try lab.wait { mounts.unmount(guest: "alice", detach: true, then: $0) }
        #expect(error == nil)
        #expect(try lab.inside("grep -c \(inside) /proc/self/mounts") == "0\n")
    }

    @Test("many guests at once")
    func manyGuests() throws {
        let (lab, mounts) = try lab()
        var open = 20
        var errors: [GuestError] = []
        let done: Bool = try lab.wait { then in
            for number in 0..<20 {
                mounts.mount(lab.plan("g\(number)"), guest: "g\(number)") { error in
                    if let error { errors.append(error) }
                    open -= 1
                    if open == 0 { then(true) }
                }
            }
        }
        #expect(done && errors.isEmpty)
        for number in 0..<20 { #expect(lab.read("mount/g\(number)/etc/motd") == "from the master\n") }
    }

    @Test("what is wrong is said in one line")
    func failures() throws {
        let (lab, mounts) = try lab()
        func message(_ plan: RootPlan) throws -> String {
            let error: GuestError? = try lab.wait { mounts.mount(plan, guest: "alice", then: $0) }
            return try #require(error).message
        }
        var plan = lab.plan("alice")
        plan.master = lab.path("missing")
        #expect(try message(plan).hasPrefix("alice: master \(plan.master): no such directory; etherloom master create"))
        plan.master = lab.path("master/etc/motd")
        #expect(try message(plan) == "alice: master \(plan.master): not a directory")
        plan = lab.plan("alice", layers: [lab.path("master"), lab.path("nowhere")])
        #expect(try message(plan) == "alice: layer \(lab.path("nowhere")): no such directory")
        plan = lab.plan("alice", layers: (0..<501).map { _ in lab.path("master") })
        #expect(try message(plan) == "alice: 501 layers over the master; the kernel takes 499")
        plan = lab.plan("alice")
        plan.upper = lab.path("master/etc/motd")
        #expect(try message(plan) == "alice: \(plan.upper): not a directory")
        plan = lab.plan("alice")
        try lab.write("here\n", "mount/alice")
        #expect(try message(plan).contains("something else is here"))
        #expect(lab.read("mount/alice") == "here\n")
    }

    @Test("an untouched guest takes less than 40 KB of the disk")
    func size() throws {
        let (lab, mounts) = try lab()
        try mount(lab, mounts, lab.plan("alice"), "alice")
        let kilobytes = try lab.inside("du -sk \"$0\"/host").split(separator: "\t").first.flatMap { Int($0) }
        #expect(try #require(kilobytes) < 40)
    }
}
