// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

// Theory of Operation
//
//     guests ══ bridge ── tap lan-fabric ── fabric's segment "bridge::lan" ── gateway, tunnels, cables, clients of its directory
//
// The keeper has a duplicate of the tap's descriptor, as of each other tap: a fabric that dies leaves the tap on its bridge, and
// the next one goes on with it. With the keeper go its namespace, or, on the host, the tap's last descriptor, and so the tap.

/// Companions of bridges: see `BridgeCompanion`.
extension Keeper {
    /// `companion-add BRIDGE [listen=DIRECTORY]`, `companion-remove BRIDGE`.
    func changeCompanion(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let name = try rest.next("a bridge's name")
        let listen = rest.value("listen")
        try rest.end()
        guard let bridge = bridges.bridge(name) else { throw GuestError("no bridge \"\(name)\"", status: 2) }
        if rest.verb == "companion-add" {
            guard companions[name] == nil else { throw GuestError("the bridge \"\(name)\" has a companion already") }
            try addCompanion(to: bridge, listen: listen) { error in
                then(error.map { .failure($0) } ?? .success(KeeperAnswer()))
            }
        } else {
            guard companions[name] != nil else {
                throw GuestError("the bridge \"\(name)\" has no companion", status: 2)
            }
            removeCompanion(of: name) { then(.success(KeeperAnswer())) }
        }
    }

    private func addCompanion(
        to bridge: KeptBridge,
        listen: String?,
        then: @escaping (GuestError?) -> Void
    ) throws(GuestError) {
        let segment = BridgeCompanion.segment(of: bridge.name)
        let device: BridgeDevice
        do throws(GuestError) {
            device = try bridges.makeTap(segment, full: "\(bridge.name)-fabric", mtu: nil, on: bridge)
        } catch {
            throw GuestError("bridge \(bridge.name): \(error.message)", status: error.status)
        }
        companions[bridge.name] = device
        var words = ["segment-add", segment, "kind=switch"]
        if let mtu = bridge.mtu { words.append("mtu=\(mtu)") }
        if let listen { words.append("listen=\(listen)") }
        var failure: GuestError?
        fabric.arrange([words]) { failure = $0 }
        fabric.add(port: segment, ["port-add", segment, "tap"], device.tap.map { [$0] } ?? []) { result in
            failure = failure ?? result.failure
        }
        // Answers come in the order of the requests: this is the last one.
        fabric.arrange([["plug", segment, segment]]) { [weak self] error in
            guard let error = failure ?? error, let self else { return then(failure ?? error) }
            removeCompanion(of: bridge.name) {
                then(GuestError("bridge \(bridge.name): \(error.message)", status: error.status))
            }
        }
    }

    /// Takes away a bridge's companion, if it has one, with all that is there. Calls when it is gone.
    func removeCompanion(of bridge: String, then: @escaping () -> Void) {
        guard let device = companions.removeValue(forKey: bridge) else { return then() }
        let segment = BridgeCompanion.segment(of: bridge)
        fabric.remove(port: segment)
        // The device goes with its last descriptor, which is this one.
        var last: SharedDescriptor? = device.tap
        fabric.arrange([["segment-remove", segment]]) { _ in
            _ = last.take()
            then()
        }
    }

    /// At the lab's end: those in its namespace go with that.
    func leaveCompanions() {
        for device in companions.values where device.bridge.place == .lab {
            device.tap?.withDescriptor { Tap.leaveToNamespace($0) }
        }
    }

    /// What the keeper has arranged for itself in the fabric is not for others to take apart.
    static func checkIsOthers(_ words: [String]) throws(GuestError) {
        guard words.count > 1, isJoint(words[1]) || BridgeCompanion.bridge(ofSegment: words[1]) != nil,
            ["segment-", "port-", "plug", "unplug", "carrier"].contains(where: { words[0].hasPrefix($0) })
        else { return }
        throw GuestError("\(words[0]) \(words[1]): it belongs to a bridge, and is the keeper's own", status: 2)
    }
}
