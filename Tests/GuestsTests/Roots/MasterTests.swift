// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Guests

@Suite("Masters", .serialized)
struct MasterTests {
    private func create(_ lab: RootsFixture, _ name: String, from source: MasterBuilder.Source) throws {
        let worker = RootWorker(.own, program: EtherloomBinary.path)
        try MasterBuilder(path: lab.path(name), worker: worker).create(from: source)
    }

    private func remove(_ lab: RootsFixture, _ name: String) throws {
        try Masters.remove(lab.path(name), worker: RootWorker(.own, program: EtherloomBinary.path))
    }

    /// A tree with what archives hold.
    private func fill(_ lab: RootsFixture) throws {
        try lab.inside(
            #"""
            mkdir -p "$0"/tree/etc "$0"/tree/dev "$0"/tree/bin && cd "$0"/tree
            echo of the tree > etc/motd && ln etc/motd etc/twin && ln -s /etc/motd link && mkfifo pipe
            echo x > bin/su && chown 6:12 etc/motd 2>/dev/null; chmod 4755 bin/su
            """#
        )
    }

    @Test("from a directory: owners, links and modes as they are")
    func fromDirectory() throws {
        let lab = try RootsFixture()
        try fill(lab)
        try create(lab, "master", from: .directory(lab.path("tree")))
        #expect(try lab.inside("cat \"$0\"/master/etc/twin; stat -c %a \"$0\"/master/bin/su") == "of the tree\n4755\n")
        #expect(
            try FileStatus(path: lab.path("master/etc/motd")).userID
                == FileStatus(path: lab.path("tree/etc/motd")).userID
        )
        #expect(
            try Masters.list(in: lab.directory).map { "\($0.name): \($0.origin)" } == [
                "master: directory \(lab.path("tree"))"
            ]
        )
        #expect(throws: GuestError("\(lab.path("master")): exists already; remove it first: etherloom master remove")) {
            try create(lab, "master", from: .directory(lab.path("tree")))
        }
        #expect(throws: GuestError.self) { try remove(lab, "tree") }
        try remove(lab, "master")
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory) == ["tree"])
    }

    @Test("from an archive, compressed or not; its owners are users of guests", arguments: ["cf", "czf"])
    func fromTarball(flags: String) throws {
        let lab = try RootsFixture()
        try fill(lab)
        try lab.inside("cd \"$0\" && tar \(flags) tree.tar --numeric-owner -C tree .")
        try create(lab, "master", from: .tarball(lab.path("tree.tar")))
        #expect(try lab.inside("cat \"$0\"/master/etc/twin; stat -c %a \"$0\"/master/bin/su") == "of the tree\n4755\n")
        if lab.maps.hasManyUsers {
            #expect(try lab.inside("stat -c %u:%g \"$0\"/master/etc/twin") == "6:12\n")
        }
        try remove(lab, "master")
    }

    @Test("what is no archive leaves nothing, and says so")
    func badTarball() throws {
        let lab = try RootsFixture()
        try lab.write("no archive\n", "bad.tar")
        do {
            try create(lab, "master", from: .tarball(lab.path("bad.tar")))
            Issue.record("it was unpacked")
        } catch let error as GuestError {
            #expect(error.message.hasPrefix("cannot unpack \(lab.path("bad.tar")): tar ended with status 2"))
        }
        #expect(throws: GuestError("\(lab.path("none.tar")): No such file or directory")) {
            try create(lab, "master", from: .tarball(lab.path("none.tar")))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory) == ["bad.tar"])
    }

    @Test("an archive writes nothing outside of the master")
    func evilTarball() throws {
        let lab = try RootsFixture()
        try lab.inside(
            #"""
            cd "$0" && mkdir victim one two && ln -s "$0"/victim one/way && mkdir two/way && echo evil > two/way/file
            tar cf one.tar -C one way && tar cf two.tar -C two way/file && tar Af one.tar two.tar
            """#
        )
        #expect(throws: GuestError.self) { try create(lab, "master", from: .tarball(lab.path("one.tar"))) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.path("victim")) == [])
    }

    @Test("from layers of an image, which remove what is below")
    func fromImage() throws {
        let lab = try RootsFixture()
        try lab.inside(
            #"""
            cd "$0" && mkdir -p low/etc/old low/keep low/gone high/etc/old high/keep image/blobs/sha256 outside
            echo low > low/etc/motd; echo low > low/etc/old/a; echo low > low/keep/file; echo low > low/gone/x
            echo outside > outside/file; ln -s "$0"/outside low/way
            echo high > high/etc/motd; touch high/etc/old/.wh..wh..opq; echo high > high/etc/old/b; touch high/.wh.gone
            mkdir high/way && touch high/way/.wh.file && touch "high/.wh.never
            there"
            tar cf image/blobs/sha256/aa -C low . && tar czf image/blobs/sha256/bb -C high etc .wh.gone keep way/.wh.file
            """#
        )
        let architecture = ImageLayout.architecture
        try lab.write(
            #"""
            {"schemaVersion": 2, "manifests": [
              {"digest": "sha256:dd", "annotations": {"org.opencontainers.image.ref.name": "other"}},
              {"digest": "sha256:ee", "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}
            """#,
            "image/index.json"
        )
        try lab.write(
            #"{"manifests": [{"digest": "sha256:00", "platform": {"architecture": "none", "os": "linux"}}, "#
                + #"{"digest": "sha256:cc", "platform": {"architecture": "\#(architecture)", "os": "linux"}}]}"#,
            "image/blobs/sha256/ee"
        )
        try lab.write(
            #"""
            {"layers": [{"digest": "sha256:aa", "mediaType": "application/vnd.oci.image.layer.v1.tar"},
                        {"digest": "sha256:bb", "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}]}
            """#,
            "image/blobs/sha256/cc"
        )
        try create(lab, "master", from: .image(layout: lab.path("image"), tag: "v1"))
        #expect(
            try lab.inside("cd \"$0\"/master && find . -type f | LC_ALL=C sort; cat etc/motd keep/file")
                == "./etc/motd\n./etc/old/b\n./keep/file\nhigh\nlow\n"
        )
        #expect(lab.read("outside/file") == "outside\n")
        func message(_ tag: String?) throws -> String {
            do { try create(lab, "m2", from: .image(layout: lab.path("image"), tag: tag)) } catch let error
                as GuestError
            {
                return error.message
            }
            return ""
        }
        #expect(try message("v2").hasSuffix("no image v2; it has other, v1"))
        #expect(try message(nil).hasSuffix("several images: say which, as :TAG; it has other, v1"))
        #expect(try message("other").hasSuffix("blobs/sha256/dd: missing; the image layout is not complete"))
        try lab.write(#"{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}"#, "image/index.json")
        #expect(try message(nil).hasSuffix("\"sha256:../../../etc/passwd\" is no digest"))
        try lab.write("{", "image/index.json")
        #expect(try message(nil).contains("index.json: "))
    }

    @Test("busybox and the host's own root")
    func small() throws {
        let lab = try RootsFixture()
        if let busybox = ProgramSearch.path("busybox"), BusyboxMaster.isStatic(busybox) {
            try create(lab, "small", from: .busybox)
            #expect(try lab.inside("chroot \"$0\"/small /bin/sh -c 'echo $(cat /etc/hosts | wc -l)'") == "2\n")
            try remove(lab, "small")
        }
        #expect(!BusyboxMaster.isStatic("/bin/sh"))
        try create(lab, "here", from: .host)
        #expect(HostRoot.isMeant(by: lab.path("here")))
        #expect(try Masters.list(in: lab.directory).map(\.origin) == ["host"])
        try remove(lab, "here")
        #expect(FileManager.default.fileExists(atPath: "/etc/passwd"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: lab.directory) == [])
    }

    @Test("a master that roots are based on is not removed")
    func inUse() throws {
        let lab = try RootsFixture()
        try fill(lab)
        try create(lab, "master", from: .directory(lab.path("tree")))
        let mounts = try lab.mounts()
        let error: GuestError? = try lab.wait { mounts.mount(lab.plan("alice"), guest: "alice", then: $0) }
        #expect(error == nil)
        #expect(throws: GuestError.self) { try remove(lab, "master") }
        #expect(lab.read("master/etc/motd") == "of the tree\n")
    }

    @Test("which mirror a release comes from")
    func mirrors() {
        let lines = "http://a/security stable-security\nhttp://b/debian stable\nhttp://b/debian stable-updates\n"
        #expect(DebianMaster.mirror(suite: "stable", lines: lines) == "http://b/debian")
        #expect(DebianMaster.mirror(suite: "sid", lines: lines) == "http://b/debian")
        #expect(DebianMaster.mirror(suite: "sid", lines: "") == nil)
        #expect(DebianMaster.isName("bookworm") && !DebianMaster.isName("--hook") && !DebianMaster.isName("a;b"))
    }

    @Test("names as tar escapes them")
    func escapes() {
        let line = Array(#"./a b/\303\244\n\\/.wh.x"#.utf8)
        #expect(Unpacking.unescape(line[...]) == Array("./a b/ä\n\\/.wh.x".utf8))
        #expect(Unpacking.removed(line).map { $0.map(\.description) } == [["a b", "ä\n\\", ".wh.x"]])
        #expect(Unpacking.removed(Array("a/b\na/.whx\n".utf8)).isEmpty)
    }

    @Test(
        "marks that would be for a directory itself, or the one above, remove nothing",
        arguments: [".wh.", ".wh..", ".wh..."]
    )
    func marksOfDirectories(_ mark: String) throws {
        let directory = NSTemporaryDirectory() + "el-marks-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory + "/a/b", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for path in [[mark], ["a", mark]] {
            try Whiteouts.apply(path.map { FileName($0) }, in: directory)
        }
        #expect(FileManager.default.fileExists(atPath: directory + "/a/b"))
    }
}
