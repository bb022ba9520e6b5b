// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The keeper's children: those that somebody waits for, and orphans of their descendants, whom nobody else would reap.
final class ChildTable {
    private final class Child {
        let handle: ProcessHandle
        let token: ControlLoop.Token
        init(_ handle: consuming ProcessHandle, _ token: ControlLoop.Token) {
            self.handle = handle
            self.token = token
        }
    }

    private let loop: ControlLoop
    private var watched: [Int32: Child] = [:]
    /// Children that their owners reap.
    private var owned: Set<Int32> = []
    private let signals: SignalFD
    private var signalToken: ControlLoop.Token?

    init(loop: ControlLoop) throws(Errno) {
        self.loop = loop
        signals = try SignalFD([SIGCHLD])
        signalToken = try loop.watch(signals.rawDescriptor) { [weak self] _ in self?.reapOrphans() }
    }

    deinit { if let signalToken { loop.cancel(signalToken) } }

    /// Reaps a child when it ends, and calls `ended`.
    func watch(_ processID: Int32, ended: @escaping (WaitStatus) -> Void) throws(Errno) {
        let handle = try ProcessHandle(processID)
        let token = try loop.watch(handle.rawDescriptor) { [weak self] _ in
            guard let self, let child = watched[processID], let status = OwnedProgram.reap(processID) else { return }
            loop.cancel(child.token)
            watched[processID] = nil
            ended(status)
        }
        watched[processID] = Child(handle, token)
    }

    /// A child whose owner reaps it.
    func own(_ processID: Int32) { owned.insert(processID) }

    /// An orphan is one that has ended and that nobody has waited for some time later: those of our own parts who run a helper
    /// learn of its end as this does, and wait for it themselves.
    private func reapOrphans() {
        while signals.next() != nil {}
        let ended = orphans().filter { Self.hasEnded($0) }
        guard !ended.isEmpty else { return }
        loop.after(milliseconds: 2000) { [weak self] in
            guard let self else { return }
            let still = orphans()
            for child in ended where still.contains(child) && Self.hasEnded(child) { _ = OwnedProgram.reap(child) }
        }
    }

    private func orphans() -> Set<Int32> {
        let children = OwnedProgram.children() ?? []
        // Numbers of those that are no more are given out again.
        owned.formIntersection(children)
        return Set(children.filter { watched[$0] == nil && !owned.contains($0) })
    }

    /// Whether a child waits to be waited for: state Z, proc(5).
    private static func hasEnded(_ processID: Int32) -> Bool {
        guard let bytes = try? FileSystem.contents("/proc/\(processID)/stat", limit: 4096),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return false }
        return bytes.dropFirst(end + 2).first == UInt8(ascii: "Z")
    }
}
