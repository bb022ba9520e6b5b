// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem

/// A daemon is started when there is none.
extension ControlClient {
    func open() throws(GuestError) -> HTTPConnection {
        do throws(Errno) {
            return try HTTPConnection(path: path)
        } catch {
            guard startsDaemon, error == .noEntry || error == .connectionRefused else { throw silence(error) }
        }
        try start()
        do throws(Errno) {
            return try HTTPConnection(path: path)
        } catch {
            throw silence(error)
        }
    }

    func silence(_ error: Errno) -> GuestError {
        GuestError("the daemon of your labs does not answer: \(error); its socket is \(path)")
    }

    private func start() throws(GuestError) {
        let status: WaitStatus
        var said: [UInt8] = []
        do throws(Errno) {
            let errors = try OwnedDescriptor.pipe()
            // It says that it is ready by going to the background. What it says when it cannot is told here, in one line.
            let words = ["/bin/sh", "-c", "exec \"$@\" 2>&3 3>&-", "sh", program, "daemon", "--on-demand", "--daemon"]
            let starter = try ChildProgram(words, third: errors.second.rawValue)
            status = try starter.wait()
            guard status.exitCode != 0 else { return }
            try errors.first.setNonblocking()
            said = (try? errors.first.read(atMost: 65536)) ?? []
        } catch {
            throw GuestError("the daemon of your labs cannot be started: \(error)")
        }
        throw Self.refusal(status, said)
    }

    /// The line of ours among those that a daemon has printed, or the first of whoever else spoke.
    static func refusal(_ status: WaitStatus, _ said: [UInt8]) -> GuestError {
        let lines = String(decoding: said, as: UTF8.self).split(separator: "\n").map(String.init)
        let mark = "etherloom: "
        let own = lines.first { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
        let end = status.signal.map { "signal \($0)" } ?? "exit status \(status.exitCode ?? 0)"
        let code = Int32(status.exitCode ?? 1)
        return GuestError(
            "the daemon of your labs cannot be started: \(own ?? lines.first ?? end)",
            status: own != nil && (1...4).contains(code) ? code : 1
        )
    }
}
