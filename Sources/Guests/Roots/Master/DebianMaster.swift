// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A Debian system by mmdebstrap(1), from the mirror that this host's apt uses.
enum DebianMaster {
    /// Runs it; `unpack` gets the descriptor that a tar archive is read from.
    static func create(
        suite: String,
        packages: [String],
        unpack: (_ input: Int32) throws(GuestError) -> Void
    ) throws(GuestError) {
        for word in [suite] + packages where !isName(word) {
            throw GuestError("\"\(word)\": not a name of a release or a package", status: 2)
        }
        guard let program = ProgramSearch.path("mmdebstrap") else {
            throw GuestError(
                "mmdebstrap is missing; as root: apt-get install mmdebstrap, or take --from-tarball",
                status: 4
            )
        }
        var words = [program, "--variant=minbase", "--format=tar"]
        if !packages.isEmpty { words.append("--include=\(packages.joined(separator: ","))") }
        words += [suite, "-"] + (mirror(suite: suite).map { [$0] } ?? [])
        let made: PipedProgram
        do throws(Errno) {
            made = try PipedProgram(words)
        } catch {
            throw GuestError("cannot run \(program): \(error)")
        }
        var failure: GuestError?
        do throws(GuestError) { try unpack(made.output.rawValue) } catch { failure = error }
        if failure != nil {
            // Either it failed itself, so that there was nothing to unpack, or nobody reads it any more.
            let deadline = MonotonicClock.nanoseconds + 2_000_000_000
            _ = try? Poll.isReadable(made.program.rawDescriptor, deadline: deadline)
            if made.program.poll() == nil {
                made.program.end()
                if let failure { throw failure }
            }
        }
        guard (try? made.program.wait())?.exitCode == 0 else {
            let isAlone = !IdentityMaps.ofThisProcess().hasManyUsers
            throw GuestError(
                "mmdebstrap could not make \(suite) with what was asked for; it has said above why"
                    + (isAlone ? "; without root it needs sub-uids, see subuid(5)" : "")
            )
        }
        if let failure { throw failure }
    }

    /// Letters, digits and what Debian allows beside them; no option.
    static func isName(_ word: String) -> Bool {
        !word.isEmpty && !word.hasPrefix("-") && !word.hasPrefix(".")
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "+-.:_".utf8.contains(byte)
                }
            }
    }

    /// The mirror that apt has for this release, else the first that it has; nil: mmdebstrap's own choice.
    static func mirror(suite: String) -> String? {
        let format = "$(REPO_URI) $(RELEASE)"
        guard let bytes = output(["apt-get", "indextargets", "--format", format, "Created-By: Packages"]) else {
            return nil
        }
        return mirror(suite: suite, lines: String(decoding: bytes, as: UTF8.self))
    }

    static func mirror(suite: String, lines: String) -> String? {
        let known = lines.split(separator: "\n").compactMap { line -> (address: String, release: String)? in
            let words = line.split(separator: " ")
            return words.count == 2 ? (String(words[0]), String(words[1])) : nil
        }
        // A mirror of security updates has no whole release.
        return known.first { $0.release == suite }?.address ?? known.first { !$0.release.contains("-") }?.address
    }

    /// What a program prints, nil when it fails.
    static func output(_ words: [String]) -> [UInt8]? {
        do throws(Errno) {
            let made = try PipedProgram(words)
            var bytes: [UInt8] = []
            while true {
                let part = try made.output.read(atMost: 65536)
                if part.isEmpty { break }
                bytes += part
            }
            return try made.program.wait().exitCode == 0 ? bytes : nil
        } catch {
            return nil
        }
    }
}

/// A program and what is read of it.
private final class PipedProgram {
    let program: ChildProgram
    let output: OwnedDescriptor

    init(_ words: [String]) throws(Errno) {
        let pipe = try OwnedDescriptor.pipe()
        output = try pipe.first.duplicate()
        // The program's end of the pipe is the only one when `pipe` has gone.
        program = try ChildProgram(words, output: pipe.second.rawValue)
    }
}
