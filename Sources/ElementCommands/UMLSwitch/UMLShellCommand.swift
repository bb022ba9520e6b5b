// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A shell command of a configuration (`tapupcmd`, `tapdncmd`) while it runs; nobody waits for it but who asked for it.
final class UMLShellCommand {
    private let name: String
    private let loop: ControlLoop
    private let child: ChildProgram
    private let onEnd: (Failure?) -> Void
    private var token: ControlLoop.Token?
    private var timer: ControlLoop.Token?

    /// Between asking it to end and making it end.
    private static var graceMilliseconds: UInt64 { 1000 }

    /// - Parameter onEnd: called once from the loop; why the command failed, nil when it did not.
    init(_ text: String, name: String, loop: ControlLoop, onEnd: @escaping (Failure?) -> Void) throws {
        self.name = "\(name) \(text)"
        self.loop = loop
        self.onEnd = onEnd
        do throws(Errno) {
            child = try ChildProgram(["sh", "-c", text])
            token = try loop.watch(child.rawDescriptor) { [weak self] _ in self?.ended() }
        } catch {
            throw Failure("\(name) \(text): cannot be run: \(error)")
        }
    }

    private func ended() {
        guard let status = child.poll() else { return }
        cancel()
        onEnd(Self.failure(name, status))
    }

    private func cancel() {
        for token in [token, timer] { token.map(loop.cancel) }
        (token, timer) = (nil, nil)
    }

    /// Asks it to end, and insists; `onEnd` follows.
    func interrupt() {
        guard timer == nil else { return }
        child.send(signal: SIGTERM)
        timer = loop.after(milliseconds: Self.graceMilliseconds) { [weak self] in self?.child.send(signal: SIGKILL) }
    }

    /// The program ends: has it end now, or waits for it. `onEnd` does not follow.
    func finish(waits: Bool) {
        cancel()
        if waits { _ = try? child.wait() } else { child.end() }
    }

    deinit { cancel() }

    /// Runs one while nothing else is to be done.
    static func run(_ text: String, name: String) throws {
        let status: WaitStatus
        do throws(Errno) {
            status = try ChildProgram(["sh", "-c", text]).wait()
        } catch {
            throw Failure("\(name) \(text): cannot be run: \(error)")
        }
        if let failure = failure("\(name) \(text)", status) { throw failure }
    }

    private static func failure(_ name: String, _ status: WaitStatus) -> Failure? {
        status.shellStatus == 0 ? nil : Failure("\(name): ended with status \(status.shellStatus)")
    }
}
