// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Model

/// A guest's interfaces as ports of the fabric, or pairs on bridges of the kernel.
extension KeptGuest {
    func closePorts() {
        for name in Array(interfaces.keys) { closePort(name) }
    }

    func closePort(_ name: String) {
        guard var interface = interfaces[name] else { return }
        let had = interface.hasCarrier
        // Its namespace has ended, or it is taken out of that by name.
        if case .tap(let tap) = interface.port { tap.withDescriptor { Tap.leaveToNamespace($0) } }
        if case .pair = interface.port {
            // The kernel takes the pair away with its namespace, in a moment; its name on the host is wanted before. A guest that goes
            // on may have given its end another name.
            if let device = interface.device, device.bridge.place == .host || processID != nil {
                keeper.bridges.remove(device)
            }
            interface.device = nil
        } else {
            keeper.part(self, name)
            interface.device = nil
            // Also one whose making has not been answered yet: this goes out behind it.
            if case .none = interface.port {} else { keeper.fabric.forget(port: port(name)) }
        }
        interface.isOpen = false
        interface.port = .none
        interfaces[name] = interface
        if had { tellInterface(name) }
    }

    func tellDriver(interface name: String) {
        guard let interface = interfaces[name] else { return }
        driver?.carrierChanged(interface: name, isUp: interface.hasCarrier)
    }

    func tellInterface(_ name: String) {
        guard let interface = interfaces[name] else { return }
        keeper.tell(
            .interface(
                port: port(name),
                segment: interface.segment,
                carrier: interface.hasCarrier,
                isShown: driver?.interfacesWithoutCarrier.contains(name) != true,
                isPair: plan.interfaces.first { $0.name == name }?.bridge != nil
            )
        )
    }

    // MARK: What the driver calls

    func plugTap(
        _ tap: consuming OwnedDescriptor,
        interface: String,
        then: @escaping (GuestError?) -> Void
    ) {
        let shared = SharedDescriptor(tap)
        interfaces[interface, default: Interface()].port = .tap(shared)
        open(interface, ["port-add", port(interface), "tap"], [shared]) { then($0.failure) }
    }

    func plugPair(_ interface: InterfacePlan, namespace: Int32) throws(GuestError) {
        let full = "\(name)-\(interface.name)"
        guard let bridge = interface.bridge.flatMap({ keeper.bridges.bridge($0) }) else {
            throw GuestError("\(full): no bridge \"\(interface.bridge ?? "")\"", status: 2)
        }
        // It stays unplugged where it was before.
        let known = interfaces[interface.name]
        let isPluggedIn = known?.isUnplugged != true
        let isUp = isPluggedIn && known?.isDown != true
        let device = try keeper.bridges.makePair(
            port(interface.name),
            peer: interface,
            namespace: namespace,
            on: bridge,
            isUp: isUp
        )
        if !isPluggedIn { keeper.bridges.release(device) }
        interfaces[interface.name, default: Interface()].port = .pair
        interfaces[interface.name]?.device = device
        interfaces[interface.name]?.segment = isPluggedIn ? bridge.name : nil
        interfaces[interface.name]?.isOpen = true
        tellInterface(interface.name)
    }

    func plugSocket(
        _ socket: consuming OwnedDescriptor,
        interface: String,
        then: @escaping (GuestError?) -> Void
    ) {
        interfaces[interface, default: Interface()].port = .socket
        open(interface, ["port-add", port(interface), "fd"], [SharedDescriptor(socket)]) { then($0.failure) }
    }

    func openVhost(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        let path = keeper.files.vhost + "/" + LabPlaces.identifier(lab: port(interface))
        interfaces[interface, default: Interface()].port = .socket
        let mtu = plan.interfaces.first { $0.name == interface }?.mtu
        // QEMU waits for as long as it is hung up on, with its guest: its driver shows the guest its cable instead.
        let words =
            ["port-add", port(interface), "vhost", path] + (mtu.map { ["mtu=\($0)"] } ?? [])
            + (plan.kind == .qemu ? ["keep"] : [])
        open(interface, words, []) { result in then(result.map { _ in path }) }
    }

    func openMessages(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        let path = socketDirectory + "/" + LabPlaces.identifier(lab: port(interface))
        interfaces[interface, default: Interface()].port = .socket
        open(interface, ["port-add", port(interface), "url", "seqpacket://\(path)[listen]"], []) { result in
            then(result.map { _ in path })
        }
    }

    var socketDirectory: String { keeper.files.vhost }

    /// Makes the port, and plugs it in as it was.
    private func open(
        _ name: String,
        _ words: [String],
        _ descriptors: [SharedDescriptor],
        then: @escaping (Result<KeeperAnswer, GuestError>) -> Void
    ) {
        let life = self.life
        keeper.fabric.add(port: port(name), words, descriptors) { [weak self] result in
            guard let self else { return }
            if case .failure = result { return then(result) }
            guard self.life == life, state != .stopped, interfaces[name] != nil else {
                // It ended meanwhile, and its port with it.
                return then(.failure(GuestError("\(self.name) has stopped")))
            }
            interfaces[name]?.isOpen = true
            joinBridge(name)
            tellDriver(interface: name)
            then(result)
            tellInterface(name)
        }
    }

    /// A port that was plugged into a bridge is joined with it.
    private func joinBridge(_ name: String) {
        guard let bridge = interfaces[name]?.segment.flatMap({ keeper.bridges.bridge($0) }) else { return }
        keeper.join(self, name, to: bridge) { [weak self] error in
            guard let self, let error else { return }
            log(error.message)
            interfaces[name]?.segment = nil
            tellInterface(name)
        }
    }

    func unplug(interface: String) { closePort(interface) }
}
