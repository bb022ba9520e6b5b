// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem

/// What `keeper` is told on its command line.
struct KeeperSetup: Sendable {
    var lab: String
    var directory: String
    /// Nil: where the lab's name says.
    var runtime: String?
}

/// The keeper as a program.
enum KeeperProcess {
    /// Runs until the lab is taken down. `ready` is called when it listens.
    static func run(_ setup: KeeperSetup, ready: () -> Void) throws {
        let directory: String
        do {
            directory = try FileSystem.canonicalPath(setup.directory)
        } catch {
            throw GuestError("--directory \(setup.directory): \(error)", status: 2)
        }
        let runtime = setup.runtime ?? LabPlaces.runtimeDirectory(lab: setup.lab)
        guard runtime.hasPrefix("/") else {
            throw GuestError("--runtime \(runtime): an absolute path is wanted", status: 2)
        }
        let place = try KeeperPlace.take(RuntimeFiles(directory: runtime), lab: setup.lab, directory: directory)
        guard let program = try? FileSystem.canonicalPath("/proc/self/exe") else {
            throw GuestError("/proc is not mounted", status: 4)
        }
        let settings = Keeper.Settings(
            lab: setup.lab,
            directory: directory,
            runtimeDirectory: runtime,
            program: [program]
        )
        let keeper: Keeper
        do {
            keeper = try serve(settings, ready: ready)
        } catch {
            // Of a lab that did not come to be nothing is left, either.
            try? FileSystem.removeTree(runtime)
            throw (error as? Errno).map { GuestError("keeper: \($0)") } ?? error
        }
        try? FileSystem.removeTree(runtime)
        place.release()
        // Whoever waits for the end hears of it now, by the end of its connection: the next keeper finds the place free.
        withExtendedLifetime(keeper) {}
    }

    private static func serve(_ settings: Keeper.Settings, ready: () -> Void) throws -> Keeper {
        // Before there is anything to be told of by them. One who reads no more, of a console or of a command's output, is no
        // reason to die.
        let signals = try SignalFD([SIGTERM, SIGINT, SIGHUP, SIGPIPE])
        let loop = try ControlLoop()
        let keeper = try Keeper(settings, loop: loop)
        try loop.watch(signals.rawDescriptor) { _ in
            while let signal = SignalFD.next(from: signals.rawDescriptor) {
                // A terminal that closes is not the lab's end.
                if signal.number == SIGTERM || signal.number == SIGINT { keeper.endBySignal() }
            }
        }
        Daemon.detachStandardStreams()
        ready()
        try loop.run()
        return keeper
    }
}
