// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

// Theory of Operation
//
// One thread, one loop. The keeper does what it is told and remembers what it must know to do it again; what ought to be is
// the daemon's business, which comes and goes. Whoever the keeper starts is its child and gets SIGKILL with its end (see
// guest_holder.c), so that nothing is left of a lab whose keeper was killed but its runtime directory, which the next
// keeper sweeps.

/// A running lab: its namespaces, its fabric, its guests.
public final class Keeper {
    public struct Settings: Sendable {
        public var lab: String
        /// The lab's own directory.
        public var directory: String
        public var runtimeDirectory: String
        /// What runs a verb of ours: the program's path.
        public var program: [String]

        public init(lab: String, directory: String, runtimeDirectory: String, program: [String]) {
            self.lab = lab
            self.directory = directory
            self.runtimeDirectory = runtimeDirectory
            self.program = program
        }
    }

    let settings: Settings
    let files: RuntimeFiles
    public let loop: ControlLoop
    let holder: NamespaceHolder
    let children: ChildTable
    let fabric: FabricSupervisor
    let roots: RootStore
    var elements: [String: KeptElement] = [:]
    let bridges: BridgeStore
    /// Taps that join bridges with the fabric, by the bridge's name.
    var companions: [String: BridgeDevice] = [:]
    var guests: [String: KeptGuest] = [:]
    /// In the order of their first definition.
    var guestOrder: [String] = []
    private var sessions: [ObjectIdentifier: KeeperSession] = [:]
    private var logFile: LogFile
    private let runtimeLink: RuntimeLink
    private var listener: KeeperListener?
    private(set) var isEnding = false
    private var isFinishing = false
    private var endWaiters: [() -> Void] = []
    var isSnapshotRunning = false
    /// Guests whose files are being removed.
    private(set) var deleting: Set<String> = []

    /// Makes the lab's namespaces, starts its fabric, and listens. The loop is the caller's to run; the thread that calls
    /// must be the one that runs it, and must live as long.
    public init(_ settings: Settings, loop: ControlLoop) throws(GuestError) {
        self.settings = settings
        self.loop = loop
        files = RuntimeFiles(directory: settings.runtimeDirectory)
        holder = try NamespaceHolder()
        do {
            try OwnedProgram.becomeKeeper()
            children = try ChildTable(loop: loop)
        } catch {
            throw GuestError("cannot watch children: \(error)")
        }
        ResourceLimits.raiseDescriptorLimit()
        logFile = LogFile(path: files.log)
        runtimeLink = RuntimeLink(lab: settings.directory, to: settings.runtimeDirectory)
        for path in [files.segments, files.vhost] { try LabPlaces.makePrivate(path) }
        fabric = FabricSupervisor(loop: loop, files: files, program: settings.program, children: children)
        roots = try RootStore(files, directory: settings.directory, holder: holder, loop: loop)
        bridges = BridgeStore(holder: holder, lab: settings.lab, files: files)
        fabric.log = { [weak self] in self?.log($0) }
        fabric.onRestart = { [weak self] in
            guard let self else { return }
            for guest in guests.values {
                let lost = guest.interfaces.keys.filter { name in
                    !self.fabric.keepsConnection(port: GuestPlan.port(guest: guest.name, interface: name))
                }
                guest.driver?.fabricHasRestarted(interfaces: lost.sorted())
            }
            tell(.fabricRestarted)
        }
        fabric.onLost = { [weak self] port in
            guard let guest = self?.guests.values.first(where: { port.hasPrefix($0.name + ":") }) else { return }
            guest.driver?.fabricHasRestarted(interfaces: [String(port.dropFirst(guest.name.utf8.count + 1))])
        }
        fabric.onEvent = { [weak self] in self?.fabricTold($0) }
        do {
            try children.watch(holder.processID) { [weak self] _ in self?.holderHasEnded() }
        } catch {
            throw GuestError("cannot watch the lab's namespaces: \(error)")
        }
        try fabric.start()
        listener = try KeeperListener(path: files.keeper, loop: loop) { [weak self] in self?.accept($0) }
        do throws(GuestError) {
            try runtimeLink.make()
        } catch {
            // Nothing depends on it.
            log(error.message)
        }
    }

    private func accept(_ connection: WordConnection) {
        let session = KeeperSession(connection, keeper: self)
        sessions[ObjectIdentifier(session)] = session
        session.onEnd = { [weak self, weak session] in
            if let session { self?.sessions[ObjectIdentifier(session)] = nil }
        }
    }

    /// The namespaces are gone with their holder: what is left of the lab is of no use.
    private func holderHasEnded() {
        guard !isEnding else { return }
        log("the holder of the lab's namespaces was killed: the lab ends")
        end(grace: 0) {}
    }

    // MARK: Telling

    public func log(_ line: String) {
        let line = line.withoutControls
        logFile.write(line)
        tell(.log(line))
    }

    func tell(_ event: KeeperEvent) {
        for session in sessions.values { session.tell(event) }
    }

    // MARK: Guests

    func guest(_ name: String) throws(GuestError) -> KeptGuest {
        guard let guest = guests[name] else { throw GuestError("no guest \"\(name)\"", status: 2) }
        return guest
    }

    /// A guest and an interface of it, by `guest:interface`.
    func interface(_ port: String) throws(GuestError) -> (guest: KeptGuest, interface: String) {
        guard let colon = port.lastIndex(of: ":") else {
            throw GuestError("\"\(port)\" is no interface; write GUEST:INTERFACE", status: 2)
        }
        let guest = try guest(String(port[..<colon]))
        let name = String(port[port.index(after: colon)...])
        guard guest.interfaces[name] != nil else {
            throw GuestError("\(guest.name) has no interface \"\(name)\"", status: 2)
        }
        return (guest, name)
    }

    func define(_ plan: GuestPlan, then: @escaping (Outcome) -> Void) throws(GuestError) {
        if let guest = guests[plan.name] {
            guard guest.state == .stopped || guest.plan.kind == plan.kind else {
                throw GuestError("\(plan.name) is \(guest.state.rawValue): its kind can be changed when it is stopped")
            }
            if guest.state == .stopped { try checkIsFree(guest) }
            guest.redefine(plan)
        } else {
            if isEnding { throw GuestError("the lab is going down") }
            guests[plan.name] = KeptGuest(plan: plan, keeper: self)
            guestOrder.append(plan.name)
        }
        guard let guest = guests[plan.name], guest.state == .stopped else { return then(.success(KeeperAnswer())) }
        try LabPlaces.makeDirectories(plan.runDirectory)
        // So that its tree can be looked at and edited before it runs.
        guest.withRoot { error in then(error.map { .failure($0) } ?? .success(KeeperAnswer())) }
    }

    /// Whether nothing is being done to a guest's files that must not be done while it runs.
    func checkIsFree(_ guest: KeptGuest) throws(GuestError) {
        if isEnding { throw GuestError("the lab is going down") }
        if isSnapshotRunning { throw GuestError("\(guest.name): a snapshot is being saved or restored; try again") }
        if deleting.contains(guest.name) { throw GuestError("\(guest.name) is being deleted") }
    }

    func delete(_ name: String, files: Bool, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let guest = try guest(name)
        guard guest.state == .stopped else { throw GuestError("\(name) is \(guest.state.rawValue): stop it first") }
        try checkIsFree(guest)
        guard !guest.isPreparingRoot else { throw GuestError("\(name): its root is being mounted; try again") }
        deleting.insert(name)
        roots.remove(guest.plan, files: files) { [weak self] error in
            self?.deleting.remove(name)
            if let error { return then(.failure(error)) }
            self?.forget(guest, files: files)
            then(.success(KeeperAnswer()))
        }
    }

    private func forget(_ guest: KeptGuest, files: Bool) {
        guest.console.close()
        if files { try? FileSystem.removeTree(guest.plan.runDirectory) }
        guests[guest.name] = nil
        guestOrder.removeAll { $0 == guest.name }
        guest.waiters.refuse(all: nil, GuestError("\(guest.name) was deleted", status: 2))
        for interface in guest.interfaces.keys { fabric.remove(port: guest.port(interface)) }
    }

    var state: KeeperState {
        var state = KeeperState()
        state.guests = guestOrder.compactMap { guests[$0]?.statusForAll }
        state.segments = fabric.memory.segmentNames.filter { !Self.isJoint($0) }
        state.bridges = bridges.bridges.map(\.name)
        state.elements = elements.keys.sorted().map { name in
            var element = KeeperState.Element(name: name)
            element.processID = elements[name]?.processID
            return element
        }
        return state
    }

    // MARK: End

    /// Stops everything, and the loop when nothing is left. Whoever asks a second time hastens it, and is told too.
    func end(grace milliseconds: UInt64, then: @escaping () -> Void) {
        endWaiters.append(then)
        isEnding = true
        fabric.isWindingDown = true
        leaveCompanions()
        for element in elements.values { element.end { [weak self] in self?.endIfNothingRuns() } }
        for guest in guests.values where guest.state != .stopped {
            guest.wait(for: .stopped, milliseconds: nil) { [weak self] _ in self?.endIfNothingRuns() }
            do throws(GuestError) { try guest.stop(grace: milliseconds) } catch { log(error.message) }
        }
        endIfNothingRuns()
    }

    private func endIfNothingRuns() {
        guard !isFinishing, guests.values.allSatisfy({ $0.state == .stopped }),
            elements.values.allSatisfy({ $0.processID == nil })
        else { return }
        isFinishing = true
        fabric.end { [self] in
            let waiters = endWaiters
            endWaiters = []
            for waiter in waiters { waiter() }
            // The answers go out first.
            loop.after(milliseconds: 0) { [self] in finishEnd() }
        }
    }

    private func finishEnd() {
        listener?.close()
        listener = nil
        for guest in guests.values { guest.console.close() }
        // Who is on the host's bridges now is none of ours.
        for device in companions.values where device.bridge.place == .host { bridges.remove(device) }
        bridges.close()
        roots.end()
        runtimeLink.remove()
        loop.stop()
    }

    /// Ends as by `down`, for a signal; at once for another one.
    public func endBySignal() { end(grace: isEnding ? 0 : 2000) {} }
}
