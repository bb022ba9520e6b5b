// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension Keeper {
    func changeBridge(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let name = try rest.next("a bridge's name")
        let (mtu, device) = (rest.value("mtu"), rest.value("host"))
        try rest.end()
        if rest.verb == "bridge-add" {
            guard Self.isName(name) else { throw GuestError("\"\(name)\" is no name for a bridge", status: 2) }
            if let device { try Self.check(interface: device) }
            var number: Int?
            if let mtu {
                number = Int(mtu)
                guard let number, (68...65_535).contains(number) else {
                    throw GuestError("bridge-add: mtu=\(mtu): 68 to 65535 is wanted", status: 2)
                }
            }
            try bridges.add(name, device: device, mtu: number)
            then(.success(KeeperAnswer()))
        } else {
            try bridges.remove(name)
            leave(bridge: name)
            removeCompanion(of: name) { then(.success(KeeperAnswer())) }
        }
    }

    /// `listen`: a packet socket at an interface's device on a bridge, or at a bridge.
    func listen(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let name = try rest.next("an interface or a bridge")
        try rest.end()
        if let bridge = bridges.bridge(name) {
            return then(.success(KeeperAnswer(descriptors: [try bridges.listen(at: bridge.device, in: bridge.place)])))
        }
        let (guest, interface) = try interface(name)
        guard let device = guest.interfaces[interface]?.device else {
            throw GuestError("\(name) has no device on a bridge: it is plugged into none, or its guest does not run")
        }
        let socket = try bridges.listen(at: device.name, in: device.bridge.place)
        then(.success(KeeperAnswer(descriptors: [socket])))
    }

    /// A bridge is gone: what was on it is on nothing.
    private func leave(bridge: String) {
        for guest in guests.values {
            for (name, interface) in guest.interfaces where interface.segment == bridge {
                if interface.device?.tap != nil {
                    fabric.arrange([["unplug", guest.port(name)]])
                    part(guest, name)
                } else if let device = interface.device {
                    try? bridges.setUp(device, false)
                }
                guest.interfaces[name]?.segment = nil
                guest.tellInterface(name)
            }
        }
    }

    // MARK: Ports of the fabric

    /// The fabric's segment of two ports in which an interface and its tap are joined, and the tap's port there. No guest's port
    /// has such a name.
    static func joint(_ port: String) -> String { "device:\(port)" }
    static func isJoint(_ segment: String) -> Bool { segment.hasPrefix("device:") }

    /// Joins the port of an interface with a tap on a bridge.
    ///
    /// - Parameter options: of the fabric's `plug`.
    func join(
        _ guest: KeptGuest,
        _ name: String,
        to bridge: KeptBridge,
        _ options: [String] = [],
        then: @escaping (GuestError?) -> Void
    ) {
        let port = guest.port(name)
        let joint = Self.joint(port)
        let plug = ["plug", port, joint] + options
        do throws(GuestError) {
            if let device = guest.interfaces[name]?.device {
                if device.bridge.place == bridge.place {
                    guest.interfaces[name]?.device = try bridges.move(device, to: bridge)
                    return fabric.arrange([plug], then: then)
                }
                part(guest, name)
            }
            let mtu = guest.plan.interfaces.first { $0.name == name }?.mtu
            let device = try bridges.makeTap(port, mtu: mtu, on: bridge)
            guest.interfaces[name]?.device = device
            // Two of them, and room for one that is plugged in anew while it still is there.
            fabric.arrange([["segment-add", joint, "kind=hub", "ports=4"]])
            fabric.add(port: joint, ["port-add", joint, "tap"], device.tap.map { [$0] } ?? []) { _ in }
            fabric.arrange([["plug", joint, joint], plug]) { [weak self, weak guest] error in
                if error != nil, let guest { self?.part(guest, name) }
                then(error)
            }
        } catch {
            then(GuestError("\(port): \(error.message)", status: error.status))
        }
    }

    /// Takes an interface's tap away, if it has one: it is not on a bridge any more. Calls when it is gone.
    func part(_ guest: KeptGuest, _ name: String, then: @escaping () -> Void = {}) {
        guard let device = guest.interfaces[name]?.device, let tap = device.tap else { return then() }
        guest.interfaces[name]?.device = nil
        let joint = Self.joint(guest.port(name))
        if fabric.isWindingDown {
            if device.bridge.place == .lab { tap.withDescriptor { Tap.leaveToNamespace($0) } }
            fabric.remove(port: joint)
            return then()
        }
        fabric.forget(port: joint)
        // It goes with its last descriptor, which is this one.
        var last: SharedDescriptor? = tap
        fabric.arrange([["segment-remove", joint]]) { _ in
            _ = last.take()
            then()
        }
    }

    // MARK: Pairs

    /// `plug`, `unplug`, `carrier` of an interface that is a veth pair.
    func rewirePair(
        _ guest: KeptGuest,
        _ name: String,
        _ words: [String],
        _ bridge: KeptBridge?,
        then: @escaping (Outcome) -> Void
    ) throws(GuestError) {
        let device = guest.interfaces[name]?.device
        switch words[0] {
        case "plug":
            guard let bridge else {
                throw GuestError(
                    "\(guest.port(name)) is a veth pair, for bridges only; remove it, and add it as another",
                    status: 2
                )
            }
            if let device { try movePair(guest, name, device, to: bridge, words) }
            for index in guest.plan.interfaces.indices where guest.plan.interfaces[index].name == name {
                guest.plan.interfaces[index].bridge = bridge.name
            }
        case "unplug":
            if let device {
                try bridges.setUp(device, false)
                bridges.release(device)
            }
        default:
            // Without a bridge it has no carrier, whatever is said: it gets it where it is plugged in.
            let isPluggedIn = guest.interfaces[name]?.segment != nil
            if let device { try bridges.setUp(device, words.last == "up" && isPluggedIn) }
        }
        if words[0] != "carrier" { guest.interfaces[name]?.isUnplugged = words[0] == "unplug" }
        settle(guest, name, words)
        then(.success(KeeperAnswer()))
    }

    private func movePair(
        _ guest: KeptGuest,
        _ name: String,
        _ device: BridgeDevice,
        to bridge: KeptBridge,
        _ words: [String]
    ) throws(GuestError) {
        guard device.bridge.place == bridge.place else {
            throw GuestError(
                "\(guest.port(name)) is a veth pair, which cannot be moved between the lab's bridges and the host's; "
                    + "remove it, and add it as another",
                status: 2
            )
        }
        var rest = RequestWords(words)
        let time = try rest.milliseconds("down-for") ?? 0
        try bridges.setUp(device, false)
        do throws(GuestError) {
            guest.interfaces[name]?.device = try bridges.move(device, to: bridge)
        } catch {
            let isUp = guest.interfaces[name]?.segment != nil && guest.interfaces[name]?.isDown == false
            if isUp { try? bridges.setUp(device, true) }
            throw error
        }
        loop.after(milliseconds: time) { [weak self, weak guest] in
            guard let self, let interface = guest?.interfaces[name], !interface.isDown,
                interface.segment == bridge.name,
                let device = interface.device
            else { return }
            try? bridges.setUp(device, true)
        }
    }
}
