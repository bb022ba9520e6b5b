// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Attach
import Glibc
import LinuxSystem

// Theory of Operation
//
// A guest that shares the host's kernel: namespaces below the lab's own, and a first process in them (guest_init.c). The
// holder clones it; it runs the script that `ProcessGuest+Script` has put together, and hands out what can only be made
// inside: taps, netlink sockets, its network namespace, the console's master. The keeper, who owns the lab's user namespace,
// then configures from outside, and has commands started by a message to the first process: no namespace is ever joined.

/// A guest of namespaces.
final class ProcessGuest: GuestDriver {
    unowned let host: any GuestHost
    let holder: NamespaceHolder
    let children: ChildTable
    private(set) var channel: InitChannel?
    private(set) var processID: Int32 = 0
    /// Its interfaces, once it is up.
    var network: ProcessNetwork?
    private var scripts: [PendingScript] = []
    var commands: [UInt32: ProcessCommand] = [:]
    private var nextSubject: UInt32 = 1
    /// The command that it has started for, until that has been executed.
    private var mainCommand: UInt32?
    private var console: ByteStream?
    private var consoleMaster: SharedDescriptor?
    private var isResetting = false
    private var isUp = false

    /// What a script has made, by what it is for.
    typealias Products = [(product: GuestScript.Product, descriptors: [SharedDescriptor])]

    private final class PendingScript {
        let script: GuestScript
        var made: Products = []
        let then: (Result<Products, GuestError>) -> Void
        init(_ script: GuestScript, then: @escaping (Result<Products, GuestError>) -> Void) {
            self.script = script
            self.then = then
        }
    }

    init(host: any GuestHost, holder: NamespaceHolder, children: ChildTable) {
        self.host = host
        self.holder = holder
        self.children = children
    }

    /// Bytes that may wait for a guest that does not read its console.
    private static let typedLimit = 1 << 16

    // MARK: Life

    func start() throws(GuestError) {
        isUp = false
        mainCommand = nil
        let script = Self.script(for: host.plan, root: host.mergedRoot?.inside)
        scripts = [PendingScript(script) { [weak self] in self?.hasBeenSetUp($0) }]
        do {
            let pair = try UnixSocket.pair(.sequencedPacket)
            let channel = try InitChannel(pair.first, loop: host.loop)
            channel.received = { [weak self] in self?.take($0) }
            // One that nobody can speak with any more is of no use; as a rule it has ended, which is about to be told.
            channel.ended = { [weak self] in self?.killProcess() }
            processID = try holder.startGuest(script, control: pair.second)
            self.channel = channel
            try children.watch(processID) { [weak self] in self?.hasEnded($0) }
        } catch let error as GuestError {
            throw GuestError("\(host.plan.name): \(error.message)", status: error.status)
        } catch {
            throw GuestError("\(host.plan.name): cannot start: \(error)")
        }
    }

    private func hasBeenSetUp(_ result: Result<Products, GuestError>) {
        let made: Products
        do {
            made = try result.get()
        } catch {
            // Its end follows.
            host.fail(error)
            return
        }
        let network = ProcessNetwork(guest: self)
        self.network = network
        for (product, descriptors) in made {
            switch product {
            case .console: openConsole(descriptors)
            case .netlink, .networkNamespace, .tap, .packetSocket: network.take(product, descriptors)
            }
        }
        guard console != nil else {
            host.fail(GuestError("\(host.plan.name): its console did not come: no descriptor left for it?"))
            return killProcess()
        }
        network.configure { [weak self] error in
            guard let self, channel != nil else { return }
            if let error {
                host.fail(error)
                return killProcess()
            }
            isUp = true
            // One with a command of its own has started when that runs: see `executed`.
            if host.plan.command.isEmpty { host.hasStarted(processID: processID) } else { startMainCommand() }
        }
    }

    private func openConsole(_ descriptors: [SharedDescriptor]) {
        guard let master = descriptors.first, let stream = try? ByteStream(master, loop: host.loop, reads: true) else {
            return
        }
        consoleMaster = master
        console = stream
        stream.received = { [weak self] in self?.host.consoleWrote($0) }
        host.consoleInput = { [weak stream] bytes in
            // A guest that reads nothing loses what is typed, as on a serial line.
            if let stream, stream.waitingByteCount <= Self.typedLimit { stream.write(bytes) }
        }
        host.consoleResized = { columns, rows in
            master.withDescriptor { OwnedProgram.resize($0, columns: columns, rows: rows) }
        }
    }

    private func startMainCommand() {
        var command = GuestCommand(host.plan.command)
        command.user = host.plan.user
        let subject = takeSubject()
        mainCommand = subject
        commands[subject] = ProcessCommand(subject, guest: self, streams: nil) { [weak self] result in
            if case .failure(let error) = result, let self {
                // The status that a shell would give it is nobody's here.
                host.fail(GuestError("\(host.plan.name): \(error.message)"))
                kill()
            }
        }
        send(command, subject: subject, options: [.console, .main], descriptors: [])
    }

    private func hasEnded(_ status: WaitStatus) {
        // What it said last.
        channel?.receiveRest()
        channel?.close()
        channel = nil
        network?.close()
        network = nil
        console?.close()
        console = nil
        let pending = scripts
        scripts = []
        for script in pending.dropFirst(isUp ? 0 : 1) {
            script.then(.failure(GuestError("\(host.plan.name) has ended")))
        }
        for command in commands.values { command.guestHasEnded() }
        commands = [:]
        if isResetting {
            isResetting = false
            for interface in host.plan.interfaces { host.unplug(interface: interface.name) }
            do throws(GuestError) {
                return try start()
            } catch {
                host.fail(error)
            }
        }
        host.hasEnded(status)
    }

    func stop() { channel?.send(GuestCommandMessage.quit) }

    func kill() {
        // Whoever resets it and ends it then wants its end.
        isResetting = false
        killProcess()
    }

    private func killProcess() {
        if processID > 0, channel != nil { OwnedProgram.send(SIGKILL, to: processID) }
    }

    func pause() throws(GuestError) { channel?.send(GuestCommandMessage.signal(SIGSTOP, subject: 0)) }
    func resume() throws(GuestError) { channel?.send(GuestCommandMessage.signal(SIGCONT, subject: 0)) }

    func reset() throws(GuestError) {
        isResetting = true
        killProcess()
    }

    func monitor(_ line: String, then: @escaping (Result<[String], GuestError>) -> Void) {
        then(.failure(GuestError("\(host.plan.name) is a process guest: it has no monitor", status: 2)))
    }

    /// What open(2) of the tap device says where there is none, or none for this user.
    private static func saysNoDevice(_ error: Errno) -> Bool {
        [ENOENT, ENOTDIR, EACCES, EPERM, ENXIO, ENODEV].contains(error.rawValue)
    }

    // MARK: Messages of the first process

    /// Has the first process of a guest that runs make system calls.
    func run(_ script: GuestScript, then: @escaping (Result<Products, GuestError>) -> Void) {
        guard let channel else { return then(.failure(GuestError("\(host.plan.name) does not run"))) }
        guard script.bytes.count < WordMessage.maximumByteCount else {
            return then(.failure(GuestError("\(host.plan.name): its plan is too long", status: 2)))
        }
        let pending = PendingScript(script, then: then)
        scripts.append(pending)
        channel.send([GuestCommandMessage.script] + script.bytes) { [weak self] error in
            guard let self else { return }
            scripts.removeAll { $0 === pending }
            then(.failure(GuestError("\(host.plan.name) takes nothing: \(error)")))
        }
    }

    /// For its first process; `failed` when that cannot be sent.
    func send(
        _ bytes: [UInt8],
        descriptors: [SharedDescriptor] = [],
        failed: @escaping (Errno) -> Void = { _ in }
    ) {
        channel?.send(bytes, descriptors: descriptors, failed: failed)
    }

    func takeSubject() -> UInt32 {
        defer { nextSubject = nextSubject == .max ? 1 : nextSubject + 1 }
        return nextSubject
    }

    private func take(_ message: InitChannel.Message) {
        switch message.kind {
        case .descriptors:
            // Once each.
            guard let script = scripts.first, let product = script.script.products[Int(message.subject)],
                script.made.count < script.script.products.count
            else { return }
            script.made.append((product, message.descriptors))
        case .done:
            guard !scripts.isEmpty else { return }
            let script = scripts.removeFirst()
            script.then(.success(script.made))
        case .failed:
            guard !scripts.isEmpty else { return }
            let script = scripts.removeFirst()
            let what = script.script.name(message.subject)
            let error = Errno(rawValue: message.value)
            if case .tap = script.script.products[Int(message.subject)], Self.saysNoDevice(error) {
                let reason = StackError.noTun(error)
                script.then(.failure(GuestError("\(host.plan.name): \(reason)", status: reason.exitStatus)))
            } else {
                script.then(.failure(GuestError("\(host.plan.name): cannot \(what): \(error)")))
            }
        case .terminal: commands[message.subject]?.opened(message.descriptors.first)
        case .executionFailed:
            let command = commands.removeValue(forKey: message.subject)
            command?.failed(message.step, Errno(rawValue: message.value))
        case .exited:
            commands.removeValue(forKey: message.subject)?.exited(WaitStatus(rawValue: message.value))
        case .executed:
            // What is said twice, or of another command, is a guest's own invention.
            if commands[message.subject] != nil, message.subject == mainCommand {
                mainCommand = nil
                host.hasStarted(processID: processID)
            }
        case .hello, .answer: break
        }
    }
}
