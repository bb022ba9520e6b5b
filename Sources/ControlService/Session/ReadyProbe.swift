// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem
import Model

/// Finds out whether a guest is up, again and again until it is or its time is over.
final class ReadyProbe {
    private let loop: ControlLoop
    private let guest: String
    private let check: ReadyCheck
    private let layout: LabLayout
    private let deadline: UInt64
    private let consoleStart: ConsoleMark?
    private var timer: ControlLoop.Token?
    private var command: KeeperConnection?
    private var then: ((Bool) -> Void)?

    /// - Parameter console: where the guest's console was when it began; nil: all that it has written counts.
    init(
        _ check: ReadyCheck,
        guest: String,
        layout: LabLayout,
        loop: ControlLoop,
        console: ConsoleMark?,
        then: @escaping (Bool) -> Void
    ) {
        self.check = check
        self.guest = guest
        self.layout = layout
        self.loop = loop
        self.then = then
        deadline = MonotonicClock.nanoseconds + check.timeout.nanoseconds
        consoleStart = console
        attempt()
    }

    func cancel() {
        then = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        command?.close()
        command = nil
    }

    private func finish(_ isReady: Bool) {
        let then = then
        cancel()
        then?(isReady)
    }

    private func attempt() {
        timer = nil
        switch check.test {
        case .command(let words): run(words)
        case .port(let port): run(Self.portTest(port))
        case .console(let text): consoleHas(text) ? finish(true) : again()
        }
    }

    private func again() {
        guard then != nil else { return }
        let now = MonotonicClock.nanoseconds
        guard now < deadline else { return finish(false) }
        let wait = min(check.interval.nanoseconds, deadline - now)
        timer = loop.after(milliseconds: max(1, wait / 1_000_000)) { [weak self] in self?.attempt() }
    }

    /// A listening socket, as the guest's own kernel lists it: proc(5), /proc/net/tcp, state 0A.
    static func portTest(_ port: UInt16) -> [String] {
        let digits = String(port, radix: 16, uppercase: true)
        let hexadecimal = String(repeating: "0", count: 4 - digits.count) + digits
        return ["grep", "-qE", ":\(hexadecimal) [0-9A-F]+:0000 0A", "/proc/net/tcp", "/proc/net/tcp6"]
    }

    private func run(_ words: [String]) {
        do {
            let null = SharedDescriptor(try OwnedDescriptor.open("/dev/null", flags: O_RDWR))
            let connection = try KeeperConnection.keeper(runtimeDirectory: layout.runtime, loop: loop)
            command = connection
            // One that neither succeeds nor fails is not waited for beyond the time.
            let now = MonotonicClock.nanoseconds
            let left = deadline > now ? (deadline - now) / 1_000_000 : 0
            timer = loop.after(milliseconds: max(1, left)) { [weak self] in
                self?.timer = nil
                self?.finish(false)
            }
            connection.onEvent = { [weak self] words in
                guard let end = KeeperClient.end(words) else { return }
                self?.commandEnded((try? end.get())?.exitCode == 0)
            }
            connection.onEnd = { [weak self] in self?.commandEnded(false) }
            connection.request(
                ["exec", guest] + GuestCommand(words).requestWords,
                descriptors: [null, null, null]
            ) { [weak self] answer in
                if case .failure = answer { self?.commandEnded(false) }
            }
        } catch {
            again()
        }
    }

    private func commandEnded(_ isFine: Bool) {
        guard command != nil else { return }
        command?.onEnd = {}
        command?.onEvent = { _ in }
        command?.close()
        command = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        isFine ? finish(true) : again()
    }

    private func consoleHas(_ text: String) -> Bool {
        ConsoleMark.text(layout, guest, since: consoleStart).contains(text)
    }
}

/// Where the log of a guest's console ends at some time: it goes on from start to start, and what an earlier life wrote says
/// nothing about this one.
struct ConsoleMark {
    private let inode: UInt64
    private let byteCount: Int

    private static func path(_ layout: LabLayout, _ guest: String) -> String {
        layout.runDirectory(guest) + "/console.log"
    }

    /// Largest log that is looked at; the keeper begins another one before.
    private static let limit = 16 << 20

    init(_ layout: LabLayout, _ guest: String) {
        let path = Self.path(layout, guest)
        inode = (try? FileStatus(path: path))?.inode ?? 0
        byteCount = (try? FileSystem.contents(path, limit: Self.limit))?.count ?? 0
    }

    static func text(_ layout: LabLayout, _ guest: String, since mark: ConsoleMark?) -> String {
        let path = path(layout, guest)
        guard let bytes = try? FileSystem.contents(path, limit: limit) else { return "" }
        var start = 0
        // Another file is this life's as a whole.
        if let mark, (try? FileStatus(path: path))?.inode == mark.inode { start = min(mark.byteCount, bytes.count) }
        return String(decoding: bytes[start...], as: UTF8.self)
    }
}
