// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Guests
import LinuxSystem

/// `etherloom cp`: files and trees between the host and a guest, by tar on both sides.
struct CopyCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "cp",
            abstract: "Copy files and directories between the host and a running guest.",
            discussion: """
                etherloom cp file alice:/tmp/; etherloom cp alice:/etc/hosts . The guest needs tar. What comes from there \
                belongs to the copying user. Trees of process and uml guests can be edited at mount/GUEST as well.
                """
        )
    }

    @Argument(help: "What, GUEST:PATH or a path of the host.") var source: String
    @Argument(help: "Where to: into it when it is a directory, else a new name.") var target: String
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        let (from, to) = (GuestPath(source), GuestPath(target))
        let runtime = try lab.runtimeDirectory()
        switch (from.guest, to.guest) {
        case (nil, let guest?): try copyIn(from.path, guest, to.path, runtime)
        case (let guest?, nil): try copyOut(guest, from.path, to.path, runtime)
        default:
            throw Failure("cp: one of both is in a guest, GUEST:PATH, the other on the host", status: ExitStatus.usage)
        }
    }

    private func copyIn(_ path: String, _ guest: String, _ target: String, _ runtime: String) throws {
        guard (try? FileStatus(path: path, followLinks: false)) != nil else { throw Failure("\(path): no such file") }
        let isDirectory = try GuestTool.status(["test", "-d", target], guest, runtime) == 0
        let parts = PathParts(path)
        let to = isDirectory ? PathParts(directory: target, name: parts.name) : PathParts(target)
        let pipe = try OwnedDescriptor.pipe()
        let tar = try ChildProgram(
            ["tar", "--numeric-owner", "--owner=0", "--group=0"] + Self.renaming(parts.name, to.name)
                + ["-C", parts.directory, "-cf", "-", "--", parts.name],
            output: pipe.second.rawValue
        )
        try pipe.second.close()
        let status = try GuestTool.status(
            ["tar", "-C", to.directory, "-xf", "-"],
            guest,
            runtime,
            input: pipe.first.rawValue
        )
        // Whoever still writes there learns that nobody reads.
        try pipe.first.close()
        try Self.check(try tar.wait().shellStatus, status, guest)
    }

    private func copyOut(_ guest: String, _ path: String, _ target: String, _ runtime: String) throws {
        let parts = PathParts(path)
        guard parts.name != ".." else {
            throw Failure("cp: \(path): name what is to be copied", status: ExitStatus.usage)
        }
        let isDirectory = (try? FileStatus(path: target))?.isDirectory == true
        let to = isDirectory ? PathParts(directory: target, name: parts.name) : PathParts(target)
        // The archive is the guest's work: see `ReceivedTree`.
        let received = try ReceivedTree(beside: to.directory)
        let pipe = try OwnedDescriptor.pipe()
        let tar = try ChildProgram(
            ["tar", "--no-same-owner", "--no-same-permissions", "-C", received.directory, "-xf", "-"],
            input: pipe.first.rawValue
        )
        let client = try GuestTool.start(
            ["tar", "-C", parts.directory, "-cf", "-", "--", parts.name],
            guest,
            runtime,
            output: pipe.second.rawValue
        )
        try pipe.second.close()
        let host = try tar.wait().shellStatus
        if host == 0 {
            // What is behind the archive's end is nobody's, but nobody is to die of writing it.
            try GuestTool.discard(pipe.first, until: client)
        } else {
            try pipe.first.close()
        }
        try Self.check(host, try client.waitForEnd().shellStatus, guest)
        try received.take(parts.name, to: to.directory, as: to.name)
    }

    /// The first part of each path is another one: GNU tar.
    private static func renaming(_ old: String, _ new: String) -> [String] {
        guard old != new else { return [] }
        func plain(_ text: String, _ special: String) -> String {
            text.map { special.contains($0) ? "\\\($0)" : String($0) }.joined()
        }
        return ["--transform", "s\u{1}^\(plain(old, "\\.*[]^$"))\u{1}\(plain(new, "\\&"))\u{1}S"]
    }

    private static func check(_ host: Int32, _ guest: Int32, _ name: String) throws {
        // What failed in the guest is why the other end failed, if it did.
        guard guest == 0 else { throw Failure("cp: tar in guest \"\(name)\" ended with status \(guest)") }
        guard host == 0 else { throw Failure("cp: tar of the host ended with status \(host)") }
    }
}

/// `GUEST:PATH`, or a path of the host: what has a slash before its colon is one.
struct GuestPath: Equatable {
    var guest: String?
    var path: String

    init(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, !text[..<colon].contains("/") else {
            path = text
            return
        }
        guest = String(text[..<colon])
        path = String(text[text.index(after: colon)...])
        if path.isEmpty { path = "." }
    }
}

/// A path's last part and what is before it.
struct PathParts: Equatable {
    var directory: String
    var name: String

    init(directory: String, name: String) {
        self.directory = directory
        self.name = name
    }

    init(_ path: String) {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else {
            (directory, name) = (".", String(path))
            return
        }
        directory = slash == path.startIndex ? "/" : String(path[..<slash])
        name = String(path[path.index(after: slash)...])
        if name.isEmpty { name = "." }
    }
}

/// A command in a guest for a command of ours.
enum GuestTool {
    static func status(
        _ words: [String],
        _ guest: String,
        _ runtime: String,
        input: Int32? = nil
    ) throws -> Int32 {
        try start(words, guest, runtime, input: input).waitForEnd().shellStatus
    }

    static func start(
        _ words: [String],
        _ guest: String,
        _ runtime: String,
        input: Int32? = nil,
        output: Int32? = nil
    ) throws -> KeeperClient {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        let client = try KeeperClient(runtimeDirectory: runtime)
        try client.start(
            GuestCommand(words),
            guest: guest,
            input: input ?? null.rawValue,
            output: output ?? null.rawValue,
            error: 2
        )
        return client
    }

    /// Reads what a command in a guest writes until it ends, or writes no more.
    static func discard(_ pipe: borrowing OwnedDescriptor, until client: KeeperClient) throws {
        while true {
            let ready = try Poll.readable([client.rawDescriptor, pipe.rawValue], deadline: nil)
            if ready[1] {
                if try pipe.read(atMost: 65536).isEmpty { return }
            } else if ready[0] {
                return
            }
        }
    }
}
