// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Dataplane
import Glibc
import LinuxSystem
import Runtime

/// An impaired wire as a program: `etherloom wire` and `wirefilter`.
enum WireProcess {
    /// What the wire joins, and what is wrong with it.
    struct Setup {
        var ends = ProgramCable.Ends()
        var preset: ImpairmentPreset?
        var settings: [(key: ImpairmentKey, setting: WireSetting)] = []
        var isOrdered = true
        var seed: UInt64?
        var consolePath: String?
        var consoleMode: UInt32 = 0o700
        var commandFile: String?
        /// A command file that cannot be read, and lines of it that fail, are told and passed over, as by wirefilter.
        var isCommandFileOptional = false
        /// A console on standard input: its end is the wire's end.
        var hasTerminal = false
        /// Where each frame that leaves is told, and by what name.
        var blinkPath: String?
        var blinkName = ""
        var process = ElementProcess.Options()
    }

    static func run(_ setup: Setup) throws {
        try ElementProcess.perform(setup.process) { process in
            let loop = process.loop
            let cable = try ProgramCable(loop: loop, isWire: true)
            let wire = ImpairedWire(cable.cable, loop: loop, seed: setup.seed ?? CurrentProcess.random())
            defer {
                wire.stop()
                cable.close()
            }
            configure(wire, setup)
            let console = WireConsole(wire, loop: loop)
            console.version = Version.current
            console.onShutdown = { loop.stop() }
            if let file = setup.commandFile, try runStartUp(file, console, setup.isCommandFileOptional) {
                return process.end(status: 0)
            }
            try cable.plug(setup.ends)
            let blink = try setup.blinkPath.map { try WireBlink(wire, path: $0, name: setup.blinkName) }
            defer { blink?.close() }
            let consoles = try Consoles(setup, console, loop)
            defer { consoles.close() }
            try process.ready()
            if let ending = try cable.run(process) { throw Failure(ending) }
        }
    }

    private static func configure(_ wire: ImpairedWire, _ setup: Setup) {
        if let preset = setup.preset {
            for direction in ImpairedWire.Direction.allCases { wire.setSettings(0, direction, preset.settings) }
        }
        for (key, setting) in setup.settings { wire.set(key, setting.value, setting.directions, state: 0) }
        if !setup.isOrdered { wire.setOrdered(false) }
    }

    /// True: that is all, the file says `shutdown`.
    private static func runStartUp(_ file: String, _ console: WireConsole, _ isOptional: Bool) throws -> Bool {
        var complaint: String?
        let isOver: Bool
        do {
            isOver = try console.runFile(file) { line in
                if isOptional { Report.note("rc command error: \(line)") } else { complaint = line }
                return isOptional
            }
        } catch {
            let failure = Failure("\(file): cannot read the start-up commands: \(error)")
            guard isOptional else { throw failure }
            Report.note(failure.message)
            return false
        }
        if let complaint { throw Failure("rc command error: \(complaint)") }
        return isOver
    }

    /// The console's socket and the one on the terminal.
    private final class Consoles {
        private var server: WireConsoleServer?
        private var terminal: WireTerminal?
        private let console: WireConsole

        init(_ setup: Setup, _ console: WireConsole, _ loop: ControlLoop) throws {
            self.console = console
            if let path = setup.consolePath {
                do {
                    server = try WireConsoleServer(console, path: path, mode: setup.consoleMode)
                } catch {
                    throw Failure("\(error)")
                }
            }
            if setup.hasTerminal {
                do {
                    terminal = try WireTerminal(console) { loop.stop() }
                } catch {
                    throw Failure("cannot open a console on standard input: \(error)")
                }
            }
        }

        func close() {
            server?.close()
            console.close()
        }
    }
}
