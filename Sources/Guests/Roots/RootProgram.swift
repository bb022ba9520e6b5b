// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// Theory of Operation
//
// What guests' files are, only the root of their user namespace may read, own and remove. So work on them is done by a
// program in there: this one, called as `etherloom roots`, by the keeper and by `etherloom master`. Its last line is `ok`, or
// `error`, a status and a message; lines before are its answer.

/// The program that works on the files of guests.
public enum RootProgram {
    public static let verb = "roots"

    /// Does what the words say, and prints the answer. The exit status.
    public static func run(_ words: [String]) -> Int32 {
        umask(0)
        do throws(GuestError) {
            for line in try perform(words) { print(line) }
            print("ok")
            return 0
        } catch {
            print("error \(error.status) \(error.message)")
            return error.status
        }
    }

    private static func perform(_ words: [String]) throws(GuestError) -> [String] {
        switch (words.first, words.count) {
        case ("remove", 2...):
            for path in words.dropFirst() { try TreeRemoval.remove(path) }
        case ("master-copy", 3): try TreeCopy.copy(words[1], to: words[2], isLenient: true)
        case ("unpack", 3): try Unpacking.unpack(words[2], into: words[1])
        case ("unpack-layers", 3...): try Unpacking.unpack(layers: Array(words.dropFirst(2)), into: words[1])
        case ("copy", 3): try TreeCopy.copy(words[1], to: words[2])
        case ("snapshot-save", 3...):
            try RootSnapshots(directory: words[1]).save(words[2], roots: roots(words.dropFirst(3)))
        case ("snapshot-restore", 3...):
            try RootSnapshots(directory: words[1]).restore(words[2], roots: roots(words.dropFirst(3)))
        case ("snapshot-recover", 2...):
            try RootSnapshots(directory: words[1]).recover(roots: roots(words.dropFirst(2)))
        case ("snapshot-remove", 3): try RootSnapshots(directory: words[1]).remove(words[2])
        default: throw GuestError("roots: these words are not understood: \(words.joined(separator: " "))", status: 2)
        }
        return []
    }

    /// `GUEST=UPPER` each.
    private static func roots(_ words: some Sequence<String>) throws(GuestError) -> [RootSnapshots.Root] {
        var roots: [RootSnapshots.Root] = []
        for word in words {
            let (name, path) = PlanWords.parts(word)
            guard let path, !name.isEmpty else { throw GuestError("\(word): not GUEST=DIRECTORY", status: 2) }
            roots.append(RootSnapshots.Root(guest: name, upper: path))
        }
        return roots
    }
}
