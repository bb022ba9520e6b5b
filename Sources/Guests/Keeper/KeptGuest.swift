// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Model
import Wire

// Theory of Operation
//
//     stopped ── start ──▶ starting ── hasStarted ──▶ running ── pause ──▶ paused
//        ▲                    │                          │  ▲── resume ──────┘ │
//        └── hasEnded ────────┴── hasEnded ──────────────┴── stop ──▶ stopping ┘
//
// Only `hasEnded` leads to "stopped", whoever wanted it: so a guest that has ended is always cleaned up in one place. What a
// guest is plugged into belongs to the record here, not to the driver: it outlives the guest's end.

/// A guest of the lab, running or not.
final class KeptGuest {
    /// An interface: what it is plugged into, and the port that it is while the guest runs.
    struct Interface {
        enum Port {
            case none
            case tap(SharedDescriptor)
            /// A socket of any kind, which needs nothing when it is closed.
            case socket
            /// A pair of the kernel's, no port of the fabric.
            case pair
        }
        var segment: String?
        /// Its carrier was taken away by hand.
        var isDown = false
        /// A pair that was taken off its bridge by hand.
        var isUnplugged = false
        var port = Port.none
        /// The fabric knows the port, or the kernel the pair.
        var isOpen = false
        /// Its side on a bridge.
        var device: BridgeDevice?

        var hasCarrier: Bool { isOpen && segment != nil && !isDown }
    }

    unowned let keeper: Keeper
    let name: String
    var plan: GuestPlan
    private(set) var state = GuestState.stopped
    private(set) var since = WallClock.nanoseconds / 1_000_000_000
    var processID: Int32?
    var status: WaitStatus?
    var error: GuestError?
    /// What its driver said last while it started: why it did not, if it did not.
    var lastWords: String?
    var interfaces: [String: Interface] = [:]
    var driver: (any GuestDriver)?
    private(set) var console: GuestConsole
    var consoleInput: ([UInt8]) -> Void = { _ in }
    var consoleResized: (Int, Int) -> Void = { _, _ in }
    var consoleSize: TerminalSize?
    /// The snapshot whose memory it begins with the next time.
    var memory: String?
    /// Where its merged root is inside of the lab's namespaces.
    var root: String?
    private var rootWaiters: [(GuestError?) -> Void] = []
    var isPreparingRoot: Bool { !rootWaiters.isEmpty }
    var killTimer: ControlLoop.Token?
    /// When it is killed, in monotonic nanoseconds, if it was asked to stop.
    var killTime: UInt64?
    let waiters: StateWaiters
    /// Which of its lives this is: what was begun for an earlier one is not told to this one.
    private(set) var life = 0

    init(plan: GuestPlan, keeper: Keeper) {
        self.keeper = keeper
        self.plan = plan
        name = plan.name
        waiters = StateWaiters(loop: keeper.loop)
        console = GuestConsole(loop: keeper.loop, log: ConsoleLog(path: plan.runDirectory + "/console.log"))
        for interface in plan.interfaces { interfaces[interface.name] = Interface(segment: interface.bridge) }
        console.input = { [weak self] in self?.consoleInput($0) }
    }

    func port(_ interface: String) -> String { GuestPlan.port(guest: name, interface: interface) }

    /// Another plan. What runs goes on as it was begun; interfaces keep what they are plugged into.
    func redefine(_ plan: GuestPlan) {
        let old = self.plan
        self.plan = plan
        for interface in plan.interfaces where interfaces[interface.name] == nil {
            interfaces[interface.name] = Interface(segment: interface.bridge)
        }
        guard state == .stopped else { return }
        for interface in plan.interfaces {
            let before = old.interfaces.first { $0.name == interface.name }?.bridge
            if interface.bridge != before { interfaces[interface.name]?.segment = interface.bridge }
        }
        for name in interfaces.keys where !plan.interfaces.contains(where: { $0.name == name }) {
            interfaces[name] = nil
        }
    }

    /// The terminal of who writes to the console is of this size; a life of the guest that begins later finds it so.
    func resizeConsole(_ size: TerminalSize) {
        consoleSize = size
        consoleResized(size.columns, size.rows)
    }

    // MARK: States

    func change(to state: GuestState) {
        guard self.state != state else { return }
        self.state = state
        since = WallClock.nanoseconds / 1_000_000_000
        keeper.tell(.guest(name: name, state: state, status: state == .stopped ? status : nil))
        waiters.settle(state)
        // Whoever waits for a guest to come up learns that it did not.
        if state == .stopped { waiters.refuse(all: .stopped, hasStopped) }
    }

    /// Calls `then` when the guest is in a state; with an error after so long, or when it will not come to be. What is returned gives
    /// up.
    @discardableResult
    func wait(
        for wanted: GuestState,
        milliseconds: UInt64?,
        then: @escaping (GuestError?) -> Void
    ) -> () -> Void {
        if state == wanted {
            then(nil)
            return {}
        }
        // One that was started, and stopped before anybody could ask, will not come up by itself.
        if state == .stopped, life > 0 {
            then(hasStopped)
            return {}
        }
        let late = { [weak self] in
            GuestError(
                "\(self?.name ?? "it") is \(self?.state.rawValue ?? "gone"), not \(wanted.rawValue), after "
                    + "\(milliseconds ?? 0) ms",
                status: 3
            )
        }
        return waiters.add(wanted, milliseconds: milliseconds, late: late, then: then)
    }

    private var hasStopped: GuestError {
        GuestError("\(name) has stopped" + (error.map { ": \($0.message)" } ?? ""), status: error?.status ?? 1)
    }

    private func refuse(_ what: String) -> GuestError { GuestError("\(name) is \(state.rawValue): cannot \(what) it") }

    func start() throws(GuestError) {
        guard state == .stopped else { throw refuse("start") }
        try keeper.checkIsFree(self)
        error = nil
        lastWords = nil
        status = nil
        life += 1
        let driver: any GuestDriver
        do throws(GuestError) {
            try LabPlaces.makeDirectories(plan.runDirectory)
            driver = try GuestDrivers.make(for: self)
        } catch {
            self.error = error
            throw error
        }
        self.driver = driver
        change(to: .starting)
        let life = self.life
        withRoot { [weak self] error in
            guard let self, self.life == life, self.driver != nil else { return }
            if let error { return failToStart(error) }
            do throws(GuestError) {
                if let name = memory {
                    memory = nil
                    try driver.start(from: name)
                } else {
                    try driver.start()
                }
            } catch {
                failToStart(error)
            }
        }
    }

    private func failToStart(_ error: GuestError) {
        fail(error)
        hasEnded(WaitStatus(rawValue: error.status << 8))
    }

    /// Sees to it that the root is mounted as the plan says, then calls.
    func withRoot(then: @escaping (GuestError?) -> Void) {
        rootWaiters.append(then)
        if rootWaiters.count == 1 { prepareRoot() }
    }

    private func prepareRoot() {
        let wanted = plan.root
        keeper.roots.prepare(plan) { [weak self] result in
            guard let self else { return }
            if wanted != plan.root { return prepareRoot() }
            let error = result.failure
            root = (try? result.get()).flatMap { $0 }
            let waiters = rootWaiters
            rootWaiters = []
            for waiter in waiters { waiter(error) }
        }
    }

    /// Clean first, then hard. Who asks again may hasten it.
    func stop(grace milliseconds: UInt64) throws(GuestError) {
        guard let driver, state != .stopped else { throw refuse("stop") }
        if state == .stopping { return hasten(milliseconds) }
        let isUp = state != .starting
        if state == .paused { try? driver.resume() }
        change(to: .stopping)
        guard isUp, milliseconds > 0 else { return end() }
        driver.stop()
        kill(after: milliseconds)
    }

    func kill() throws(GuestError) {
        guard driver != nil, state != .stopped else { throw refuse("kill") }
        change(to: .stopping)
        end()
    }

    private func end() {
        // One that waits for its root has not begun: what comes of that is not for this life.
        guard rootWaiters.isEmpty else { return hasEnded(WaitStatus(rawValue: 0)) }
        driver?.kill()
    }

    private func hasten(_ milliseconds: UInt64) {
        guard milliseconds > 0 else { return end() }
        guard let killTime, MonotonicClock.nanoseconds + milliseconds * 1_000_000 < killTime else { return }
        kill(after: milliseconds)
    }

    private func kill(after milliseconds: UInt64) {
        if let killTimer { keeper.loop.cancel(killTimer) }
        killTime = MonotonicClock.nanoseconds + milliseconds * 1_000_000
        let life = self.life
        killTimer = keeper.loop.after(milliseconds: milliseconds) { [weak self] in
            guard let self, self.life == life, state == .stopping else { return }
            keeper.log("\(name): has not stopped within \(milliseconds) ms: killed")
            driver?.kill()
        }
    }

    func pause() throws(GuestError) {
        guard let driver, state == .running else { throw refuse("pause") }
        try driver.pause()
        change(to: .paused)
    }

    func resume() throws(GuestError) {
        guard let driver, state == .paused else { throw refuse("resume") }
        try driver.resume()
        change(to: .running)
    }

    func reset() throws(GuestError) {
        guard let driver, state == .running || state == .paused else { throw refuse("reset") }
        let before = state
        change(to: .starting)
        do throws(GuestError) {
            try driver.reset()
        } catch {
            change(to: before)
            throw error
        }
    }

    /// The driver, for what only a running guest can do.
    func running(_ what: String) throws(GuestError) -> any GuestDriver {
        guard let driver, state == .running else { throw refuse(what) }
        return driver
    }
}

extension Result where Failure == GuestError {
    var failure: GuestError? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
