// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
public import LinuxSystem

/// The directory that a switch can be joined by: `ctl` for VDE clients, `attach` for ours, and a data socket for each VDE
/// endpoint. Removes at the end what it made, and at the start what a killed predecessor left.
public struct SwitchDirectory: ~Copyable {
    public let path: String
    public let control: OwnedDescriptor
    public let attach: OwnedDescriptor

    /// Why a switch could not take its place: which path, and what to do.
    public struct SetupError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Makes the directory, takes over what a dead switch left in it, and listens.
    public static func open(_ options: SwitchOptions) throws(SetupError) -> SwitchDirectory {
        var path = options.directory
        var isMade = true
        do {
            try FileSystem.makeDirectory(path, mode: 0o700)
        } catch .exists {
            isMade = false
            try refuseIfForeign(path)
        } catch .noEntry {
            throw SetupError(description: "\(path): cannot make the switch's directory: make the one above it first")
        } catch {
            throw SetupError(
                description: "\(path): cannot make the switch's directory: \(error); choose another path with -s"
            )
        }
        if let canonical = try? FileSystem.canonicalPath(path) { path = canonical }
        let longest = path + "/9999.99999"
        guard UnixSocketAddress(path: longest) != nil else {
            if isMade { try? FileSystem.removeDirectory(path) }
            throw SetupError(
                description:
                    "\(path): path is too long: with socket names at most \(UnixSocketAddress.maximumPathByteCount) bytes; "
                    + "choose a shorter one with -s"
            )
        }
        if !isMade {
            try refuseIfAlive(path)
            sweep(path)
        }
        var bound: [String] = []
        do {
            let control = try listen(.stream, at: path + "/ctl", &bound)
            let attach = try listen(.sequencedPacket, at: path + "/attach", &bound)
            for socket in ["/ctl", "/attach"] {
                try FileSystem.setMode(path + socket, options.socketMode)
                if options.groupID != nil || options.ownerID != nil {
                    let (user, group) = (options.ownerID ?? .max, options.groupID ?? .max)
                    try FileSystem.setOwner(path + socket, user: user, group: group)
                }
            }
            if let group = options.groupID { try FileSystem.setOwner(path, user: .max, group: group) }
            try FileSystem.setMode(path, options.effectiveDirectoryMode)
            return SwitchDirectory(path: path, control: control, attach: attach)
        } catch {
            // Only what is our own: somebody else may have been faster.
            for socket in bound { try? FileSystem.remove(socket) }
            if isMade { try? FileSystem.removeDirectory(path) }
            throw SetupError(description: "\(path): cannot set up the switch's sockets: \(error)")
        }
    }

    /// A directory that is there already must be ours, or root's. In `/tmp` anybody can make one first: it would be his
    /// to swap the sockets in it for his own, and where it is a link, its permissions would be changed elsewhere.
    private static func refuseIfForeign(_ path: String) throws(SetupError) {
        guard let status = try? FileStatus(path: path), status.isDirectory else {
            throw SetupError(description: "\(path): exists and is no directory; choose another path with -s")
        }
        let link = (try? FileStatus(path: path, followLinks: false)) ?? status
        for owner in [link.userID, status.userID] where owner != 0 && owner != CurrentProcess.userID {
            throw SetupError(
                description:
                    "\(path): belongs to user \(CurrentProcess.userName(owner)), who could take the switch over; "
                    + "choose another path with -s"
            )
        }
    }

    /// A switch that answers keeps its place.
    private static func refuseIfAlive(_ path: String) throws(SetupError) {
        guard let address = UnixSocketAddress(path: path + "/ctl") else { return }
        do {
            // Who has no descriptor left to ask with must not take the place of one that runs.
            let probe = try UnixSocket.make(.stream)
            try UnixSocket.connect(probe, to: address)
        } catch .connectionRefused, .noEntry {
            return
        } catch {
            throw SetupError(description: "\(path): cannot look for another switch there: \(error)")
        }
        throw SetupError(
            description: "\(path): another switch is running there; stop it or choose another path with -s"
        )
    }

    /// Removes the sockets of a predecessor that was killed: `ctl`, `attach`, and data sockets (`NNN.N`) that nobody has
    /// open, and what showed of a multiplexer's interfaces. Anything else in the directory is not ours.
    private static func sweep(_ path: String) {
        for name in (try? FileSystem.names(in: path)) ?? [] {
            let file = path + "/" + name
            if InterfaceFile.isOurs(file) || InterfaceFile.isDeadSocket(file, name: name) {
                try? FileSystem.remove(file)
                continue
            }
            guard name == "ctl" || name == "attach" || isDataSocketName(name),
                let status = try? FileStatus(path: file, followLinks: false), status.isSocket
            else { continue }
            try? FileSystem.remove(file)
        }
    }

    static func isDataSocketName(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].count >= 3 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isNumber) }
    }

    private static func listen(
        _ kind: UnixSocket.Kind,
        at path: String,
        _ bound: inout [String]
    ) throws(Errno) -> OwnedDescriptor {
        guard let address = UnixSocketAddress(path: path) else { throw .nameTooLong }
        let socket = try UnixSocket.make(kind)
        try UnixSocket.bind(socket, to: address)
        bound.append(path)
        try UnixSocket.listen(socket)
        return socket
    }

    /// Removes sockets and directory; anything foreign in the directory keeps it.
    public consuming func remove() {
        // Without a descriptor left the directory cannot be listed.
        for name in ["/ctl", "/attach"] { try? FileSystem.remove(path + name) }
        Self.sweep(path)
        try? FileSystem.removeDirectory(path)
    }
}
