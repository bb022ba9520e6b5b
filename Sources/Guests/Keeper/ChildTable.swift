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

    private func reapOrphans() {
        while signals.next() != nil {}
        guard let children = OwnedProgram.children() else { return }
        // Numbers of those that are no more are given out again.
        owned.formIntersection(children)
        for child in children where watched[child] == nil && !owned.contains(child) {
            // What runs a helper of its own waits for it before the loop turns, so that this one is nobody's.
            _ = OwnedProgram.reap(child)
        }
    }
}
