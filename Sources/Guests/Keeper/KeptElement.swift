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
    /// Its descriptor 3 is a pipe to which it writes a line when it serves.
    private let saysReady: Bool
    private var sign: (pipe: SharedDescriptor, token: ControlLoop.Token)?
    /// Who wants to know whether its first start came about.
    private var starter: ((GuestError?) -> Void)?
    private var enders: [() -> Void] = []
    /// How long the lab's log was when it was started: behind that is what it said.
    private var logByteCount = 0

    /// Milliseconds for a first start, and for an end that was asked for.
    private static let startLimit: UInt64 = 10_000
    private static let endLimit: UInt64 = 3_000

    init(_ name: String, _ words: [String], saysReady: Bool, keeper: Keeper) {
        self.name = name
        self.words = words
        self.saysReady = saysReady
        self.keeper = keeper
    }

    /// Starts it. `then` is called when it serves, or has not come to that: it is not tried again then.
    func start(then: @escaping (GuestError?) -> Void) throws(GuestError) {
        try start()
        guard saysReady else { return then(nil) }
        starter = then
        timer = keeper.loop.after(milliseconds: Self.startLimit) { [weak self] in
            guard let self else { return }
            settle(GuestError("element \(name) does not say that it is ready", status: 3))
        }
    }

    private func start() throws(GuestError) {
        guard let image = CommandImage(arguments: words, environment: CurrentProcess.environment) else {
            throw GuestError("element-start \(name): no command", status: 2)
        }
        do {
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            let flags = O_WRONLY | O_CREAT | O_APPEND
            let log = try OwnedDescriptor.open(keeper.files.log, flags: flags, mode: 0o600)
            logByteCount = (try? FileSystem.byteCount(log)) ?? 0
            let pipe = try OwnedDescriptor.pipe()
            var descriptors = [null.rawValue, log.rawValue, log.rawValue]
            if saysReady {
                descriptors.append(pipe.second.rawValue)
                // First: one whose sign cannot be waited for is not started.
                try awaitSign(SharedDescriptor(pipe.first))
            }
            let process = try OwnedProgram.start(image, descriptors: descriptors)
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
            forgetSign()
            throw GuestError("cannot run \(words[0]): \(error)")
        }
    }

    private func awaitSign(_ pipe: SharedDescriptor) throws(Errno) {
        let token = try keeper.loop.watch(pipe.rawValue) { [weak self] _ in
            guard let self else { return }
            let part = pipe.withDescriptor { try? $0.read(atMost: 64) } ?? []
            forgetSign()
            // A program that ends without a word is told of as such.
            if !part.isEmpty { settle(nil) }
        }
        sign = (pipe, token)
    }

    private func forgetSign() {
        if let sign { keeper.loop.cancel(sign.token) }
        sign = nil
    }

    /// The first start has come about, or not.
    private func settle(_ error: GuestError?) {
        guard let starter else { return }
        self.starter = nil
        if let timer { keeper.loop.cancel(timer) }
        timer = nil
        if error != nil { end {} }
        starter(error)
    }

    private func hasEnded(_ status: WaitStatus) {
        processID = nil
        forgetSign()
        if starter != nil {
            isEnding = true
            settle(GuestError("element \(name): \(lastWords ?? "ended, \(KeptGuest.describe(status))")"))
        }
        guard !isEnding else {
            if let timer { keeper.loop.cancel(timer) }
            timer = nil
            let enders = self.enders
            self.enders = []
            for ender in enders { ender() }
            return
        }
        // One that ran for a while is started at once; one that falls over and over waits longer each time.
        let ran = MonotonicClock.nanoseconds - startedAt
        failures = ran > 10_000_000_000 ? 0 : failures + 1
        let pause = Self.pause(failures)
        keeper.log("element \(name): ended, \(KeptGuest.describe(status)); started again in \(pause) ms")
        timer = keeper.loop.after(milliseconds: pause) { [weak self] in self?.startAgain() }
    }

    /// The last line that it wrote, as our programs write errors.
    private var lastWords: String? {
        guard let bytes = try? FileSystem.contents(keeper.files.log), bytes.count > logByteCount else { return nil }
        let lines = String(decoding: bytes[logByteCount...], as: UTF8.self).split(separator: "\n")
        let mark = "etherloom: "
        return lines.last { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
    }

    /// Milliseconds before a start after so many failures in a row.
    static func pause(_ failures: Int) -> UInt64 {
        failures == 0 ? 0 : min(100 << UInt64(min(failures - 1, 9)), 30_000)
    }

    private func startAgain() {
        timer = nil
        guard !isEnding else { return }
        do throws(GuestError) {
            try start()
        } catch {
            keeper.log("element \(name): \(error.message)")
            failures += 1
            timer = keeper.loop.after(milliseconds: Self.pause(failures)) { [weak self] in self?.startAgain() }
        }
    }

    /// Asks it to end, then insists; `then` is called when it has, and has cleaned up.
    func end(then: @escaping () -> Void) {
        let isFirst = !isEnding
        isEnding = true
        guard let processID else {
            if let timer { keeper.loop.cancel(timer) }
            timer = nil
            return then()
        }
        enders.append(then)
        guard isFirst else { return }
        if let timer { keeper.loop.cancel(timer) }
        OwnedProgram.send(SIGTERM, to: processID)
        timer = keeper.loop.after(milliseconds: Self.endLimit) { [self] in
            if let process = self.processID { OwnedProgram.send(SIGKILL, to: process) }
        }
    }
}
