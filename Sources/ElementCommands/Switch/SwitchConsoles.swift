// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Glibc
import LinuxSystem
import Runtime

/// The consoles of a switch program: the socket, and standard input in the foreground. Runs the start-up commands.
final class SwitchConsoles {
    private let console: Console
    private var server: ConsoleServer?
    private var session: ConsoleSession?

    init(_ setup: SwitchSetup, _ element: Switch, filter: FilterElement? = nil) throws {
        var identity = ConsoleIdentity()
        identity.version = Version.current
        let console = Console(element, identity: identity)
        self.console = console
        if let filter { console.add(filter) }
        console.debugSessionLimit = setup.debugSessionLimit
        if let path = setup.consolePath {
            do {
                server = try ConsoleServer(
                    console,
                    path: path,
                    mode: setup.consoleMode ?? 0o600,
                    groupID: try setup.consoleGroup.map { try SwitchSetup.groupID($0) }
                )
            } catch let error as ConsoleServer.SetupError {
                throw Failure(error.description)
            }
        }
        do {
            try open(setup, element)
        } catch {
            // Not made, so nobody will close it.
            server?.close()
            throw error
        }
    }

    private func open(_ setup: SwitchSetup, _ element: Switch) throws {
        let files = setup.defaultCommandFiles.filter { FileSystem.isReadable($0) }
        do {
            try runStartUpCommands(setup.commandFile ?? files.first)
        } catch let failure as Failure where setup.isCommandFileOptional {
            Report.note(failure.message)
        }
        switch setup.standardInput {
        case .none: break
        case .whenTerminal: if isatty(0) == 1 { try openTerminal(element) }
        case .always: try openTerminal(element)
        }
    }

    private func openTerminal(_ element: Switch) throws {
        do {
            session = try ConsoleSession(standardStreamsOf: console) { element.onShutdown() }
        } catch {
            throw Failure("cannot open a console on standard input: \(error)")
        }
    }

    /// A file named by the user must be readable; a command of it that fails is told and passed over, as in vde_switch.
    private func runStartUpCommands(_ file: String?) throws {
        guard let file else { return }
        do {
            _ = try console.runFile(file) { Report.note($0.description) }
        } catch {
            throw Failure("\(file): cannot read the start-up commands: \(error)")
        }
    }

    /// SIGHUP came.
    func hangUp() { console.hangUp() }

    func close() {
        session = nil
        server?.close()
        server = nil
        console.end()
    }
}
