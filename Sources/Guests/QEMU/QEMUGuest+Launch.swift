// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

extension QEMUGuest {
    /// Milliseconds after which a guest whose agent says nothing counts as running: a slow root, an agent that died.
    private static let agentLimit: UInt64 = 90_000

    /// Starts QEMU, and what serves it; everything that takes time has been done.
    func launch(_ prepared: PreparedMachine) {
        do throws(GuestError) {
            try begin(prepared)
        } catch {
            fail(error)
        }
    }

    /// Descriptors of the new process, from 3 on.
    private struct Descriptors {
        private(set) var list: [SharedDescriptor] = []
        mutating func add(_ descriptor: SharedDescriptor) -> Int32 {
            list.append(descriptor)
            return Int32(2 + list.count)
        }
    }

    private func begin(_ prepared: PreparedMachine) throws(GuestError) {
        launchCount += 1
        let plan = host.plan
        var line = QEMUCommandLine(name: name)
        line.program = prepared.program
        line.architecture = prepared.architecture
        line.firmware = prepared.firmware
        line.accelerator = accelerator
        line.memory = prepared.memory
        line.processors = plan.processors
        line.kernel = prepared.kernel
        line.append = BootPlan.kernelWords(
            plan.arguments,
            isOwn: prepared.boot.root == .own,
            accelerator,
            prepared.architecture
        )
        line.extra = BootPlan.machineWords(plan.arguments)
        line.disk = prepared.disk.map { ($0, "qcow2") }
        // Firmware and kernel look at each of them, which costs a translated machine 30 ms.
        line.places = max(8, places.count + 4)
        placeCount = line.places
        line.snapshot = snapshot
        var descriptors = Descriptors()
        do throws(Errno) {
            let monitor = try UnixSocket.pair(.stream)
            let console = try UnixSocket.pair(.stream)
            let agent = try UnixSocket.pair(.stream)
            line.monitor = descriptors.add(SharedDescriptor(monitor.second))
            line.console = descriptors.add(SharedDescriptor(console.second))
            line.agent = descriptors.add(SharedDescriptor(agent.second))
            try talk(monitor: monitor.first, console: console.first, agent: agent.first)
        } catch {
            throw GuestError("cannot make the machine's channels: \(error)")
        }
        // What goes on has no interfaces: it was saved without.
        plugged = []
        beingPlugged = [:]
        leftovers = []
        if snapshot == nil { line.networks = networks(&descriptors) }
        if let disk = prepared.initialRAMDisk { line.initialRAMDisk = descriptors.add(disk) }
        if prepared.boot.root == .virtiofs, let root = prepared.root {
            line.share = .virtiofs(descriptor: descriptors.add(try startFileServer(root)))
        }
        if prepared.boot.root == .plan9, let root = prepared.root { line.share = .plan9(path: root) }
        lastLines = []
        let machine = try HeldProgram(
            line.words,
            descriptors: descriptors.list.map(\.rawValue),
            // Where files of the guest's users belong to users of the lab.
            insideNamespaces: prepared.boot.root == .plan9,
            host: host
        ) { [weak self] status, lines in self?.machineEnded(status, lines) }
        machine.wrote = { [weak self] line in
            if !MachineFailure.isNoise(line) { self?.host.log(line) }
        }
        self.machine = machine
        for interface in places.keys { showCarrier(interface) }
        if prepared.boot.root == .own {
            // Nothing tells when a guest that we did not arrange is up.
            monitor?.send("query-status") { [weak self] result in
                if case .success = result { self?.tellStarted() }
            }
        } else {
            expectAgent()
        }
    }

    /// The guest runs when its agent answers; or when that has not for so long.
    func expectAgent() {
        let life = lifeCount
        host.loop.after(milliseconds: Self.agentLimit) { [weak self, weak machine] in
            guard let self, machine != nil, life == lifeCount, !hasStarted || isResetting, !hasEnded else { return }
            host.log("its agent does not answer; commands and addresses cannot be given")
            tellStarted()
        }
    }

    /// The interfaces that the machine has from its start, in the order of their places.
    private func networks(_ descriptors: inout Descriptors) -> [QEMUCommandLine.Network] {
        var networks: [QEMUCommandLine.Network] = []
        for interface in host.plan.interfaces {
            guard let place = places[interface.name], let attachment = attachments[interface.name] else { continue }
            let way: QEMUCommandLine.Network.Way
            switch attachment {
            case .vhost(let path): way = .vhost(path: path)
            case .datagrams(let socket): way = .datagrams(descriptor: descriptors.add(socket))
            }
            let address = interface.hardwareAddress.description
            networks.append(.init(place: place, way: way, address: address, model: networkModel))
            plugged.insert(interface.name)
        }
        return networks.sorted { $0.place < $1.place }
    }

    /// Our ends of the machine's channels.
    private func talk(
        monitor: consuming OwnedDescriptor,
        console: consuming OwnedDescriptor,
        agent: consuming OwnedDescriptor
    ) throws(Errno) {
        let client = try QMPClient(monitor, loop: host.loop)
        client.event = { [weak self] name, data in self?.take(event: name, data) }
        client.ended = { [weak self] reason in
            if let self, let reason { host.log("QEMU's monitor: \(reason)") }
        }
        let channel = try ByteChannel(console, loop: host.loop) { [weak self] in self?.host.consoleWrote($0) }
        host.consoleInput = { [weak channel] in channel?.send($0) }
        host.consoleResized = { [weak self] in self?.session?.resizeConsole(columns: $0, rows: $1) }
        let session = try AgentSession(channel: agent, loop: host.loop)
        session.ready = { [weak self] in self?.agentIsReady($0) }
        session.programEnded = { [weak self] in self?.programStatus = $0 }
        self.monitor?.close()
        self.monitor = client
        self.console = channel
        self.session = session
    }

    /// Serves the merged root to the machine, as root of the lab's namespaces, and confined to it.
    private func startFileServer(_ root: String) throws(GuestError) -> SharedDescriptor {
        guard let program = HostProgram.virtiofsd else { throw GuestError("virtiofsd is gone", status: 4) }
        do {
            let listener = try UnixSocket.make(.stream)
            let directory = try OwnedDescriptor.open(host.plan.runDirectory, flags: O_RDONLY | O_DIRECTORY)
            // The run directory may lie too deep for a socket's name; and the socket needs one for a moment only.
            let path = "/proc/self/fd/\(directory.rawValue)/root"
            guard let address = UnixSocketAddress(path: path) else { throw Errno.nameTooLong }
            try? FileSystem.remove(path)
            try UnixSocket.bind(listener, to: address)
            defer { try? FileSystem.remove(path) }
            try UnixSocket.listen(listener)
            let launch = launchCount
            let socket = SharedDescriptor(try UnixSocket.connection(.stream, to: address))
            try listener.setBlocking()
            helpers.append(
                try HeldProgram(
                    [program, "--fd=3", "-o", "source=\(root)", "-o", "sandbox=chroot", "-o", "log_level=warn"],
                    descriptors: [listener.rawValue],
                    insideNamespaces: true,
                    host: host
                ) { [weak self] status, lines in
                    guard let self, let machine, !hasEnded, launchCount == launch else { return }
                    let reason = lines.last.map { ": \($0)" } ?? ""
                    let error = GuestError("the server of its root has ended (status \(status.shellStatus))\(reason)")
                    // It ends because the machine does, usually, and is only seen before that.
                    host.loop.after(milliseconds: 300) { [weak self, weak machine] in
                        guard let self, let machine, self.machine === machine else { return }
                        fail(error)
                    }
                }
            )
            return socket
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("cannot serve \(root): \(error)")
        }
    }

    // MARK: What comes of it

    private func machineEnded(_ status: WaitStatus, _ lines: [String]) {
        machine = nil
        lastLines = lines.filter { !MachineFailure.isNoise($0) }
        if accelerator == .kvm, isWanted, !hasStarted, let prepared,
            MachineFailure.isOfKVM(lines, status: status)
        {
            let reason = lastLines.last ?? "a machine ended by it"
            host.log("virtualisation by the processor fails here (\(reason)): translated, which is slower")
            Virtualisation.hasFailed(reason)
            accelerator = .tcg
            helpers.forEach { $0.finish() }
            helpers = []
            session?.close()
            console?.close()
            return launch(prepared)
        }
        if isWanted || status.signal != nil {
            let reason = MachineFailure.explain(
                lastLines,
                status: status,
                memory: prepared?.memory ?? 0,
                image: host.plan.image
            )
            if isWanted, let reason { host.fail(GuestError(reason)) }
        }
        end(programStatus ?? status)
    }

    private func agentIsReady(_ welcome: AgentWelcome) {
        for problem in welcome.problems { host.log("in the guest: \(problem)") }
        if !hasStarted || isResetting, welcome.isInit, let problem = welcome.fatalProblem {
            return fail(GuestError("ended: \(problem)"))
        }
        // A plan in the RAM disk is as old as the machine: what came or went since is told anew.
        if prepared?.boot.root != .own {
            if !hasStarted, snapshot == nil { known = Set(host.plan.interfaces.map(\.name)) }
            // One that goes on from a snapshot gets its interfaces now.
            for interface in host.plan.interfaces where hasStarted && !known.contains(interface.name) {
                configure(interface) { _ in }
            }
        } else {
            for interface in host.plan.interfaces { configure(interface) { _ in } }
        }
        tellStarted()
    }

    func tellStarted() {
        guard let machine, !hasStarted || isResetting else { return }
        let isFirst = !hasStarted
        hasStarted = true
        isResetting = false
        host.hasStarted(processID: machine.processID)
        if isFirst, snapshot != nil { plugInAll() }
    }

    func take(event name: String, _ data: JSONValue) {
        switch name {
        case "DEVICE_DELETED":
            if let device = data["device"]?.string { hasLetGo(of: device) }
        case "JOB_STATUS_CHANGE" where data["status"]?.string == "concluded":
            if let job = data["id"]?.string { conclude(job) }
        case "RESET": hasBegunAnew(byGuest: data["guest"]?.bool == true)
        case "GUEST_PANICKED": host.log("the guest's kernel has panicked")
        default: break
        }
    }
}
