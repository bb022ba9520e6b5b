// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A command in a process guest.
final class ProcessCommand: RunningCommand {
    private let subject: UInt32
    private weak var guest: ProcessGuest?
    private let streams: GuestStreams?
    private var ended: ((Result<WaitStatus, GuestError>) -> Void)?
    private var relay: TerminalRelay?
    private var size: TerminalSize?
    private let loop: ControlLoop?
    private let name: String

    /// How long output is waited for that a command left in its terminal, in milliseconds, when none comes.
    private static let patience: UInt64 = 300

    init(
        _ subject: UInt32,
        guest: ProcessGuest,
        streams: GuestStreams?,
        name: String = "",
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) {
        self.subject = subject
        self.guest = guest
        self.streams = streams
        self.ended = ended
        self.name = name.isEmpty ? guest.host.plan.command.first ?? "" : name
        loop = guest.host.loop
    }

    /// Its terminal is there; without one where this process had no descriptor left to take it.
    func opened(_ master: SharedDescriptor?) {
        guard let streams, let loop, relay == nil, ended != nil else { return }
        do throws(Errno) {
            guard let master else { throw Errno(rawValue: EMFILE) }
            relay = try TerminalRelay(master, streams, loop: loop)
        } catch {
            end()
            return tell(.failure(GuestError("cannot take up the terminal of \(name): \(error)", status: 126)))
        }
        if let size { relay?.resize(size) }
    }

    func failed(_ step: GuestMessage.Step?, _ error: Errno) {
        tell(.failure(Self.error(name, step, error)))
    }

    private func end() {
        send(signal: SIGHUP)
        send(signal: SIGKILL)
    }

    /// What a failure to start means, with the status that a shell gives it.
    static func error(_ name: String, _ step: GuestMessage.Step?, _ error: Errno) -> GuestError {
        switch step {
        case .execute where error == .noEntry: GuestError("\(name): command not found", status: 127)
        case .execute: GuestError("\(name): \(error)", status: 126)
        case .directory: GuestError("cannot go to that directory: \(error)", status: 126)
        case .user: GuestError("the guest has no such user or group", status: 126)
        case .identity:
            GuestError("cannot become that user: \(error); the host grants this lab one user only?", status: 126)
        case .terminal: GuestError("cannot open a terminal in the guest: \(error)", status: 126)
        case .fork, .image, nil: GuestError("cannot start \(name): \(error)", status: 126)
        }
    }

    func exited(_ status: WaitStatus) {
        guard let relay, !relay.isDrained else { return tell(.success(status)) }
        relay.onDrained = { [self] in tell(.success(status)) }
        relay.commandHasEnded(patience: Self.patience)
    }

    func guestHasEnded() { tell(.success(WaitStatus(rawValue: SIGKILL))) }

    private func tell(_ result: Result<WaitStatus, GuestError>) {
        guard let ended else { return }
        self.ended = nil
        relay?.close()
        relay = nil
        ended(result)
    }

    func send(signal: Int32) { guest?.send(GuestCommandMessage.signal(signal, subject: subject)) }

    func resize(columns: Int, rows: Int) {
        size = TerminalSize(columns: columns, rows: rows)
        relay?.resize(TerminalSize(columns: columns, rows: rows))
    }

    func cancel() {
        ended = nil
        relay?.close()
        relay = nil
        end()
    }
}

extension ProcessGuest {
    /// Beyond what the plan and the caller say.
    private static let environment = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=etherloom", "LANG=C.UTF-8",
    ]

    func run(
        _ command: GuestCommand,
        streams: GuestStreams,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) -> (any RunningCommand)? {
        let subject = takeSubject()
        let running = ProcessCommand(subject, guest: self, streams: streams, name: command.words[0], ended: ended)
        commands[subject] = running
        var descriptors: [SharedDescriptor] = []
        if !command.usesTerminal {
            do {
                descriptors = [
                    SharedDescriptor(try streams.input.duplicate()),
                    SharedDescriptor(try streams.output.duplicate()),
                    SharedDescriptor(try streams.error.duplicate()),
                ]
            } catch {
                commands[subject] = nil
                ended(.failure(GuestError("cannot start \(command.words[0]): \(error)")))
                return nil
            }
        }
        send(command, subject: subject, options: command.usesTerminal ? [.terminal] : [], descriptors: descriptors)
        return running
    }

    func send(
        _ command: GuestCommand,
        subject: UInt32,
        options: GuestCommandMessage.Options,
        descriptors: [SharedDescriptor]
    ) {
        var environment = Self.environment
        if !options.isDisjoint(with: [.terminal, .console]) { environment.append("TERM=linux") }
        environment = Self.merged(environment, host.plan.environment, command.environment)
        guard let image = CommandImage(arguments: command.words, environment: environment) else {
            commands.removeValue(forKey: subject)?.failed(.image, .invalid)
            return
        }
        var message = GuestCommandMessage(subject: subject, options: options, image: image)
        message.columns = UInt16(clamping: command.columns)
        message.rows = UInt16(clamping: command.rows)
        message.directory = command.directory
        message.user = command.user ?? host.plan.user
        guard let bytes = message.bytes, bytes.count < WordMessage.maximumByteCount else {
            commands.removeValue(forKey: subject)?.failed(.image, .messageTooLarge)
            return
        }
        send(bytes, descriptors: descriptors) { [weak self] error in
            self?.commands.removeValue(forKey: subject)?.failed(nil, error)
        }
    }

    /// Later variables take the place of earlier ones.
    static func merged(_ lists: [String]...) -> [String] {
        var order: [String] = []
        var values: [String: String] = [:]
        for variable in lists.flatMap({ $0 }) {
            let name = String(variable.prefix { $0 != "=" })
            if values.updateValue(variable, forKey: name) == nil { order.append(name) }
        }
        return order.compactMap { values[$0] }
    }
}
