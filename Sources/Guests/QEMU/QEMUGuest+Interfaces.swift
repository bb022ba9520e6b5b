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
        host.openVhost(interface: interface.name) { [weak self] result in
            guard let self, !hasEnded else { return then(GuestError("the guest has ended")) }
            switch result {
            case .failure(let error):
                places[interface.name] = nil
                then(error)
            case .success(let path):
                paths[interface.name] = path
                plugIn(interface, place, path, then)
            }
        }
    }

    func plugIn(
        _ interface: InterfacePlan,
        _ place: Int,
        _ path: String,
        _ then: @escaping (GuestError?) -> Void
    ) {
        let network = QEMUCommandLine.Network(
            place: place,
            path: path,
            address: interface.hardwareAddress.description
        )
        let properties = QEMUCommandLine.properties(network, accelerator).filter { $0.0 != "romfile" }
        let socket: JSONValue = [
            "addr": ["type": "unix", "data": ["path": .string(path)]], "server": false, "reconnect": 1,
        ]
        sequence([
            (
                "chardev-add",
                [
                    "id": .string(QEMUCommandLine.channel(place)), "backend": ["type": "socket", "data": socket],
                ]
            ),
            (
                "netdev_add",
                [
                    "type": "vhost-user", "id": .string(QEMUCommandLine.backend(place)),
                    "chardev": .string(QEMUCommandLine.channel(place)),
                ]
            ),
            ("device_add", Dictionary(properties) { $1 }),
        ]) { [weak self] error in
            guard let self else { return }
            if let error {
                clear(interface.name, place) { [weak self] _ in
                    self?.places[interface.name] = nil
                    self?.paths[interface.name] = nil
                    self?.host.unplug(interface: interface.name)
                    then(error)
                }
                return
            }
            showCarrier(interface.name)
            if session?.welcome != nil {
                // The machine has it; what the guest makes of it is said, and no reason to take it away again.
                configure(interface) { then($0) }
            } else {
                then(nil)
            }
        }
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

    /// Commands one after the other, until one fails.
    func sequence(
        _ commands: [(String, [String: JSONValue])],
        then: @escaping (GuestError?) -> Void
    ) {
        guard let (command, arguments) = commands.first else { return then(nil) }
        guard let monitor else { return then(GuestError("QEMU's monitor is gone")) }
        monitor.send(command, arguments) { [weak self] result in
            if case .failure(let error) = result { return then(GuestError("\(command): \(error)")) }
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

    /// Milliseconds that a guest may take to let go of a device.
    private static let removalLimit: UInt64 = 8_000

    func removeInterface(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard let place = places[name] else { return then(nil) }
        takeOut(name, place) { [weak self] error in
            if error == nil {
                self?.places[name] = nil
                self?.paths[name] = nil
                self?.host.unplug(interface: name)
            }
            then(error)
        }
    }

    /// Takes an interface out of the machine; its place and the fabric's port stay.
    func takeOut(_ name: String, _ place: Int, then: @escaping (GuestError?) -> Void) {
        let device = QEMUCommandLine.device(place)
        let timer = host.loop.after(milliseconds: Self.removalLimit) { [weak self] in
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

    /// What is behind a device that is gone. Parts that are not there are none to be removed.
    private func clear(_ name: String, _ place: Int, then: @escaping (GuestError?) -> Void) {
        let monitor = self.monitor
        monitor?.send("netdev_del", ["id": .string(QEMUCommandLine.backend(place))]) { [weak self] _ in
            monitor?.send("chardev-remove", ["id": .string(QEMUCommandLine.channel(place))]) { _ in
                self?.known.remove(name)
                then(nil)
            }
        }
    }
}
