// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem
import Runtime

/// Everything that `fabric` can be told on its command line.
struct FabricSetup: Sendable {
    var socket: String?
    /// A connected control socket.
    var ownerDescriptor: Int32?
    var directory: String?
    var stays = false
    var process = ElementProcess.Options()
}

/// A fabric as a program.
enum FabricProcess {
    static func run(_ setup: FabricSetup) throws {
        var directory = setup.directory
        if let path = directory {
            do {
                directory = try FileSystem.canonicalPath(path)
            } catch {
                throw Failure("--directory \(path): \(error)", status: ExitStatus.usage)
            }
        }
        try ElementProcess.perform(setup.process) { try run(setup, directory, &$0) }
    }

    private static func run(_ setup: FabricSetup, _ directory: String?, _ process: inout ElementProcess) throws {
        let loop = process.loop
        let landlock: Int
        do {
            landlock = try Privileges.isolate()
            try Privileges.confine()
        } catch {
            throw Failure("cannot give up privileges: \(error)")
        }
        let fabric: Fabric
        do {
            fabric = try Fabric(loop: loop, directory: directory) { Report.note($0) }
        } catch {
            throw Failure("cannot start the fabric: \(error)")
        }
        defer { fabric.close() }
        fabric.makeService = { try SegmentConsole($0) }
        fabric.facts = ["landlock=\(landlock)"]

        let server = FabricServer(fabric)
        defer { server.close() }
        if !setup.stays { server.onOwnerGone = { loop.stop() } }
        if let descriptor = setup.ownerDescriptor {
            do {
                let connection = OwnedDescriptor(adopting: descriptor)
                try connection.setNonblocking()
                try server.adopt(connection)
            } catch {
                throw Failure("--owner-fd \(descriptor): \(error)", status: ExitStatus.usage)
            }
        }
        if let path = setup.socket {
            do {
                try server.listen(at: path)
            } catch {
                throw Failure(error.description)
            }
        }
        try process.ready()
        try process.run()
    }
}

/// The console of a segment that can be joined, at `mgmt` in its directory.
private final class SegmentConsole {
    private let console: Console
    private let server: ConsoleServer

    init(_ segment: FabricSegment) throws {
        var identity = ConsoleIdentity()
        identity.version = Version.current
        console = Console(segment.element, identity: identity)
        server = try ConsoleServer(console, path: "\(segment.element.options.directory)/mgmt")
    }

    deinit {
        server.close()
        console.end()
    }
}
