// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// `etherloom cp`.
    @Suite("Copying to and from guests")
    struct LabCopyTests {
        /// What is in a tree: names, kinds, modes, sizes or targets.
        private static let listing = """
            cd "$1" && find . | sort | while read -r name; do
                if [ -h "$name" ]; then echo "$name -> $(readlink "$name")"
                elif [ -d "$name" ]; then echo "$name/ $(stat -c %a "$name")"
                else echo "$name $(stat -c %a "$name") $(sha256sum <"$name")"; fi
            done
            """

        @Test("files, trees and their modes are the same on both sides", arguments: GuestKind.allCases)
        func trees(kind: GuestKind) throws {
            try require("sha256sum", "find")
            try RunningLab.with(kind) { lab in
                let tree = lab.directory + "/tree"
                let make = """
                    umask 022; mkdir -p "$1/deep/empty" "$1/a name"; cd "$1"; head -c 300000 /dev/urandom >deep/random
                    echo run >deep/run; chmod 751 deep/run; echo secret >"a name/-dash"; chmod 600 "a name/-dash"
                    ln -s deep/run link; ln -s /nowhere dangling; chmod 700 deep/empty
                    """
                try lab.host.check(["sh", "-c", make, "sh", tree], as: lab.user)
                let here = try lab.host.check(["sh", "-c", Self.listing, "sh", tree], as: lab.user)
                #expect(here.split(separator: "\n").count == 9, "\(here)")
                func inside(_ path: String) throws -> String {
                    try lab.check("exec", "alice", "--", "sh", "-c", Self.listing, "sh", path)
                }
                // Under another name, into a directory, with a slash behind it.
                try lab.check("exec", "alice", "mkdir", "-p", "/srv")
                try lab.check("cp", tree, "alice:/srv/other")
                #expect(try inside("/srv/other") == here)
                try lab.check("cp", tree + "/", "alice:/tmp")
                #expect(try inside("/tmp/tree") == here)
                try lab.check("cp", tree, "alice:/srv/other")
                #expect(try inside("/srv/other/tree") == here)
                // And back, into a directory that is there and under a new name.
                try lab.host.check(["mkdir", lab.directory + "/into"], as: lab.user)
                try lab.check("cp", "alice:/tmp/tree", lab.directory + "/into")
                try lab.check("cp", "alice:/tmp/tree", lab.directory + "/renamed")
                for copy in ["into/tree", "renamed"] {
                    let path = lab.directory + "/" + copy
                    let there = try lab.host.check(["sh", "-c", Self.listing, "sh", path], as: lab.user)
                    #expect(there == here, "\(copy)")
                }
                // Files alone; the one that is there is replaced.
                let file = try lab.host.write("new\n", data: "-file")
                for _ in 0..<2 { try lab.check("cp", file, "bob:/tmp/file") }
                #expect(try lab.check("exec", "bob", "cat", "/tmp/file") == "new\n")
                #expect(try lab.check("exec", "bob", "stat", "-c", "%u:%g", "/tmp/file") == "0:0\n")
                try lab.check("cp", "bob:/tmp/file", lab.directory)
                let status = try FileStatus(path: lab.directory + "/file")
                #expect(status.userID == UInt32(HostNamespace.ordinaryUserID))
            }
        }

        @Test("what cannot be copied is said, and nothing else comes of it", arguments: GuestKind.allCases)
        func errors(kind: GuestKind) throws {
            try RunningLab.with(kind) { lab in
                let file = try lab.host.write("text\n", data: "file")
                let attempts: [([String], Int32, String)] = [
                    ([lab.directory + "/nothing", "alice:/tmp"], 1, "nothing: no such file"),
                    ([file, "alice:/no/such/place"], 1, "guest \"alice\""),
                    (["alice:/tmp/nothing", lab.directory], 1, "guest \"alice\""),
                    (["alice:/etc/passwd", "/no/such/place"], 1, "/no/such"),
                    ([file, file], 2, "one of both is in a guest"),
                    (["alice:/a", "bob:/b"], 2, "one of both is in a guest"),
                    ([file, "nobody:/tmp"], 2, "nobody"),
                ]
                for (words, status, text) in attempts {
                    let attempt = try lab.run(["cp"] + words)
                    #expect(
                        attempt.end == .exited(status) && attempt.errorOutput.contains(text),
                        "\(attempt.transcript)"
                    )
                }
                // A guest that gives other files than it was asked for.
                let liar = "#!/bin/sh\\ncd /srv && /bin/busybox tar -cf - wanted evil\\n"
                let script =
                    "mkdir -p /srv; cd /srv; echo good >wanted; echo bad >evil; rm /bin/tar; "
                    + "printf '\(liar)' >/bin/tar; "
                try lab.check("exec", "bob", "--", "sh", "-c", script + "chmod 755 /bin/tar")
                try lab.host.check(["mkdir", lab.directory + "/trust"], as: lab.user)
                _ = try lab.run(["cp", "bob:/srv/wanted", lab.directory + "/trust"])
                #expect(try lab.host.check(["ls", lab.directory + "/trust"]) == "wanted\n")
            }
        }
    }
}
