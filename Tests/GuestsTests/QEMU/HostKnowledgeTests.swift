// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("What is known of a host for virtual machines")
struct HostKnowledgeTests {
    @Test(
        "the file server's package is named as this host calls it",
        arguments: [
            ("ID=debian\nVERSION_ID=\"12\"\n", "qemu-system-common"), ("ID=debian\nVERSION_ID=\"13\"\n", "virtiofsd"),
            ("PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\n", "virtiofsd"),
            ("VERSION_ID='22.04'\nID=ubuntu\n", "qemu-system-common"),
            ("ID=ubuntu\nVERSION_ID=\"24.04\"\n", "virtiofsd"),
            ("ID=fedora\nVERSION_ID=40\n", "virtiofsd"), ("", "virtiofsd"),
        ]
    )
    func package(release: String, name: String) { #expect(HostProgram.virtiofsdPackage(ofHost: release) == name) }

    @Test("virtualisation that failed is not tried again before its device is another one")
    func virtualisation() throws {
        var known = Virtualisation()
        let null = try FileStatus(path: "/dev/null")
        let zero = try FileStatus(path: "/dev/zero")
        var tries = 0
        func ask(_ device: FileStatus?, _ error: Errno? = nil) -> String? {
            known.objection(device) { () throws(Errno) in
                tries += 1
                if let error { throw error }
            }
        }
        // What lacks may come: asked each time.
        #expect(ask(nil, .noEntry)?.contains("/dev/kvm") == true)
        #expect(ask(null) == nil)
        #expect(tries == 2)
        known.hasFailed("error: failed to set MSR 0xe1", null)
        let objection = try #require(ask(null))
        #expect(objection.contains("MSR 0xe1") && objection.contains("tried again when"))
        #expect(tries == 2)
        #expect(ask(zero) == nil)
        #expect(ask(null) == nil)
        #expect(tries == 4)
    }

    @Test("of modules in a guest's root only files and directories are looked at, and nothing is waited for")
    func guestsModules() throws {
        let root = "/tmp/etherloom-modules-\(UUID().uuidString)"
        let place = root + "/lib/modules/6.1"
        let files = FileManager.default
        try files.createDirectory(atPath: place + "/kernel/net", withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: root) }
        try "good".write(toFile: place + "/kernel/net/virtio_net.ko", atomically: true, encoding: .utf8)
        try files.createSymbolicLink(atPath: place + "/kernel/virtiofs.ko", withDestinationPath: "/etc/passwd")
        try files.createSymbolicLink(atPath: place + "/kernel/elsewhere", withDestinationPath: "/lib/modules")
        let pipes = ["kernel/9p.ko", "modules.dep", "modules.builtin"]
        for name in pipes { #expect(mkfifo("\(place)/\(name)", 0o600) == 0) }
        let modules = KernelModules(places: [place], root: root)
        #expect(modules.load(["virtio_net", "virtiofs", "9p"]) == [place + "/kernel/net/virtio_net.ko"])
        #expect(!modules.has("9p") && !modules.has("virtiofs"))
        // By a link on the way nothing is found at all.
        try files.createSymbolicLink(atPath: root + "/usr", withDestinationPath: "/")
        #expect(KernelModules(places: [root + "/usr/lib/modules"], root: root).directory == nil)
        // The host's own may be links.
        #expect(KernelModules(places: [root + "/lib/../usr/etc"]).directory != nil)
    }
}
