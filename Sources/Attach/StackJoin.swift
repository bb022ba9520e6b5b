// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

// Theory of Operation
//
// A second command in a stack that runs. The stack's supervisor hands out its namespaces and has no more to do with it;
// the joining program supervises its own command, which ends with it, with its terminal, or with the stack.
//
//     let signals = try SignalForwarding()
//     var command = try JoinedCommand.start(["bash"], inStack: "web")
//     exit(try command.supervise(signals).shellStatus)

/// A command in a stack that somebody else supervises.
public struct JoinedCommand: ~Copyable, Sendable {
    private var supervision: CommandSupervision
    /// How long a stack may take to answer, in nanoseconds: one that has been stopped (^Z) does not.
    private static let patience: UInt64 = 5_000_000_000

    /// Starts a command in the stack `name` of the same user.
    ///
    /// - Parameter environment: as `NAME=value`; nil takes the caller's. `ETHERLOOM_STACK` is set to the stack's name.
    public static func start(
        _ command: [String],
        inStack name: String,
        environment: [String]? = nil,
        capabilities: CapabilitySet = .network
    ) throws(StackError) -> JoinedCommand {
        try StackRegistry.checkName(name)
        let image = try commandImage(command, environment: environment, stack: name)
        let process = try makeProcess(try namespaces(name), image, capabilities)
        var supervision = CommandSupervision(process: process, command: command[0])
        try supervision.waitForStart()
        return JoinedCommand(supervision: supervision)
    }

    private static func makeProcess(
        _ namespaces: borrowing NamespaceProcess.Namespaces,
        _ image: CommandImage,
        _ capabilities: CapabilitySet
    ) throws(StackError) -> NamespaceProcess {
        let directory = try? FileSystem.canonicalPath(".")
        do {
            return try NamespaceProcess.join(
                namespaces,
                image: image,
                directory: directory,
                capabilities: capabilities
            )
        } catch {
            throw StackError(.failed, "cannot start a process: \(error)")
        }
    }

    private init(supervision: consuming CommandSupervision) { self.supervision = supervision }

    /// Asks the stack for its namespaces.
    private static func namespaces(_ name: String) throws(StackError) -> NamespaceProcess.Namespaces {
        let path = try StackRegistry.directory() + "/" + name
        do {
            let socket = try StackRegistry.connect(path)
            guard try Poll.isReadable(socket.rawValue, deadline: MonotonicClock.nanoseconds + patience) else {
                throw StackError(.failed, "stack \"\(name)\" does not answer", hint: "is its supervisor stopped (^Z)?")
            }
            var message = try UnixSocket.receive(from: socket, limit: 64)
            guard message.bytes == StackRegistry.greeting, let user = message.takeDescriptor(),
                let mount = message.takeDescriptor(), let uts = message.takeDescriptor(),
                let network = message.takeDescriptor(), let process = message.takeDescriptor()
            else {
                throw StackError(.failed, "stack \"\(name)\" gave no way in", hint: "it may just be ending")
            }
            return NamespaceProcess.Namespaces(
                user: user,
                mount: mount,
                uts: uts,
                network: network,
                process: process
            )
        } catch let error as StackError {
            throw error
        } catch let error as Errno {
            guard error == .noEntry || error == .connectionRefused else {
                throw StackError(.failed, "\(path): \(error)")
            }
            let names = StackRegistry.names()
            throw StackError(
                .noSuchStack,
                "no stack \"\(name)\" runs",
                hint: names.isEmpty ? "none does" : "these do: \(names.joined(separator: ", "))"
            )
        } catch {
            throw StackError(.failed, "\(path): \(error)")
        }
    }

    /// Readable when something has happened; -1 when the command has ended.
    public var rawDescriptor: Int32 { supervision.rawDescriptor }
    /// How the command ended, once it has.
    public var status: WaitStatus? { supervision.status }
    /// Takes note of what has happened, without waiting.
    public mutating func handleEvents() throws(StackError) { try supervision.handleEvents() }
    /// Sends a signal to the command.
    public func send(signal: Int32) { supervision.send(signal: signal) }

    /// Waits for the command's end, passing signals on.
    public mutating func supervise(_ signals: borrowing SignalForwarding) throws(StackError) -> WaitStatus {
        while true {
            if let status = supervision.status {
                Terminal.reclaim()
                return status
            }
            do {
                _ = try Poll.readable([supervision.rawDescriptor, signals.rawDescriptor], deadline: nil)
            } catch {
                throw StackError(.failed, "cannot wait for the command: \(error)")
            }
            supervision.forward(signals)
            try supervision.handleEvents()
        }
    }
}

/// The command as its process will read it, told in which stack it runs.
func commandImage(_ command: [String], environment: [String]?, stack: String) throws(StackError) -> CommandImage {
    let variable = "ETHERLOOM_STACK="
    let environment = (environment ?? CurrentProcess.environment).filter { !$0.hasPrefix(variable) }
    guard let image = CommandImage(arguments: command, environment: environment + [variable + stack]) else {
        throw StackError(.configuration, command.isEmpty ? "no command" : "a NUL in the command")
    }
    return image
}
