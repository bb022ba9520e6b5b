// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// Theory of Operation
//
// A master is made beside its place, as `.NAME.new`, and appears by one rename: nobody ever sees half of one. What unpacks it
// is root of a user namespace with the maps of a lab's, so that owners are those that guests will see, and can write nothing
// but the new directory. Where it came from is noted in an extended attribute of the directory.

/// Makes the directories that guests' roots are based on.
public struct MasterBuilder {
    /// What a master is made from.
    public enum Source: Sendable, Equatable {
        /// A release of Debian or one of its kin, and packages beyond the smallest system, by mmdebstrap(1).
        case debian(suite: String, packages: [String])
        case directory(String)
        /// A file, or "-" for the standard input.
        case tarball(String)
        /// A directory of the form that the OCI image specification calls image layout.
        case image(layout: String, tag: String?)
        /// A few files around one program.
        case busybox
        /// This host's own root.
        case host

        /// Noted in the master.
        var origin: String {
            switch self {
            case .debian(let suite, let packages): (["debian", suite] + packages).joined(separator: " ")
            case .directory(let path): "directory \(path)"
            case .tarball(let path): "tarball \(path)"
            case .image(let layout, let tag): "image \(layout)\(tag.map { ":\($0)" } ?? "")"
            case .busybox: "busybox"
            case .host: "host"
            }
        }
    }

    /// Reads a file and says what its contents hash to by an algorithm, in lower-case hexadecimal digits; nil for an algorithm
    /// that it does not know.
    public typealias Digest = (_ path: String, _ algorithm: String) throws(GuestError) -> String?

    static let note = "etherloom.master"
    let path: String
    let worker: RootWorker
    private let digest: Digest?
    private let temporary: String

    /// - Parameters:
    ///   - path: of the master, absolute.
    ///   - digest: with what files of images are compared; nil: with nothing.
    public init(
        path: String,
        worker: RootWorker = RootWorker(.own),
        digest: Digest? = nil
    ) throws(GuestError) {
        let (parent, name) = RootDirectories.split(path)
        guard path.hasPrefix("/"), !name.isEmpty, name != ".", name != ".." else {
            throw GuestError("\"\(path)\": not a place for a master", status: 2)
        }
        self.path = parent == "/" ? "/\(name)" : "\(parent)/\(name)"
        self.worker = worker
        self.digest = digest
        temporary = "\(parent)/.\(name).new"
    }

    /// Makes it; takes what time it takes.
    public func create(from source: Source) throws(GuestError) {
        guard (try? FileStatus(path: path, followLinks: false)) == nil else {
            throw GuestError("\(path): exists already; remove it first: etherloom master remove")
        }
        let (parent, _) = RootDirectories.split(path)
        guard (try? FileStatus(path: parent))?.isDirectory == true else {
            throw GuestError("\(parent): no such directory")
        }
        try clear()
        do throws(GuestError) {
            try fill(source)
            try finish(source)
        } catch {
            try? clear()
            throw error
        }
    }

    private func clear() throws(GuestError) {
        guard let status = try? FileStatus(path: temporary, followLinks: false) else { return }
        if status.isDirectory { try worker.run(["remove", temporary]) } else { try? FileSystem.remove(temporary) }
    }

    private func fill(_ source: Source) throws(GuestError) {
        switch source {
        case .host:
            try system { () throws(Errno) in try FileSystem.makeLink(temporary, to: "/") }
            return
        case .directory(let directory):
            let from = try canonical(directory)
            guard !path.hasPrefix(from == "/" ? "/" : from + "/") || from == "/" else {
                throw GuestError("\(directory): the master would be inside of it")
            }
            guard from != "/" else {
                throw GuestError("/: this host's own root needs no copy: use --host", status: 2)
            }
            try worker.run(["master-copy", from, temporary])
            return
        default: break
        }
        try system { () throws(Errno) in try FileSystem.makeDirectory(temporary, mode: 0o755) }
        switch source {
        case .debian(let suite, let packages):
            try DebianMaster.create(suite: suite, packages: packages) { input throws(GuestError) in
                try worker.run(["unpack", temporary, "-"], input: input)
            }
        case .tarball(let file):
            let name = file == "-" ? "-" : try canonical(file)
            try worker.run(["unpack", temporary, name], input: file == "-" ? 0 : -1)
        case .image(let layout, let tag):
            let layers = try ImageLayout(directory: canonical(layout), digest: digest).layers(tag: tag)
            try worker.run(["unpack-layers", temporary] + layers)
        case .busybox: try BusyboxMaster.create(temporary)
        case .host, .directory: break
        }
    }

    private func finish(_ source: Source) throws(GuestError) {
        if source != .host {
            guard let names = try? FileSystem.names(in: temporary), !names.isEmpty else {
                throw GuestError("\(path): there was nothing in what it was to be made from")
            }
            // Where it cannot be noted it is a master all the same.
            try? DirectoryHandle.open(temporary).setNote(Self.note, source.origin)
            // Programs in there that set their user to root's would set it to this user's on the host. Guests see the mode of
            // their own root. What root makes may be for everybody.
            if CurrentProcess.userID != 0 {
                try system { () throws(Errno) in try FileSystem.setMode(temporary, 0o700) }
            }
            try system { () throws(Errno) in try DirectoryHandle.open(temporary).synchronize() }
        }
        try system { () throws(Errno) in try FileSystem.rename(temporary, to: path) }
    }

    private func canonical(_ file: String) throws(GuestError) -> String {
        do throws(Errno) {
            return try FileSystem.canonicalPath(file)
        } catch {
            throw GuestError("\(file): \(error)")
        }
    }

    private func system(_ body: () throws(Errno) -> Void) throws(GuestError) {
        do throws(Errno) {
            try body()
        } catch {
            throw GuestError("\(path): \(RootDirectories.reason(error))")
        }
    }
}
