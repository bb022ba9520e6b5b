// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

// Theory of Operation
//
//     process guest    eth0 ═══ veth ═══ alice-eth0 ─┐
//                                                    ├─ bridge (the lab's network namespace, or the host's)
//     UML, QEMU        eth0 ── fabric ── bob-eth0 ───┘
//                          vhost-user   tap
//
// A guest that shares the kernel has a veth pair, which costs nothing. A machine's interface is a port of the fabric wherever it
// is plugged in, so that it may be moved between all sorts of segments while its guest runs, with carrier and offloads; there it
// is joined, alone, with a tap that is on the bridge (`BridgeJoint`). What is the lab's own ends with its namespace. Of the host's
// is written down what has to be removed, and whoever comes after a killed keeper removes it.

/// The bridges of a lab, and the devices on them.
final class BridgeStore {
    private let holder: NamespaceHolder
    private let lab: String
    private let record: String
    /// For interfaces of the host's, when there are some.
    private var host: Netlink?
    private(set) var bridges: [KeptBridge] = []
    /// Which interface, `guest:interface`, a device of the lab's own was last made for.
    private var owners: [String: String] = [:]

    init(holder: NamespaceHolder, lab: String, files: RuntimeFiles) {
        self.holder = holder
        self.lab = lab
        record = files.hostBridges
    }

    func bridge(_ name: String) -> KeptBridge? { bridges.first { $0.name == name } }

    private func configure<Result>(
        _ place: KeptBridge.Place,
        _ body: (inout Netlink) throws(NetlinkError) -> Result
    ) throws(GuestError) -> Result {
        do throws(NetlinkError) {
            switch place {
            case .lab: return try body(&holder.netlink)
            case .host:
                if host == nil { host = try Self.open() }
                return try body(&host!)
            }
        } catch {
            throw place == .host && [.notPermitted, .accessDenied].contains(error.errno)
                ? Self.notAllowed : GuestError("\(error)")
        }
    }

    private static func open() throws(NetlinkError) -> Netlink {
        do throws(Errno) {
            return try Netlink()
        } catch {
            throw NetlinkError(operation: "open a netlink socket", errno: error)
        }
    }

    private static var notAllowed: GuestError {
        GuestError(
            "this user may not change the host's network: be root, or have CAP_NET_ADMIN; or leave host: out, for a bridge in "
                + "the lab's own namespace",
            status: 4
        )
    }

    // MARK: Bridges

    /// Makes a bridge, in the lab's namespace, or for `device` on the host; one of the host's that is there already is joined.
    func add(_ name: String, device: String?, mtu: Int?) throws(GuestError) {
        guard bridge(name) == nil else { throw GuestError("there is a bridge \"\(name)\" already") }
        let place: KeptBridge.Place = device == nil ? .lab : .host
        let full = device ?? name
        let short = DeviceName.fitting(full)
        var isOurs = true
        do throws(GuestError) {
            if place == .host {
                isOurs = try configure(.host) { (link) throws(NetlinkError) in
                    guard try link.links().contains(where: { $0.name == short }) else { return true }
                    guard try link.isBridge(short) else { throw Self.noBridge(short) }
                    return false
                }
            }
            let made = KeptBridge(name: name, device: short, place: place, mtu: mtu, isOurs: isOurs)
            bridges.append(made)
            guard isOurs else { return }
            // Before it is there: whoever comes after a keeper that is killed now finds it.
            note()
            try make(made, full: full)
        } catch {
            bridges.removeAll { $0.name == name }
            note()
            throw GuestError("bridge \(name): \(error.message)", status: error.status)
        }
    }

    private static func noBridge(_ device: String) -> NetlinkError {
        NetlinkError(operation: "join \(device)", errno: .invalid, explanation: "it is there, and no bridge")
    }

    private func make(_ bridge: KeptBridge, full: String) throws(GuestError) {
        try configure(bridge.place) { (link) throws(NetlinkError) in
            try link.addBridge(bridge.device)
            let index = try link.link(named: bridge.device).index
            do throws(NetlinkError) {
                if full != bridge.device { try? link.addAlternativeName(index, full) }
                if let mtu = bridge.mtu { try link.setMTU(index, mtu) }
                if bridge.place == .lab { try? link.setQuiet(index) }
                try link.setUp(index)
            } catch {
                try? link.removeLink(index)
                throw error
            }
        }
    }

    func remove(_ name: String) throws(GuestError) {
        guard let bridge = bridge(name) else { throw GuestError("no bridge \"\(name)\"", status: 2) }
        if bridge.isOurs {
            do throws(GuestError) {
                try configure(bridge.place) { (link) throws(NetlinkError) in
                    // Somebody else may have removed it.
                    guard let old = try link.links().first(where: { $0.name == bridge.device }) else { return }
                    try link.removeLink(old.index)
                }
            } catch {
                throw GuestError("bridge \(name): \(error.message)", status: error.status)
            }
        }
        bridges.removeAll { $0.name == name }
        note()
    }

    /// At the lab's end: what is on the host is taken away, unless somebody else has joined it. The rest goes with its namespace.
    func close() {
        for bridge in bridges where bridge.place == .host {
            let others = try? configure(.host) { (link) throws(NetlinkError) in
                try link.members(ofBridge: try link.link(named: bridge.device).index)
            }
            if others ?? 0 == 0 { try? remove(bridge.name) }
        }
        // What is left has no owner any more, here or with the next keeper.
        bridges = []
        note()
    }

    // MARK: Devices

    /// `guest-interface`, of `guest:interface`.
    private static func fullName(_ port: String) -> String { port.replacing(":", with: "-") }

    /// What an interface is called on a bridge: nobody else there has that name then.
    private func freeName(_ port: String, _ full: String, on bridge: KeptBridge) throws(GuestError) -> String {
        let name = DeviceName.fitting(full)
        guard !bridges.contains(where: { $0.place == bridge.place && $0.device == name }) else {
            throw GuestError("\(full): there is a bridge of that name", status: 2)
        }
        let lab = self.lab
        let isOthers = owners[name].map { $0 != port } ?? false
        let free = try configure(bridge.place) { (link) throws(NetlinkError) in
            guard let old = try link.links().first(where: { $0.name == name }) else { return name }
            // Another lab's, or whoever's it is.
            if bridge.place == .host { return DeviceName.hashed(name, of: "\(lab)/\(full)") }
            // With hyphens in their names two of them may look the same: a-b:c and a:b-c.
            let own = isOthers ? DeviceName.hashed(name, of: port) : name
            // What an earlier life has left goes in a moment by itself.
            let left = isOthers ? try link.links().first { $0.name == own } : old
            if let left { try? link.removeLink(left.index) }
            return own
        }
        if bridge.place == .lab { owners[free] = port }
        return free
    }

    private func put(_ name: String, _ full: String, on bridge: KeptBridge, isUp: Bool = true) throws(GuestError) {
        try configure(bridge.place) { (link) throws(NetlinkError) in
            let index = try link.link(named: name).index
            if name != full { try? link.addAlternativeName(index, full) }
            try? link.setQuiet(index)
            try link.setBridge(index, try link.link(named: bridge.device).index)
            if isUp { try link.setUp(index) }
        }
    }

    /// A pair of interfaces: one in a guest, the other one on the bridge.
    ///
    /// - Parameter isUp: false: the guest sees no carrier.
    func makePair(
        _ port: String,
        peer: InterfacePlan,
        namespace: Int32,
        on bridge: KeptBridge,
        isUp: Bool
    ) throws(GuestError) -> BridgeDevice {
        let full = Self.fullName(port)
        let name = try freeName(port, full, on: bridge)
        let address = (0..<6).map { peer.hardwareAddress.octet($0) }
        try configure(bridge.place) { (link) throws(NetlinkError) in
            try link.addPair(
                name,
                peer: peer.name,
                address: address,
                mtu: peer.mtu ?? bridge.mtu,
                namespace: namespace
            )
        }
        do throws(GuestError) {
            try put(name, full, on: bridge, isUp: isUp)
        } catch {
            remove(BridgeDevice(name: name, bridge: bridge))
            throw error
        }
        return BridgeDevice(name: name, bridge: bridge)
    }

    /// A tap on the bridge.
    ///
    /// - Parameter full: what it is called there; nil: as its port.
    func makeTap(
        _ port: String,
        full: String? = nil,
        mtu: Int?,
        on bridge: KeptBridge
    ) throws(GuestError) -> BridgeDevice {
        let full = full ?? Self.fullName(port)
        let name = try freeName(port, full, on: bridge)
        let device = BridgeDevice(name: name, bridge: bridge, tap: try open(name, bridge.place))
        if let mtu = mtu ?? bridge.mtu {
            try configure(bridge.place) { (link) throws(NetlinkError) in
                try link.setMTU(try link.link(named: name).index, mtu)
            }
        }
        try put(name, full, on: bridge)
        return device
    }

    private func open(_ name: String, _ place: KeptBridge.Place) throws(GuestError) -> SharedDescriptor {
        guard place == .host else { return try holder.makeTap(name) }
        do throws(Tap.OpenError) {
            let tap = try Tap.create(name: name)
            Tap.setCarrier(tap, false)
            return SharedDescriptor(tap)
        } catch {
            if [.notPermitted, .accessDenied].contains(error.errno) { throw Self.notAllowed }
            throw GuestError("cannot \(error.step): \(error.errno)", status: 4)
        }
    }

    /// A packet socket at a device: for who wants to see what passes there, in both directions.
    func listen(at device: String, in place: KeptBridge.Place) throws(GuestError) -> SharedDescriptor {
        let index = try configure(place) { (link) throws(NetlinkError) in try link.link(named: device).index }
        guard place == .host else { return try holder.openFrameSocket(interface: index) }
        do throws(Errno) {
            let socket = try FrameSocket.make(interface: index)
            try FrameSocket.includeOutgoing(socket)
            return SharedDescriptor(socket)
        } catch {
            throw GuestError("cannot listen at \(device): \(error)", status: 4)
        }
    }

    /// Puts a device on another bridge; both must be in the same place.
    func move(_ device: BridgeDevice, to bridge: KeptBridge) throws(GuestError) -> BridgeDevice {
        try configure(bridge.place) { (link) throws(NetlinkError) in
            let target = try link.link(named: bridge.device).index
            try link.setBridge(try link.link(named: device.name).index, target)
        }
        var moved = device
        moved.bridge = bridge
        return moved
    }

    /// Takes a device off its bridge.
    func release(_ device: BridgeDevice) {
        try? configure(device.bridge.place) { (link) throws(NetlinkError) in
            try link.setBridge(try link.link(named: device.name).index, 0)
        }
    }

    /// Switches a pair's end on the bridge on or off, which is the other end's carrier.
    func setUp(_ device: BridgeDevice, _ isUp: Bool) throws(GuestError) {
        try configure(device.bridge.place) { (link) throws(NetlinkError) in
            try link.setUp(try link.link(named: device.name).index, isUp)
        }
    }

    /// Now: with its last descriptor it would go in a moment, and its name with it.
    func remove(_ device: BridgeDevice) {
        try? configure(device.bridge.place) { (link) throws(NetlinkError) in
            try link.removeLink(try link.link(named: device.name).index)
        }
    }

    // MARK: What has to be removed

    private func note() {
        let ours = bridges.filter { $0.place == .host && $0.isOurs }
        if ours.isEmpty {
            try? FileSystem.remove(record)
        } else {
            try? FileSystem.write(ours.map { "\($0.device)\n" }.joined(), to: record)
        }
    }
}
