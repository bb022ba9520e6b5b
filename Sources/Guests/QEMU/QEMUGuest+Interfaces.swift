// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

extension QEMUGuest {
    func add(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void) {
        guard places[interface.name] == nil else { return then(nil) }
        guard let place = (0..<placeCount).first(where: { !places.values.contains($0) }) else {
            return then(GuestError("\(name) has no place for another interface: \(placeCount) are taken"))
        }
        places[interface.name] = place
        attach(interface) { [weak self] error in
            guard let self, !hasEnded else { return then(GuestError("the guest has ended")) }
            if let error {
                places[interface.name] = nil
                return then(error)
            }
            plugIn(interface, place, then)
        }
    }

    /// Makes the fabric's side of an interface: vhost-user for virtio, which a device of another kind does not speak; that
    /// gets frames as datagrams, so that a fabric that is killed leaves no half of one behind.
    func attach(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void) {
        let name = interface.name
        guard networkModel != QEMUCommandLine.usualModel else {
            return host.openVhost(interface: name) { [weak self] result in
                if case .success(let path) = result { self?.attachments[name] = .vhost(path: path) }
                then(result.failure)
            }
        }
        do throws(Errno) {
            let pair = try UnixSocket.pair(.datagram)
            attachments[name] = .datagrams(SharedDescriptor(pair.second))
            host.plugSocket(pair.first, interface: name) { [weak self] error in
                if error != nil { self?.attachments[name] = nil }
                then(error)
            }
        } catch {
            then(GuestError("\(name): \(error)"))
        }
    }

    /// Puts an interface into the running machine.
    func plugIn(_ interface: InterfacePlan, _ place: Int, _ then: @escaping (GuestError?) -> Void) {
        let name = interface.name
        if plugged.contains(name) { return then(nil) }
        // Somebody else is about it: it is there for both when it is.
        if beingPlugged[name] != nil { return beingPlugged[name, default: []].append(then) }
        if leftovers.contains(place) {
            return clear(name, place) { [weak self] error in
                if let error { return then(error) }
                self?.plugIn(interface, place, then)
            }
        }
        beingPlugged[name] = [then]
        let backend = QEMUCommandLine.backend(place)
        let way: QEMUCommandLine.Network.Way
        var commands: [Command] = []
        switch attachments[name] {
        case nil: return wasPlugged(name, GuestError("\(name) has no port"))
        case .vhost(let path):
            way = .vhost(path: path)
            let channel = QEMUCommandLine.channel(place)
            let socket: JSONValue = [
                "addr": ["type": "unix", "data": ["path": .string(path)]], "server": false, "reconnect": 1,
            ]
            commands = [
                Command("chardev-add", ["id": .string(channel), "backend": ["type": "socket", "data": socket]]),
                Command("netdev_add", ["type": "vhost-user", "id": .string(backend), "chardev": .string(channel)]),
            ]
        case .datagrams(let socket):
            way = .datagrams(descriptor: 0)
            commands = [
                Command("getfd", ["fdname": .string(backend)], descriptor: socket),
                Command(
                    "netdev_add",
                    ["type": "dgram", "id": .string(backend), "local": ["type": "fd", "str": .string(backend)]]
                ),
            ]
        }
        let network = QEMUCommandLine.Network(
            place: place,
            way: way,
            address: interface.hardwareAddress.description,
            model: networkModel
        )
        let properties = QEMUCommandLine.properties(network, accelerator)
        sequence(commands + [Command("device_add", Dictionary(properties) { $1 })]) { [weak self] error in
            guard let self else { return }
            if let error {
                clear(name, place) { [weak self] _ in
                    guard let self else { return then(error) }
                    places[name] = nil
                    attachments[name] = nil
                    host.unplug(interface: name)
                    wasPlugged(name, error)
                }
                return
            }
            plugged.insert(name)
            showCarrier(name)
            guard session?.welcome != nil else { return wasPlugged(name, nil) }
            // The machine has it; what the guest makes of it is said, and no reason to take it away again.
            configure(interface) { [weak self] error in self?.wasPlugged(name, error) }
        }
    }

    private func wasPlugged(_ name: String, _ error: GuestError?) {
        for then in beingPlugged.removeValue(forKey: name) ?? [] { then(error) }
    }

    /// Milliseconds for which a guest sees no carrier at least: it looks when it gets round to it.
    private static let shortestLoss: UInt64 = 100

    func carrierChanged(interface: String, isUp: Bool) {
        let now = MonotonicClock.nanoseconds
        if !isUp, carriers[interface] != false { carrierLosses[interface] = now }
        carriers[interface] = isUp
        let passed = (now - (carrierLosses[interface] ?? 0)) / 1_000_000
        guard isUp, passed < Self.shortestLoss else { return showCarrier(interface) }
        host.loop.after(milliseconds: Self.shortestLoss - passed) { [weak self] in self?.showCarrier(interface) }
    }

    /// Tells the machine what is known of a cable. It may not have the interface yet, and is told then.
    func showCarrier(_ interface: String) {
        guard let place = places[interface], let isUp = carriers[interface] else { return }
        monitor?.send("set_link", ["name": .string(QEMUCommandLine.device(place)), "up": .bool(isUp)])
    }

    /// One command for the monitor.
    struct Command {
        let name: String
        let arguments: [String: JSONValue]
        let descriptor: SharedDescriptor?

        init(_ name: String, _ arguments: [String: JSONValue], descriptor: SharedDescriptor? = nil) {
            self.name = name
            self.arguments = arguments
            self.descriptor = descriptor
        }
    }

    /// Commands one after the other, until one fails.
    func sequence(_ commands: [Command], then: @escaping (GuestError?) -> Void) {
        guard let command = commands.first else { return then(nil) }
        guard let monitor else { return then(GuestError("QEMU's monitor is gone")) }
        monitor.send(command.name, command.arguments, descriptor: command.descriptor) { [weak self] result in
            if case .failure(let error) = result { return then(GuestError("\(command.name): \(error)")) }
            self?.sequence(Array(commands.dropFirst()), then: then)
        }
    }

    /// Name, addresses and the rest of an interface, by the agent.
    ///
    /// - Parameter tries: how often it is asked for again where the guest has not found the device yet.
    func configure(_ interface: InterfacePlan, tries: Int = 5, then: @escaping (GuestError?) -> Void) {
        session?.request(["interface", interface.name] + interface.agentWords(device: nil)) { [weak self] result in
            switch result {
            case .success:
                self?.known.insert(interface.name)
                then(nil)
            case .failure(let error):
                guard let self else { return then(error) }
                if tries > 1, !hasEnded, error.message.contains("there is no interface") {
                    return configure(interface, tries: tries - 1, then: then)
                }
                host.log("\(interface.name): \(error)")
                then(error)
            }
        }
    }

    func removeInterface(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard let place = places[name] else { return then(nil) }
        takeOut(name, place) { [weak self] error in
            if error == nil {
                self?.places[name] = nil
                self?.attachments[name] = nil
                self?.host.unplug(interface: name)
            }
            then(error)
        }
    }

    /// Takes an interface out of the machine; its place and the fabric's port stay.
    func takeOut(_ name: String, _ place: Int, then: @escaping (GuestError?) -> Void) {
        let device = QEMUCommandLine.device(place)
        guard deletions[device] == nil else { return then(GuestError("\(name) is being taken out already")) }
        let timer = host.loop.after(milliseconds: removalLimit) { [weak self] in
            self?.deletions.removeValue(forKey: device)?(
                GuestError("\(name): the guest does not let go of it; is its kernel up?", status: 3)
            )
        }
        deletions[device] = { [weak self] error in
            guard let self else { return }
            host.loop.cancel(timer)
            if let error { return then(error) }
            clear(name, place, then: then)
        }
        monitor?.send("device_del", ["id": .string(device)]) { [weak self] result in
            if case .failure(let error) = result {
                self?.deletions.removeValue(forKey: device)?(GuestError("\(name): \(error)"))
            }
        }
    }

    /// A device is gone from the machine: because it was to, or later than was waited for. Then it is put in again, because the
    /// guest is to have it.
    func hasLetGo(of device: String) {
        if let then = deletions.removeValue(forKey: device) { return then(nil) }
        guard let (name, place) = places.first(where: { QEMUCommandLine.device($0.value) == device }),
            plugged.contains(name)
        else { return }
        host.log("\(name): the guest has let go of it only now; it is put in again")
        clear(name, place) { [weak self] _ in self?.plugInAll() }
    }

    /// Takes away what is behind a device that is gone. Parts that are not there are none to be removed.
    private func clear(_ name: String, _ place: Int, then: @escaping (GuestError?) -> Void) {
        plugged.remove(name)
        known.remove(name)
        leftovers.insert(place)
        let commands = [
            Command("netdev_del", ["id": .string(QEMUCommandLine.backend(place))]),
            Command("chardev-remove", ["id": .string(QEMUCommandLine.channel(place))]),
        ]
        remove(commands) { [weak self] error in
            if error == nil { self?.leftovers.remove(place) }
            then(error.map { GuestError("\(name): \($0.message)", status: $0.status) })
        }
    }

    private func remove(_ commands: [Command], then: @escaping (GuestError?) -> Void) {
        guard let command = commands.first else { return then(nil) }
        guard let monitor else { return then(GuestError("QEMU's monitor is gone")) }
        monitor.send(command.name, command.arguments) { [weak self] result in
            if case .failure(let error) = result, !error.text.contains("not found") {
                return then(GuestError("\(command.name): \(error)"))
            }
            guard let self else { return then(nil) }
            remove(Array(commands.dropFirst()), then: then)
        }
    }
}
