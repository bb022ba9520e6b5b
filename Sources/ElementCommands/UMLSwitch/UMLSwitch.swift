// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import Runtime

/// A switch as uml_switch2 and umls3 run it: set up from a configuration, with a data plane of its own.
final class UMLSwitch {
    let config: UMLSwitchConfig
    let element: Switch
    private var sockets: [UMLSocketServer] = []
    private var directory: DirectoryBox?
    private var servers: (VDEServer, AttachServer)?
    /// Taps whose up-command has run.
    private var raised: [UMLSwitchConfig.Tap] = []
    private var hasPidFile = false

    private final class DirectoryBox {
        var value: SwitchDirectory?
        init(_ value: consuming SwitchDirectory) { self.value = consume value }
        func remove() { if let directory = value.take() { directory.remove() } }
    }

    /// Makes everything that the configuration asks for, or, when one thing cannot be had, nothing.
    ///
    /// - Parameter mayWait: the program is only starting. Else hosts' names are looked up afterwards, and what they are for is
    ///   plugged in then.
    init(_ config: UMLSwitchConfig, loop: ControlLoop, mayWait: Bool, log: @escaping (String) -> Void) throws {
        self.config = config
        do throws(Errno) {
            var configuration = EngineConfiguration(portCount: Self.portCount + 1)
            configuration.isHub = config.isHub
            let dataPlane = try DataPlane(configuration: configuration)
            var options = SwitchOptions(directory: config.directory ?? "")
            options.portCount = Self.portCount
            options.isHub = config.isHub
            element = try Switch(options: options, loop: loop, dataPlane: dataPlane)
        } catch {
            throw Failure("cannot start a switch: \(error)")
        }
        element.log = log
        do {
            try open(mayWait: mayWait)
        } catch {
            close()
            throw error
        }
    }

    private static var portCount: Int { 256 }

    private func open(mayWait: Bool) throws {
        for path in config.sockets {
            do {
                sockets.append(try UMLSocketServer(element, path: path, userID: config.socketOwner))
            } catch {
                throw Failure(error.description)
            }
        }
        if config.directory != nil {
            do {
                let opened = try SwitchDirectory.open(element.options)
                do {
                    servers = (try VDEServer(element, directory: opened), try AttachServer(element, directory: opened))
                } catch {
                    opened.remove()
                    throw error
                }
                directory = DirectoryBox(opened)
            } catch let error as SwitchDirectory.SetupError {
                throw Failure(error.description)
            }
        }
        for tap in config.taps {
            try plug("tap://\(tap.name)", mayWait: mayWait)
            if let command = tap.upCommand {
                try Self.run(command, "tapupcmd")
                raised.append(tap)
            } else if tap.downCommand != nil {
                raised.append(tap)
            }
        }
        for url in config.networks { try plug(url, mayWait: mayWait) }
        if let url = config.plainTunnel { try plug(url, mayWait: mayWait) }
        if let file = config.pidFile {
            do throws(Errno) {
                let file = try OwnedDescriptor.open(file, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
                hasPidFile = true
                try file.writeAll("\(CurrentProcess.id)\n".utf8)
            } catch {
                throw Failure("\(file): cannot write the process number: \(error)")
            }
        }
    }

    private func plug(_ url: String, mayWait: Bool) throws {
        do {
            try element.attachments.attach(url, mayWait: mayWait)
        } catch let error as TransportError {
            throw Failure(error.description)
        } catch let error as AttachRefusal {
            throw Failure("\(url): \(error.message)")
        }
    }

    private static func run(_ command: String, _ name: String) throws {
        let status: WaitStatus
        do throws(Errno) {
            status = try ChildProgram(["sh", "-c", command]).wait()
        } catch {
            throw Failure("\(name) \(command): cannot be run: \(error)")
        }
        guard status.shellStatus == 0 else {
            throw Failure("\(name) \(command): ended with status \(status.shellStatus)")
        }
    }

    /// One line about it.
    var summary: String {
        var parts: [String] = []
        parts += config.taps.map { "tap \($0.name)" }
        parts += config.sockets.map { "socket \($0)" }
        if let directory = config.directory { parts.append("directory \(directory)") }
        if let port = config.port, let remote = config.remote { parts.append("port \(port) remote \(remote)") }
        parts += config.networks.map { "network \($0.split(separator: "/peer=")[0])" }
        parts.append("\(element.ports.count) ports in use")
        return parts.joined(separator: ", ")
    }

    /// Ends it; what was made is removed.
    func close() {
        for tap in raised.reversed() {
            guard let command = tap.downCommand else { continue }
            do { try Self.run(command, "tapdncmd") } catch let failure as Failure { element.log(failure.message) } catch
            {}
        }
        raised = []
        for socket in sockets { socket.close() }
        sockets = []
        servers?.0.stop()
        servers?.1.stop()
        element.stop()
        servers = nil
        directory?.remove()
        // One that another switch has written is not ours to remove.
        if hasPidFile, let file = config.pidFile { try? FileSystem.remove(file) }
    }
}
