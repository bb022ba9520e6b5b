// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Model
import Wire

/// Runs a guest as a User Mode Linux kernel: a process whose root is the merged tree by hostfs, whose interfaces are
/// vhost-user devices, and in which the agent is the first program.
///
/// A start: the fabric is asked for a socket per interface; the kernel is started with its console, the agent's line and an
/// initial RAM disk as descriptors; the guest runs when the agent has welcomed us. Its end is its process's end. What it
/// says until then is read for the reasons that people cannot guess (`UMLDiagnosis`).
public final class UMLDriver: GuestDriver {
    unowned let host: any GuestHost
    var machine: UMLMachine?
    /// Interfaces that are devices of the kernel: by name, `virtio-uml.0` or `vec0`.
    var devices: [String: String] = [:]
    private var nextVector = 0
    /// Sockets that the fabric waits on for as long as the guest lives, also through a reset.
    private var vhostPaths: [String: String] = [:]
    private var isStarting = false
    /// It is to be started again at its end, which nobody is told of.
    private var isResetting = false
    private(set) var isPaused = false

    /// The host outlives its driver.
    public init(host: any GuestHost) { self.host = host }

    // MARK: Life

    public func start() throws(GuestError) {
        guard machine == nil, !isStarting else { throw GuestError("it runs already") }
        let plan = host.plan
        guard let path = plan.kernel else {
            throw GuestError("no kernel; give it one (kernel:), or the lab a `linux`", status: 2)
        }
        let kernel = try UMLKernel.at(path)
        guard host.mergedRoot != nil else {
            throw GuestError("a UML guest needs a root (master:)", status: 2)
        }
        _ = try AgentProgram.path()
        isStarting = true
        openSockets(plan.interfaces[...], paths: [], kernel: kernel)
    }

    /// One after the other; their order is that of the devices.
    private func openSockets(_ rest: ArraySlice<InterfacePlan>, paths: [String], kernel: UMLKernel) {
        guard isStarting else { return }
        guard let interface = rest.first else { return begin(kernel, paths) }
        if let path = vhostPaths[interface.name] {
            return openSockets(rest.dropFirst(), paths: paths + [path], kernel: kernel)
        }
        // One that was added while it ran was of another kind: its port is made anew.
        if devices[interface.name] != nil { host.unplug(interface: interface.name) }
        host.openVhost(interface: interface.name) { [weak self] result in
            guard let self, isStarting else { return }
            switch result {
            case .success(let path):
                vhostPaths[interface.name] = path
                openSockets(rest.dropFirst(), paths: paths + [path], kernel: kernel)
            case .failure(let error): fail(error)
            }
        }
    }

    private func begin(_ kernel: UMLKernel, _ paths: [String]) {
        do {
            let machine = try UMLMachine(host: host, kernel: kernel, vhostPaths: paths)
            devices = [:]
            nextVector = 0
            for (number, interface) in host.plan.interfaces.enumerated() {
                devices[interface.name] = UMLCommandLine.device(number)
            }
            machine.isReady = { [weak self] in self?.isReady($0) }
            machine.hasEnded = { [weak self] in self?.hasEnded($0) }
            self.machine = machine
            isPaused = false
            host.consoleInput = { [weak machine] in machine?.type($0) }
            host.consoleResized = { [weak machine] in machine?.session?.resizeConsole(columns: $0, rows: $1) }
            try machine.start()
        } catch {
            machine = nil
            fail(error)
        }
    }

    private func fail(_ error: GuestError) {
        isStarting = false
        host.fail(error)
        // As a program that could not be run.
        host.hasEnded(WaitStatus(rawValue: 126 << 8))
    }

    private func isReady(_ machine: UMLMachine) {
        isStarting = false
        host.hasStarted(processID: machine.processID)
    }

    private func hasEnded(_ status: WaitStatus) {
        isStarting = false
        machine = nil
        isPaused = false
        guard isResetting else { return host.hasEnded(status) }
        isResetting = false
        do throws(GuestError) {
            try start()
        } catch {
            fail(error)
        }
    }

    public func stop() {
        guard let machine else {
            // Nothing runs yet: sockets are being opened.
            guard isStarting else { return }
            isStarting = false
            return host.hasEnded(WaitStatus(rawValue: 0))
        }
        if isPaused { try? resume() }
        machine.stop()
    }

    public func kill() {
        isResetting = false
        guard let machine else { return stop() }
        machine.kill()
    }

    public func pause() throws(GuestError) {
        guard let machine, !isPaused else { return }
        isPaused = true
        monitorLogged("stop", machine)
    }

    public func resume() throws(GuestError) {
        guard let machine, isPaused else { return }
        isPaused = false
        monitorLogged("go", machine)
    }

    private func monitorLogged(_ line: String, _ machine: UMLMachine) {
        machine.mconsole.send(line) { [weak self] result in
            guard case .failure(let error) = result, let self else { return }
            host.log("mconsole \(line): \(error.message)")
        }
    }

    /// A new kernel in a new process: what the old one was stuck in cannot matter.
    public func reset() throws(GuestError) {
        guard let machine else { return try start() }
        isResetting = true
        machine.session?.endLife(GuestError("\(host.plan.name) was reset"))
        machine.kill()
    }

    // MARK: Commands

    public func run(
        _ command: GuestCommand,
        streams: GuestStreams,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) -> (any RunningCommand)? {
        guard let session = machine?.session else {
            ended(.failure(AgentSession.silent))
            return nil
        }
        return session.run(command, streams: streams, ended: ended)
    }

    public func configureNetwork(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        request(["network"] + words, then: then)
    }

    func request(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        guard let session = machine?.session else { return then(.failure(AgentSession.silent)) }
        session.request(words, then: then)
    }

    public func monitor(_ line: String, then: @escaping (Result<[String], GuestError>) -> Void) {
        guard let machine else { return then(.failure(GuestError("the guest does not run"))) }
        machine.mconsole.send(line, then: then)
    }

    // MARK: Interfaces

    /// A vector device of the kernel's `bess` transport, the one kind that a running kernel takes: it has no carrier.
    public func add(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void) {
        guard machine != nil else { return then(GuestError("the guest does not run")) }
        let device = "vec\(nextVector)"
        nextVector += 1
        // Whoever is told of its port now is told that it shows no carrier.
        devices[interface.name] = device
        host.openMessages(interface: interface.name) { [weak self] result in
            guard let self, let machine = self.machine else { return then(GuestError("the guest has ended")) }
            switch result {
            case .failure(let error):
                devices[interface.name] = nil
                then(error)
            case .success(let path): self.plug(interface, device, path: path, machine: machine, then: then)
            }
        }
    }

    private func plug(
        _ interface: InterfacePlan,
        _ device: String,
        path: String,
        machine: UMLMachine,
        then: @escaping (GuestError?) -> Void
    ) {
        let line = "config \(device):transport=bess,dst=\(path),mac=\(interface.hardwareAddress)"
        machine.mconsole.send(line) { [weak self] result in
            if case .failure(let error) = result {
                self?.devices[interface.name] = nil
                self?.host.unplug(interface: interface.name)
                return then(error)
            }
            guard let self else { return }
            self.request(["interface", interface.name] + interface.agentWords(device: device)) { answer in
                guard case .failure(let error) = answer else { return then(nil) }
                then(error)
            }
        }
    }

    public func removeInterface(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard let device = devices[name], let machine else {
            return then(GuestError("there is no interface \(name)", status: 2))
        }
        request(["interface-remove", name]) { [weak self] answer in
            guard let self else { return }
            let finish = { (error: GuestError?) in
                self.devices[name] = nil
                self.vhostPaths[name] = nil
                self.host.unplug(interface: name)
                then(error)
            }
            if case .failure(let error) = answer { return then(error) }
            guard device.hasPrefix("vec") else { return finish(nil) }
            machine.mconsole.send("remove \(device)") { result in
                if case .failure(let error) = result { return finish(error) }
                finish(nil)
            }
        }
    }

    /// A kernel takes the device away whose vhost-user socket was closed, and opens none again: the interface comes back as
    /// one that is added while the guest runs, with the plan's addresses and routes.
    public func fabricHasRestarted(interfaces lost: [String]) {
        guard let machine, machine.isUp else { return }
        for interface in host.plan.interfaces where lost.contains(interface.name) {
            guard let device = devices[interface.name] else { continue }
            if device.hasPrefix("vec") {
                // Its kernel knows no other socket for it until it is taken down and up; removing it now would hang the kernel.
                host.log("\(interface.name): take it down and up in the guest: its fabric is another one")
            } else {
                devices[interface.name] = nil
                vhostPaths[interface.name] = nil
                host.unplug(interface: interface.name)
                addAgain(interface)
            }
        }
    }

    private func addAgain(_ interface: InterfacePlan) {
        add(interface) { [weak self] error in
            guard let self else { return }
            if let error {
                return host.log("\(interface.name): cannot be plugged into the new fabric: \(error.message)")
            }
            for route in host.plan.routes {
                let destination = route.destination?.description ?? "default"
                // Only those through this interface can be set; the others are there.
                configureNetwork(["route", "replace", destination, "via", route.via.description]) { _ in }
            }
        }
    }

    /// Interfaces that cannot be told whether their cable is plugged in.
    public var interfacesWithoutCarrier: [String] {
        devices.filter { $0.value.hasPrefix("vec") }.map(\.key).sorted()
    }
}
