// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

// Theory of Operation
//
// Before the machine runs, in this order, each step told on the loop when it takes time: the kernel and the image are looked
// at, it is decided how the guest gets its root (`BootPlan`), its own disk is made (qemu-img), the fabric is asked for a
// socket for each interface, the file server is started, and then QEMU with
//
//     descriptor 3  QMP        (QMPClient)       life, interfaces, snapshots
//     descriptor 4  console    (ByteChannel)     the guest's serial line, to the keeper's console
//     descriptor 5  agent      (AgentSession)    commands, addresses, the clean end
//     descriptor 6… the initial RAM disk, the file server
//
// All of them are socket pairs or files in memory: nothing has a name, nothing is left behind. It has started when the
// agent answers, or at once where the guest boots in its own way. It has ended when its process has, whatever anybody says;
// what is told then (`end`) is told once.

/// A guest that is a virtual machine.
final class QEMUGuest: GuestDriver {
    unowned let host: any GuestHost
    let name: String
    var accelerator = QEMUCommandLine.Accelerator.kvm
    var monitor: QMPClient?
    var session: AgentSession?
    var console: ByteChannel?
    var machine: HeldProgram?
    var helpers: [HeldProgram] = []
    /// The last lines that QEMU wrote.
    var lastLines: [String] = []
    /// What must be open until QEMU has been started.
    var prepared: PreparedMachine?
    /// Where each interface is.
    var places: [String: Int] = [:]
    /// How each interface comes to the fabric.
    var attachments: [String: Attachment] = [:]
    /// The device that interfaces are.
    var networkModel = QEMUCommandLine.usualModel
    /// What the fabric says of each cable, and when one was last pulled.
    var carriers: [String: Bool] = [:]
    var carrierLosses: [String: UInt64] = [:]
    /// The snapshot that it goes on from.
    var snapshot: String?
    var jobs: [String: (GuestError?) -> Void] = [:]
    /// How many places for interfaces the machine has.
    var placeCount = 0
    /// Interfaces that the machine has, and those that it is being given: nothing of theirs may be made twice.
    var plugged: Set<String> = []
    /// With those who wait for it.
    var beingPlugged: [String: [(GuestError?) -> Void]] = [:]
    /// Places that something of an interface that is gone may still be at.
    var leftovers: Set<Int> = []
    /// Interfaces that the agent was told of, by its plan or since.
    var known: Set<String> = []
    var deletions: [String: (GuestError?) -> Void] = [:]
    /// Milliseconds that a guest may take to let go of a device.
    var removalLimit: UInt64 = 8_000
    var hasStarted = false
    var hasEnded = false
    /// Its own disk, where it has one.
    var diskPath: String?
    /// A clean end, or none at all, was asked for.
    var isWanted = true
    /// It was asked to begin anew, and is not up yet.
    var isResetting = false
    var isPaused = false
    /// An agent had answered before it was reset.
    var hasAgent = false
    /// How often its machine has begun anew.
    var lifeCount = 0
    /// QEMU is started a second time where it fails by the processor: what belongs to the first is not the second's.
    var launchCount = 0
    /// How the guest's own program ended, where that is known: the guest's status, not QEMU's.
    var programStatus: WaitStatus?

    /// What an interface has at the fabric's side.
    enum Attachment {
        /// A socket where the fabric waits for vhost-user.
        case vhost(path: String)
        /// The machine's end of a pair of datagram sockets, kept for as long as the interface is there.
        case datagrams(SharedDescriptor)
    }

    init(host: any GuestHost) {
        self.host = host
        name = host.plan.name
    }

    deinit {
        machine?.send(signal: SIGKILL)
        monitor?.close()
        console?.close()
    }

    // MARK: Start

    func start(from name: String) throws(GuestError) {
        snapshot = name
        try start()
    }

    func start() throws(GuestError) {
        networkModel = try BootPlan.networkModel(host.plan.arguments)
        let prepared = try PreparedMachine(plan: host.plan, mergedRoot: host.mergedRoot)
        self.prepared = prepared
        accelerator = prepared.architecture == .own ? usableAccelerator() : .tcg
        if let note = prepared.boot.note { host.log(note) }
        if snapshot != nil, prepared.disk == nil { throw noDisk }
        prepareDisk(prepared)
    }

    /// By the processor where that can really be had.
    private func usableAccelerator() -> QEMUCommandLine.Accelerator {
        guard let objection = Virtualisation.objection() else { return .kvm }
        host.log("no virtualisation by the processor (\(objection)): translated, which is slower")
        return .tcg
    }

    private func prepareDisk(_ prepared: PreparedMachine) {
        diskPath = prepared.disk
        guard let words = prepared.diskCommand else { return openInterfaces(prepared) }
        run(words) { [weak self] error in
            guard let self, !hasEnded else { return }
            if let error { return fail(error) }
            openInterfaces(prepared)
        }
    }

    /// Has the fabric wait for each interface; the machine starts when all have a socket.
    private func openInterfaces(_ prepared: PreparedMachine) {
        let interfaces = host.plan.interfaces
        for (place, interface) in interfaces.enumerated() { places[interface.name] = place }
        var missing = interfaces.count
        if missing == 0 { return launch(prepared) }
        for interface in interfaces {
            attach(interface) { [weak self] error in
                guard let self, !hasEnded else { return }
                if let error { return fail(error) }
                missing -= 1
                if missing == 0 { launch(prepared) }
            }
        }
    }

    /// Runs a program of the host to its end.
    func run(_ words: [String], then: @escaping (GuestError?) -> Void) {
        do throws(GuestError) {
            _ = try HostProgram.require(words[0], package: "qemu-utils")
            let program = try HeldProgram(words, host: host) { status, text in
                let reason = text.last.map { ": \($0)" } ?? ""
                then(status.shellStatus == 0 ? nil : GuestError("\(words[0]) failed\(reason)"))
            }
            helpers.append(program)
        } catch {
            then(error)
        }
    }

    // MARK: End

    /// It does not come up: one line, and its end.
    func fail(_ error: GuestError) {
        guard !hasEnded else { return }
        host.fail(error)
        guard let machine else { return end(WaitStatus(rawValue: Int32(max(error.status, 1)) << 8)) }
        isWanted = false
        machine.send(signal: SIGKILL)
    }

    /// Everything that was for this machine is given up, and its end is told.
    func end(_ status: WaitStatus) {
        guard !hasEnded else { return }
        hasEnded = true
        console?.drain()
        monitor?.close()
        session?.close()
        console?.close()
        helpers.forEach { $0.finish() }
        prepared = nil
        machine = nil
        for then in deletions.values { then(GuestError("\(name) has ended")) }
        deletions = [:]
        for then in jobs.values { then(GuestError("\(name) has ended")) }
        jobs = [:]
        host.hasEnded(status)
    }
}
