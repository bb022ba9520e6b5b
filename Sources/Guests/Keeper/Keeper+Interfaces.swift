// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension Keeper {
    /// `plug`, `unplug`, `carrier` of a guest's interface, now or when it runs; of another port, in the fabric.
    func rewire(
        _ words: [String],
        _ rest: inout RequestWords,
        then: @escaping (Outcome) -> Void
    ) throws(GuestError) {
        try Self.checkIsOthers(words)
        let port = try rest.next("an interface")
        guard port.contains(":"), let (guest, name) = try? interface(port) else {
            if guests[String(port.prefix { $0 != ":" })] != nil { _ = try interface(port) }
            return fabric.request(words, then: then)
        }
        var bridge: KeptBridge?
        switch rest.verb {
        case "plug":
            let segment = try rest.next("a segment")
            _ = try rest.milliseconds("down-for")
            try rest.end()
            bridge = bridges.bridge(segment)
            guard bridge != nil || fabric.memory.segmentNames.contains(segment) else {
                throw GuestError("no segment \"\(segment)\"", status: 2)
            }
        case "carrier":
            let word = try rest.next("up or down")
            guard word == "up" || word == "down" else { throw GuestError("carrier: up or down is wanted", status: 2) }
            try rest.end()
        default: try rest.end()
        }
        if guest.plan.interfaces.first(where: { $0.name == name })?.bridge != nil {
            return try rewirePair(guest, name, words, bridge, then: then)
        }
        let settled = { [weak self, weak guest] (outcome: Outcome) in
            if case .success = outcome, let guest { self?.settle(guest, name, words) }
            then(outcome)
        }
        // A port that the fabric was only just asked to make takes its turn behind that.
        guard guest.interfaces[name]?.isOpen == true || !fabric.isWaiting(port: port) else {
            fabric.remember(bridge == nil ? words : ["unplug", port])
            return settled(.success(KeeperAnswer()))
        }
        if let bridge {
            return join(guest, name, to: bridge, Array(words.dropFirst(3))) { error in
                settled(error.map { .failure($0) } ?? .success(KeeperAnswer()))
            }
        }
        fabric.request(words) { [weak self, weak guest] outcome in
            guard case .success = outcome, words[0] != "carrier", let self, let guest else { return settled(outcome) }
            part(guest, name) { settled(outcome) }
        }
    }

    /// Takes note of what has been done to an interface, and tells.
    func settle(_ guest: KeptGuest, _ name: String, _ words: [String]) {
        guard guest.interfaces[name] != nil else { return }
        switch words[0] {
        case "plug": guest.interfaces[name]?.segment = words[2]
        case "unplug": guest.interfaces[name]?.segment = nil
        default: guest.interfaces[name]?.isDown = words[2] == "down"
        }
        guest.tellInterface(name)
    }

    /// An event of the fabric's: what happened to a cable is told to the driver of the guest that is at its end.
    func fabricTold(_ words: [String]) {
        if words.count == 3, words[0] == "segment", words[2] == "ended" { return fabric.renew(segment: words[1]) }
        guard words.count > 2, words[0] == "port", let (guest, name) = try? interface(words[1]) else { return }
        if words[2] == "carrier", words.count > 3 {
            guest.driver?.carrierChanged(interface: name, isUp: words[3] == "up")
        } else if words[2] == "connected" {
            // A machine's end of it begins anew, with a cable.
            guest.tellDriver(interface: name)
        }
    }

    func changeInterface(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let guest = try guest(try rest.next("a guest's name"))
        guard [.stopped, .running].contains(guest.state) else {
            throw GuestError("\(guest.name) is \(guest.state.rawValue): try again when it is running or stopped")
        }
        if rest.verb == "interface-add" {
            try add(to: guest, &rest, then: then)
        } else {
            try remove(from: guest, &rest, then: then)
        }
    }

    private func add(
        to guest: KeptGuest,
        _ rest: inout RequestWords,
        then: @escaping (Outcome) -> Void
    ) throws(GuestError) {
        guard let name = rest.value("interface") else {
            throw GuestError("interface-add: interface=NAME is missing", status: 2)
        }
        try Self.check(interface: name)
        guard guest.interfaces[name] == nil else {
            throw GuestError("\(guest.name) has an interface \"\(name)\" already")
        }
        var place = guest.plan.interfaces.count
        if let text = rest.value("at") {
            guard let number = Int(text), number >= 0 else {
                throw GuestError("interface-add: at=\(text): a number is wanted", status: 2)
            }
            place = min(number, place)
        }
        let interface: InterfacePlan
        do {
            interface = try InterfacePlan(name: name, words: rest.all())
        } catch {
            throw GuestError("interface-add: \(error)", status: 2)
        }
        guest.plan.interfaces.insert(interface, at: place)
        guest.interfaces[name] = KeptGuest.Interface(segment: interface.bridge)
        guard guest.state == .running, let driver = guest.driver else { return then(.success(KeeperAnswer())) }
        let life = guest.life
        driver.add(interface) { [weak guest] error in
            // A guest that has ended meanwhile begins with it the next time.
            if let error, let guest, guest.life == life, guest.state == .running {
                guest.closePort(name)
                guest.plan.interfaces.removeAll { $0.name == name }
                guest.interfaces[name] = nil
                return then(.failure(error))
            }
            then(.success(KeeperAnswer()))
        }
    }

    private func remove(
        from guest: KeptGuest,
        _ rest: inout RequestWords,
        then: @escaping (Outcome) -> Void
    ) throws(GuestError) {
        let name = try rest.next("an interface's name")
        try rest.end()
        guard guest.interfaces[name] != nil else {
            throw GuestError("\(guest.name) has no interface \"\(name)\"", status: 2)
        }
        let forget = { [weak self, weak guest] in
            guard let self, let guest else { return }
            guest.closePort(name)
            fabric.remove(port: guest.port(name))
            guest.plan.interfaces.removeAll { $0.name == name }
            guest.interfaces[name] = nil
            tell(.interfaceGone(port: guest.port(name)))
        }
        guard guest.state == .running, let driver = guest.driver else {
            forget()
            return then(.success(KeeperAnswer()))
        }
        driver.removeInterface(name) { error in
            if let error { return then(.failure(error)) }
            forget()
            then(.success(KeeperAnswer()))
        }
    }
}
