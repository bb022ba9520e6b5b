// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// `etherloom master` as its users call it.
    @Suite("Masters by the command line")
    struct MasterCommandTests {
        @Test("owners are sub-uids where they are granted, and the user without", arguments: [false, true])
        func owners(areGranted: Bool) throws {
            try require("tar", "newuidmap")
            try withHost { host in
                if areGranted {
                    guard host.isRoot else { return }
                    let ranges = try host.write("\(host.userName(.ordinary)):200000:65536\n", data: "ranges")
                    for file in ["/etc/subuid", "/etc/subgid"] { try host.check(["mount", "--bind", ranges, file]) }
                }
                try host.write("hello\n", data: "motd")
                let archive = host.data("tree.tar.gz")
                try host.check([
                    "tar", "-czf", archive, "--owner=6", "--group=12", "--numeric-owner", "-C", host.data(""), "motd",
                ])
                let master = host.data("master")
                func call(_ words: String...) throws -> Program {
                    try host.run([host.etherloom, "master"] + words, as: .ordinary)
                }
                let created = try call("create", master, "--from-tarball", archive)
                #expect(created.end == .exited(0), "\(created.transcript)")
                let owner = try host.check(["stat", "-c", "%u:%g", master + "/motd"])
                let user = try host.check(["id", "-u"], as: .ordinary).dropLast()
                #expect(owner == (areGranted ? "200005:200011\n" : "\(user):\(user)\n"))

                let again = try call("create", master, "--busybox")
                #expect(again.end == .exited(1) && again.errorLines.count == 1)
                let vague = try call("create", host.data("other"))
                #expect(vague.end == .exited(2) && vague.errorLines.count == 1)
                let both = try call("create", host.data("other"), "--busybox", "--host")
                #expect(both.end == .exited(2) && both.errorLines.count == 1)
                #expect(try call("list", host.data("")).output == "master  tarball \(archive)\n")
                let foreign = try call("remove", "/etc")
                #expect(foreign.end == .exited(1) && foreign.errorLines.count == 1)
                #expect(try call("remove", master).end == .exited(0))
                #expect(!FileManager.default.fileExists(atPath: master))
            }
        }

        @Test("an image whose files are not what they are called by is refused, with one line")
        func images() throws {
            try require("tar", "sha256sum", "sha512sum")
            try withHost { host in
                let image = host.data("image")
                // A layer by SHA-512, the rest by SHA-256, as the specification allows.
                let script = """
                    set -e; mkdir -p $1/blobs/sha256 $1/blobs/sha512 tree/etc; echo hello >tree/etc/motd; cd $1
                    add() { sum=$($1sum <$2 | cut -d' ' -f1); mv $2 blobs/$1/$sum; echo $1:$sum; }
                    tar cf layer -C ../tree .; layer=$(add sha512 layer)
                    echo '{"layers":[{"digest":"'$layer'","mediaType":"application/vnd.oci.image.layer.v1.tar"}]}' >manifest
                    echo '{"manifests":[{"digest":"'$(add sha256 manifest)'"}]}' >index.json
                    """
                try host.check(["sh", "-c", script, "sh", image], as: .ordinary)
                func create(_ name: String) throws -> Program {
                    try host.run(
                        [host.etherloom, "master", "create", host.data(name), "--from-oci", image],
                        as: .ordinary
                    )
                }
                let made = try create("good")
                #expect(made.end == .exited(0), "\(made.transcript)")
                #expect(try host.check(["cat", host.data("good/etc/motd")]) == "hello\n")
                for (algorithm, damage) in [
                    ("sha512", "printf x | dd of=$f bs=1 seek=700 conv=notrunc"), ("sha256", "echo ' ' >>$f"),
                ] {
                    try host.check(
                        ["sh", "-c", "for f in \(image)/blobs/\(algorithm)/*; do \(damage); done"],
                        as: .ordinary
                    )
                    let refused = try create("bad")
                    #expect(refused.end == .exited(1) && refused.errorLines.count == 1, "\(refused.transcript)")
                    #expect(refused.errorOutput.contains("blobs/\(algorithm)/"), "\(refused.transcript)")
                    #expect(refused.errorOutput.contains("not what it is called by"), "\(refused.transcript)")
                    #expect(try host.check(["sh", "-c", "ls -A \(host.data("")) | grep bad || true"]) == "")
                }
                try host.write(#"{"manifests":[{"digest":"md5:00"}]}"#, data: "index")
                try host.check([
                    "sh", "-c", "mkdir \(image)/blobs/md5; : >\(image)/blobs/md5/00; cp index \(image)/index.json",
                ])
                let unknown = try create("bad")
                #expect(unknown.end == .exited(4) && unknown.errorLines.count == 1, "\(unknown.transcript)")
                try host.check([host.etherloom, "master", "remove", host.data("good")], as: .ordinary)
            }
        }

        @Test("a system of packages is what mmdebstrap writes; when it fails nothing is left")
        func packages() throws {
            try require("tar")
            try withHost { host in
                // In the place of the real one, which needs a mirror.
                let fake = """
                    #!/bin/sh
                    echo "$*" > \(host.data("words"))
                    case $* in *broken*) echo "E: no such package" >&2; exit 25 ;; esac
                    cd \(host.data("")) && mkdir -p tree/etc tree/dev && echo fake > tree/etc/issue && tar cf - -C tree .
                    """
                try host.write(fake, data: "mmdebstrap")
                try host.check(["chmod", "755", host.data("mmdebstrap")])
                func create(_ words: String...) throws -> Program {
                    try host.run(
                        [
                            "env", "PATH=\(host.data("")):\(HostNamespace.searchPath)", host.etherloom, "master",
                            "create",
                        ]
                            + words,
                        as: .ordinary
                    )
                }
                let made = try create(host.data("m"), "--from-debian", "somesuite", "one", "two")
                #expect(made.end == .exited(0), "\(made.transcript)")
                #expect(try host.check(["cat", host.data("m/etc/issue")]) == "fake\n")
                let words = try host.check(["cat", host.data("words")])
                #expect(words.hasPrefix("--variant=minbase --format=tar --include=one,two somesuite -"))
                let failed = try create(host.data("n"), "--from-debian", "somesuite", "broken")
                #expect(failed.end == .exited(1))
                #expect(failed.errorLines.last?.contains("mmdebstrap could not make somesuite") == true)
                let left = try host.check(["ls", "-A", host.data("")]).split(separator: "\n")
                #expect(!left.contains { $0 == "n" || $0 == ".n.new" })
                try host.check([host.etherloom, "master", "remove", host.data("m")], as: .ordinary)
            }
        }
    }
}
