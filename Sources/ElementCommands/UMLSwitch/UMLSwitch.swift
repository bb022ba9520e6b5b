// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import Runtime

/// A switch as uml_switch2 and umls3 run it: set up from a configuration, with a data plane of its own.
///
/// # Theory of operation
///
/// What the configuration asks for is made step by step. While a shell command runs the switch waits for it and for nothing
/// else: other switches of the process, and who gives commands to it, go on. So it is at the end, for the commands before a tap
/// goes.
///
///     init ──▶ begin ──▶ steps … command … steps ──▶ ready ──▶ close ──▶ commands … ──▶ gone
///                          └────── a step fails, or it is closed ──────▲
final class UMLSwitch {
    let config: UMLSwitchConfig
    let element: Switch
    private let loop: ControlLoop
    private let mayWait: Bool
    private var sockets: [UMLSocketServer] = []
    private var directory: DirectoryBox?
    private var servers: (VDEServer, AttachServer)?
    private var steps: [Step]
    /// Taps whose up-command has run.
    private var raised: [UMLSwitchConfig.Tap] = []
    private var running: UMLShellCommand?
    private var hasPidFile = false
    private var state = State.starting
    private var onReady: (Failure?) -> Void = { _ in }
    private var onClosed: () -> Void = {}

    private enum State { case starting, ready, ending, gone }

    private enum Step {
        case plug(String)
        case raise(UMLSwitchConfig.Tap)
        case writePidFile(String)
    }

    private final class DirectoryBox {
        var value: SwitchDirectory?
        init(_ value: consuming SwitchDirectory) { self.value = consume value }
        func remove() { if let directory = value.take() { directory.remove() } }
    }

    /// Makes the switch and its sockets; `begin` makes the rest. When one thing cannot be had, nothing is made.
    ///
    /// - Parameter mayWait: the program is only starting. Else hosts' names are looked up afterwards, and what they are for is
    ///   plugged in then; and shell commands run beside everything else.
    init(_ config: UMLSwitchConfig, loop: ControlLoop, mayWait: Bool, log: @escaping (String) -> Void) throws {
        self.config = config
        self.loop = loop
        self.mayWait = mayWait
        steps = config.taps.flatMap { [.plug("tap://\($0.name)"), .raise($0)] }
        steps += (config.networks + (config.plainTunnel.map { [$0] } ?? [])).map { .plug($0) }
        if let file = config.pidFile { steps.append(.writePidFile(file)) }
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
            try listen()
        } catch {
            takeDown()
            throw error
        }
    }

    private static var portCount: Int { 256 }

    private func listen() throws {
        for path in config.sockets {
            do {
                sockets.append(try UMLSocketServer(element, path: path, userID: config.socketOwner))
            } catch {
                throw Failure(error.description)
            }
        }
        guard config.directory != nil else { return }
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

    // MARK: Beginning

    /// Makes the rest.
    ///
    /// - Parameter done: called once, perhaps before this returns: nil when everything is there, else why it is not, and then
    ///   nothing is there any more.
    func begin(_ done: @escaping (Failure?) -> Void) {
        onReady = done
        proceed()
    }

    private func proceed() {
        do {
            while !steps.isEmpty, running == nil { try take(steps.removeFirst()) }
        } catch {
            fail(error as? Failure ?? Failure("\(error)"))
            return
        }
        guard running == nil else { return }
        state = .ready
        tellReady(nil)
    }

    private func take(_ step: Step) throws {
        switch step {
        case .plug(let url): try plug(url)
        case .raise(let tap):
            guard let command = tap.upCommand else {
                raised.append(tap)
                return
            }
            if mayWait {
                try UMLShellCommand.run(command, name: "tapupcmd")
                raised.append(tap)
                return
            }
            running = try UMLShellCommand(command, name: "tapupcmd", loop: loop) { [weak self] failure in
                self?.upCommandEnded(tap, failure)
            }
        case .writePidFile(let path):
            do throws(Errno) {
                let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
                hasPidFile = true
                try file.writeAll("\(CurrentProcess.id)\n".utf8)
            } catch {
                throw Failure("\(path): cannot write the process number: \(error)")
            }
        }
    }

    private func upCommandEnded(_ tap: UMLSwitchConfig.Tap, _ failure: Failure?) {
        running = nil
        // Somebody has ended it meanwhile. What the command did although it was interrupted is not known.
        guard state == .starting else { return lower() }
        if let failure { return fail(failure) }
        raised.append(tap)
        proceed()
    }

    private func fail(_ failure: Failure) {
        state = .ending
        onClosed = { [weak self] in self?.tellReady(failure) }
        lower()
    }

    private func tellReady(_ failure: Failure?) {
        let tell = onReady
        onReady = { _ in }
        tell(failure)
    }

    private func plug(_ url: String) throws {
        do {
            try element.attachments.attach(url, mayWait: mayWait)
        } catch let error as TransportError {
            throw Failure(error.description)
        } catch let error as AttachRefusal {
            throw Failure("\(url): \(error.message)")
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
        if state == .starting { parts.append("starting") }
        if state == .ending { parts.append("ending") }
        return parts.joined(separator: ", ")
    }

    // MARK: End

    var isEnding: Bool { state == .ending }

    /// Ends it; what was made is removed.
    ///
    /// - Parameter done: called once when it is gone, perhaps before this returns.
    func close(_ done: @escaping () -> Void) {
        guard state == .starting || state == .ready else { return }
        onClosed = { [weak self] in
            self?.tellReady(Failure("was ended while it was starting"))
            done()
        }
        let isInterrupted = running != nil
        state = .ending
        if isInterrupted { running?.interrupt() } else { lower() }
    }

    /// Runs the commands before taps go, one after the other, and then takes everything down.
    private func lower() {
        while let tap = raised.popLast() {
            guard let command = tap.downCommand else { continue }
            do {
                if mayWait {
                    try UMLShellCommand.run(command, name: "tapdncmd")
                } else {
                    running = try UMLShellCommand(command, name: "tapdncmd", loop: loop) { [weak self] failure in
                        self?.running = nil
                        if let failure { self?.element.log(failure.message) }
                        self?.lower()
                    }
                    return
                }
            } catch {
                element.log((error as? Failure)?.message ?? "\(error)")
            }
        }
        takeDown()
        let tell = onClosed
        onClosed = {}
        tell()
    }

    /// Ends it at once, with the program: a command that makes a tap ready is not waited for, those before taps go are.
    func closeNow() {
        guard state != .gone else { return }
        if let running = running.take() { running.finish(waits: state == .ending) }
        for tap in raised.reversed() {
            guard let command = tap.downCommand else { continue }
            do {
                try UMLShellCommand.run(command, name: "tapdncmd")
            } catch {
                element.log((error as? Failure)?.message ?? "\(error)")
            }
        }
        raised = []
        takeDown()
    }

    private func takeDown() {
        state = .gone
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
