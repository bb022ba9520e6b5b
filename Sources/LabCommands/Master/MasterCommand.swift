// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Guests
import LinuxSystem

/// `etherloom master`: the directories that guests' roots are based on.
struct MasterCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "master",
            abstract: "Make, list and remove the root directories that guests share.",
            subcommands: [MasterCreate.self, MasterList.self, MasterRemove.self]
        )
    }

    /// The absolute path of what is named on the command line.
    static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let directory = CurrentProcess.workingDirectory else { throw Failure("the working directory is gone") }
        return (directory == "/" ? "" : directory) + "/" + path
    }

    static func call(_ body: () throws(GuestError) -> Void) throws {
        do throws(GuestError) {
            try body()
        } catch {
            throw Failure("master: \(error.message)", status: error.status)
        }
    }
}

/// `etherloom master create`.
struct MasterCreate: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "create",
            abstract: "Make a master.",
            discussion: """
                One of the options says from what. Owners are kept as far as this user has sub-uids (subuid(5)). Nothing \
                appears under the name before all is there.
                """
        )
    }

    @Argument(help: ArgumentHelp("The directory to make, as a lab file names it.", valueName: "directory"))
    var path: String
    @Argument(help: ArgumentHelp("More packages, with --from-debian.", valueName: "package"))
    var packages: [String] = []
    @Option(name: .customLong("from-debian"), help: ArgumentHelp("A release, by mmdebstrap.", valueName: "suite"))
    var suite: String?
    @Option(name: .customLong("from-directory"), help: ArgumentHelp("A copy of a directory.", valueName: "directory"))
    var directory: String?
    @Option(
        name: .customLong("from-tarball"),
        help: ArgumentHelp("An archive that tar reads; - is the standard input.", valueName: "file")
    )
    var tarball: String?
    @Option(
        name: .customLong("from-oci"),
        help: ArgumentHelp("An image of an OCI image layout.", valueName: "layout[:tag]")
    )
    var image: String?
    @Flag(name: .customLong("busybox"), help: "A few files around this host's busybox.")
    var isBusybox = false
    @Flag(name: .customLong("host"), help: "This host's own root: nothing is copied.")
    var isHost = false

    mutating func run() throws {
        let source = try source()
        let path = try MasterCommand.absolute(path)
        try MasterCommand.call { () throws(GuestError) in
            try MasterBuilder(path: path) { path, algorithm throws(GuestError) in
                try FileDigest.text(of: path, by: algorithm)
            }.create(from: source)
        }
    }

    private func source() throws -> MasterBuilder.Source {
        var sources: [MasterBuilder.Source] = []
        if let suite { sources.append(.debian(suite: suite, packages: packages)) }
        if let directory { sources.append(.directory(directory)) }
        if let tarball { sources.append(.tarball(tarball)) }
        if let image { sources.append(Self.image(image)) }
        if isBusybox { sources.append(.busybox) }
        if isHost { sources.append(.host) }
        guard let source = sources.first, sources.count == 1 else {
            throw Failure(
                "master create: say from what, once: --from-debian, --from-directory, --from-tarball, --from-oci, --busybox "
                    + "or --host",
                status: ExitStatus.usage
            )
        }
        guard packages.isEmpty || suite != nil else {
            throw Failure("master create: \(packages[0]): packages belong to --from-debian", status: ExitStatus.usage)
        }
        return source
    }

    /// A directory may have a colon in its name.
    static func image(_ text: String) -> MasterBuilder.Source {
        let isWhole = (try? FileStatus(path: text))?.isDirectory == true
        guard !isWhole, let colon = text.lastIndex(of: ":") else { return .image(layout: text, tag: nil) }
        return .image(layout: String(text[..<colon]), tag: String(text[text.index(after: colon)...]))
    }
}

/// `etherloom master list`.
struct MasterList: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "list", abstract: "The masters in a directory, and what they were made from.")
    }

    @Argument(help: "Where to look; the working directory when none is named.") var directory: String = "."

    mutating func run() throws {
        let directory = directory
        try MasterCommand.call { () throws(GuestError) in
            let entries = try Masters.list(in: directory)
            let width = entries.map(\.name.count).max() ?? 0
            for entry in entries {
                let space = String(repeating: " ", count: width - entry.name.count + 2)
                StandardStreams.writeOutput(entry.name + space + entry.origin + "\n")
            }
        }
    }
}

/// `etherloom master remove`.
struct MasterRemove: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "remove", abstract: "Remove masters, with the files of all their users.")
    }

    @Argument(help: ArgumentHelp("Masters.", valueName: "directory")) var paths: [String]

    mutating func run() throws {
        for path in paths {
            let path = try MasterCommand.absolute(path)
            try MasterCommand.call { () throws(GuestError) in try Masters.remove(path) }
        }
    }
}
