// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// A command that runs in a stack, seen from its supervisor: what a stack that one made and a stack that one joined have
/// in common.
public struct CommandSupervision: ~Copyable, Sendable {
    private var process: NamespaceProcess?
    private var handle: ProcessHandle?
    private let command: String
    private var ended: WaitStatus?
    /// ^Z was typed, and the command is stopped: when both are, in whichever order they were learnt, we stop too.
    private var isStopWanted = false
    private var isCommandStopped = false

    init(process: consuming NamespaceProcess, command: String) {
        self.process = consume process
        self.command = command
    }

    /// How the command ended, once it has.
    public var status: WaitStatus? { ended }

    /// Waits until the command has been executed, or could not be.
    mutating func waitForStart() throws(StackError) {
        while handle == nil, status == nil {
            do {
                _ = try Poll.isReadable(rawDescriptor, deadline: nil)
            } catch {
                throw StackError(.failed, "cannot wait for the command: \(error)")
            }
            try handleEvents()
        }
    }

    /// Readable when something has happened; -1 when the command has ended.
    public var rawDescriptor: Int32 {
        switch process {
        case .some(let process): process.rawDescriptor
        case .none: -1
        }
    }

    /// Takes note of what has happened, without waiting. Throws when the command could not be executed.
    public mutating func handleEvents() throws(StackError) {
        while let kind = receive() {
            switch kind {
            case .exited(let status):
                end(reported: status)
            case .failed(let step, let error):
                end(reported: nil)
                throw StackError.failedStep(step, error, command: command)
            case .stopped:
                isCommandStopped = true
                stopIfDue()
            case .continued:
                isCommandStopped = false
            case .started, .hello, .sockets, .interface, .ready:
                break
            }
        }
    }

    /// The next message, nil when none waits or none will come any more.
    private mutating func receive() -> NamespaceProcess.Message.Kind? {
        if process == nil { return nil }
        do {
            if var message = try process!.receive() {
                if message.kind == .started, let pidfd = message.attachment.takeDescriptor() {
                    handle = ProcessHandle(adopting: pidfd)
                }
                return message.kind
            }
        } catch {
            if error == .wouldBlock { return nil }
        }
        end(reported: nil)
        return nil
    }

    /// Reaps the process in between. If it died without a report, killed by someone, so did the command.
    private mutating func end(reported: WaitStatus?) {
        guard let process = self.process.take() else { return }
        handle = nil
        let own = try? process.wait()
        ended = reported ?? own ?? WaitStatus(rawValue: SIGKILL)
    }

    /// Stops this process along with the command, so that the shell that started us takes its terminal back; returns when
    /// somebody has continued us, with the command.
    private mutating func stopIfDue() {
        guard isStopWanted && isCommandStopped else { return }
        isStopWanted = false
        isCommandStopped = false
        NamespaceProcess.stopSelf()
        switch process {
        case .some(let process): try? process.sendContinue()
        case .none: break
        }
    }

    /// Passes on the signals that somebody sent us with kill(2), and notes a ^Z.
    public mutating func forward(_ signals: borrowing SignalForwarding) {
        while let signal = signals.next() {
            if signal.number == SIGTSTP { isStopWanted = true }
            if signal.isFromUser { send(signal: signal.number) }
        }
        stopIfDue()
    }

    /// Sends a signal to the command alone; nothing happens when it has ended.
    public func send(signal: Int32) {
        switch handle {
        case .some(let handle): try? handle.send(signal: signal)
        case .none: break
        }
    }
}
