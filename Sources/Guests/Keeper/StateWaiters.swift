// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Those who wait for a guest to come to a state. Each is told once, unless he gives up.
final class StateWaiters {
    private struct Waiter {
        let id: Int
        let state: GuestState
        let then: (GuestError?) -> Void
        let timer: ControlLoop.Token?
    }

    private let loop: ControlLoop
    private var waiters: [Waiter] = []
    private var lastID = 0

    init(loop: ControlLoop) { self.loop = loop }

    /// Another one. `late` says what he is told after so many milliseconds. What is returned takes him away, untold.
    func add(
        _ state: GuestState,
        milliseconds: UInt64?,
        late: @escaping () -> GuestError,
        then: @escaping (GuestError?) -> Void
    ) -> () -> Void {
        lastID += 1
        let id = lastID
        let timer = milliseconds.map { time in
            loop.after(milliseconds: time) { [weak self] in self?.take(id)?.then(late()) }
        }
        waiters.append(Waiter(id: id, state: state, then: then, timer: timer))
        return { [weak self] in _ = self?.take(id) }
    }

    private func take(_ id: Int) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        let waiter = waiters.remove(at: index)
        if let timer = waiter.timer { loop.cancel(timer) }
        return waiter
    }

    /// It has come to this state.
    func settle(_ state: GuestState) {
        for waiter in waiters where waiter.state == state { take(waiter.id)?.then(nil) }
    }

    /// It will not come to any other state than this.
    func refuse(all but: GuestState?, _ error: GuestError) {
        for waiter in waiters where waiter.state != but { take(waiter.id)?.then(error) }
    }
}
