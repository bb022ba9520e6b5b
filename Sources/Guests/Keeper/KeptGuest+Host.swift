// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// What the driver of a guest calls: that it has come up, what it says, that it has ended.

extension KeptGuest: GuestHost {
    var loop: ControlLoop { keeper.loop }

    func hasStarted(processID: Int32) {
        self.processID = processID
        try? FileSystem.write("\(processID)\n", to: plan.runDirectory + "/pid")
        if let consoleSize { consoleResized(consoleSize.columns, consoleSize.rows) }
        if state == .starting { change(to: .running) }
    }

    func hasEnded(_ status: WaitStatus) {
        guard state != .stopped else { return }
        if let killTimer { keeper.loop.cancel(killTimer) }
        killTimer = nil
        killTime = nil
        self.status = status
        if state == .starting {
            error = error ?? GuestError(lastWords ?? "it ended while it was starting: \(Self.describe(status))")
        }
        processID = nil
        try? FileSystem.remove(plan.runDirectory + "/pid")
        driver = nil
        consoleInput = { _ in }
        consoleResized = { _, _ in }
        closePorts()
        // Interfaces that a new plan no longer has go with the life in which they were.
        for name in Array(interfaces.keys) where !plan.interfaces.contains(where: { $0.name == name }) {
            interfaces[name] = nil
        }
        change(to: .stopped)
    }

    static func describe(_ status: WaitStatus) -> String {
        status.signal.map { "signal \($0)" } ?? "exit status \(status.exitCode ?? 0)"
    }

    /// Why it will not run, to be said with its end.
    func fail(_ error: GuestError) {
        self.error = error
        log(error.message)
    }

    func log(_ line: String) {
        if state == .starting { lastWords = line }
        keeper.log("\(name): \(line)")
    }

    func consoleWrote(_ bytes: [UInt8]) { console.wrote(bytes) }
}
