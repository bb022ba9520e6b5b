// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A helper program of the lab, started again when it ends.
final class KeptElement {
    let name: String
    private let words: [String]
    private unowned let keeper: Keeper
    private(set) var processID: Int32?
    private var failures = 0
    private var startedAt: UInt64 = 0
    private var isEnding = false
    private var timer: ControlLoop.Token?

    init(_ name: String, _ words: [String], keeper: Keeper) {
        self.name = name
        self.words = words
        self.keeper = keeper
    }

    func start() throws(GuestError) {
        guard let image = CommandImage(arguments: words, environment: CurrentProcess.environment) else {
            throw GuestError("element-start \(name): no command", status: 2)
        }
        do {
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            let flags = O_WRONLY | O_CREAT | O_APPEND
            let log = try OwnedDescriptor.open(keeper.files.log, flags: flags, mode: 0o600)
            let process = try OwnedProgram.start(image, descriptors: [null.rawValue, log.rawValue, log.rawValue])
            do {
                try keeper.children.watch(process) { [weak self] in self?.hasEnded($0) }
            } catch {
                // Nobody would hear of its end.
                OwnedProgram.send(SIGKILL, to: process)
                throw error
            }
            processID = process
            startedAt = MonotonicClock.nanoseconds
        } catch {
            throw GuestError("cannot run \(words[0]): \(error)")
        }
    }

    private func hasEnded(_ status: WaitStatus) {
        processID = nil
        guard !isEnding else { return }
        // One that ran for a while is started at once; one that falls over and over waits longer each time.
        let ran = MonotonicClock.nanoseconds - startedAt
        failures = ran > 10_000_000_000 ? 0 : failures + 1
        let pause = Self.pause(failures)
        keeper.log("element \(name): ended, \(KeptGuest.describe(status)); started again in \(pause) ms")
        timer = keeper.loop.after(milliseconds: pause) { [weak self] in self?.startAgain() }
    }

    /// Milliseconds before a start after so many failures in a row.
    static func pause(_ failures: Int) -> UInt64 {
        failures == 0 ? 0 : min(100 << UInt64(min(failures - 1, 9)), 30_000)
    }

    private func startAgain() {
        guard !isEnding else { return }
        do throws(GuestError) {
            try start()
        } catch {
            keeper.log("element \(name): \(error.message)")
            failures += 1
            timer = keeper.loop.after(milliseconds: Self.pause(failures)) { [weak self] in self?.startAgain() }
        }
    }

    func end() {
        isEnding = true
        if let timer { keeper.loop.cancel(timer) }
        if let processID { OwnedProgram.send(SIGTERM, to: processID) }
    }
}
