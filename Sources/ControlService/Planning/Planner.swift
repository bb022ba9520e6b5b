// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Guests
import LinuxSystem
public import Model
import Wire

/// Turns a lab, as its file describes it, into all that a keeper is to have: nothing is left to decide afterwards.
///
/// Pure: what it has to know of the disk it asks `exists`.
///
///     Lab ──Planner──▶ DesiredState ──Difference(applied, actual)──▶ steps ──LabSession──▶ keeper
public struct Planner {
    let lab: Lab
    let places: LabLayout
    let exists: (String) -> Bool
    /// The program that elements are started with.
    let program: String
    /// Whose lab it is.
    var owner = CurrentProcess.userID
    var resources: [Resource] = []
    var problems: [String] = []
    /// Addresses of interfaces, by port.
    var macs: [String: MACAddress] = [:]
    /// Bridges that have something the fabric must do.
    var companions: Set<String> = []

    public init(_ lab: Lab, places: LabLayout, program: String, exists: @escaping (String) -> Bool) {
        self.lab = lab
        self.places = places
        self.program = program
        self.exists = exists
    }

    /// Throws all that is wrong, a line each.
    public func plan() throws(ControlError) -> DesiredState {
        var planner = self
        return try planner.run()
    }

    private mutating func run() throws(ControlError) -> DesiredState {
        planSegments()
        planPatches()
        planElements()
        planCompanions()
        let plans = planGuests()
        planPlugs()
        guard problems.isEmpty else { throw ControlError.usage(problems.joined(separator: "\n")) }
        return DesiredState(resources: resources, guests: plans)
    }

    mutating func add(
        _ kind: Resource.Kind,
        _ name: String,
        make: [[String]],
        remove: [[String]],
        needs: [String] = [],
        note: String = ""
    ) {
        resources.append(Resource(kind, name, make: make, remove: remove, needs: needs, note: note))
    }

    /// The segment's key: it is the fabric's, or the kernel's.
    func segmentKey(_ name: String) -> String {
        lab.segment(name)?.kind == .bridge ? Resource.key(.bridge, name) : Resource.key(.segment, name)
    }

    // MARK: Guests

    private mutating func planGuests() -> [GuestPlan] {
        var addresses = StableAddresses(lab)
        var plans: [GuestPlan] = []
        for guest in lab.guests {
            let plan = plan(guest, &addresses)
            plans.append(plan)
            add(
                .guest,
                guest.name,
                make: [["define", guest.name] + plan.words],
                remove: [["delete", guest.name]],
                needs: plan.interfaces.compactMap { $0.bridge.map { Resource.key(.bridge, $0) } },
                note: guest.kind.rawValue
            )
        }
        return plans
    }

    private mutating func plan(_ guest: Guest, _ addresses: inout StableAddresses) -> GuestPlan {
        var plan = GuestPlan(name: guest.name, runDirectory: places.runDirectory(guest.name))
        plan.kind = guest.kind
        plan.root = root(guest)
        plan.kernel = kernel(guest)
        plan.initialRAMDisk = file(guest.initialRAMDisk, "initrd", guest)
        plan.image = file(guest.image, "image", guest)
        plan.memory = guest.memory
        plan.processors = guest.processors
        plan.arguments = guest.arguments
        plan.command = guest.command
        plan.environment = guest.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        plan.hostName = guest.hostName ?? guest.name
        plan.user = guest.user
        plan.nameServers = guest.nameServers
        plan.routes = guest.routes
        for interface in guest.interfaces {
            var made = InterfacePlan(
                name: interface.name,
                hardwareAddress: addresses.address(guest: guest.name, interface: interface)
            )
            made.mtu = interface.mtu ?? segment(guest, interface)?.mtu
            made.addresses = interface.addresses
            made.usesDHCP = interface.usesDHCP
            made.usesAutoconfiguration = interface.usesAutoconfiguration
            made.via = interface.via
            if let segment = segment(guest, interface), segment.kind == .bridge, isPair(guest, interface) {
                made.bridge = segment.name
            }
            macs[GuestPlan.port(guest: guest.name, interface: interface.name)] = made.hardwareAddress
            plan.interfaces.append(made)
        }
        return plan
    }

    /// The described segment that an interface is plugged into.
    func segment(_ guest: Guest, _ interface: Interface) -> Segment? {
        let end = LinkEnd.interface(guest: guest.name, name: interface.name)
        for link in lab.links where link.first == end || link.second == end {
            if case .segment(let name) = link.first == end ? link.second : link.first { return lab.segment(name) }
        }
        return nil
    }

    /// Whether an interface that is on a kernel bridge is a device of the kernel's own: nothing is asked of it that only the fabric
    /// can do. A machine's is always a port of the fabric, which joins it with a device on the bridge.
    func isPair(_ guest: Guest, _ interface: Interface) -> Bool {
        guard guest.kind == .process, interface.filter.isEmpty, interface.impairment.isEmpty else { return false }
        let end = LinkEnd.interface(guest: guest.name, name: interface.name)
        return !lab.links.contains { link in
            (link.first == end || link.second == end) && !(link.forth.isEmpty && link.back.isEmpty)
        }
    }

    private mutating func kernel(_ guest: Guest) -> String? {
        guard guest.kind != .process else { return nil }
        if let kernel = guest.kernel { return file(kernel, "kernel", guest) }
        let usual = places.path("linux")
        if guest.kind == .uml, !exists(usual) {
            problems.append(
                "guest \"\(guest.name)\" has no kernel: \(usual) is missing; put one there, or say kernel: FILE"
            )
        }
        if guest.kind == .qemu, guest.image == nil {
            problems.append("guest \"\(guest.name)\": a virtual machine needs kernel: FILE or image: FILE")
        }
        return guest.kind == .uml ? usual : nil
    }

    private mutating func file(_ path: String?, _ what: String, _ guest: Guest) -> String? {
        guard let path = path.map({ places.path($0) }) else { return nil }
        if !exists(path) { problems.append("guest \"\(guest.name)\": \(what) \(path) does not exist") }
        return path
    }

    /// A guest that names no master, in a lab that has none, lives on the host's own root.
    private mutating func root(_ guest: Guest) -> RootPlan? {
        if guest.image != nil || guest.kind == .qemu && guest.kernel == nil { return nil }
        var master = places.path(guest.master)
        let layers = layers(guest)
        if !exists(master) {
            guard guest.master == "master", guest.kind != .uml, guest.kind == .process || guest.kernel != nil else {
                let hint = "make it with: etherloom master create; or say master: DIRECTORY"
                problems.append("guest \"\(guest.name)\" has no root: \(master) is missing; \(hint)")
                return nil
            }
            if guest.kind == .qemu || layers.isEmpty { return nil }
            master = "/"
        }
        var root = RootPlan(
            master: master,
            upper: places.upper(guest.name),
            mountPoint: places.mountPoint(guest.name)
        )
        root.layers = layers
        return root
    }

    private mutating func layers(_ guest: Guest) -> [String] {
        // A template has something for some guests, and nothing for others.
        let templates = lab.templates.map { places.template($0, guest.name) }.filter { exists($0) }
        let overlays = guest.overlays.map { places.path($0) }
        for overlay in overlays where !exists(overlay) {
            problems.append("guest \"\(guest.name)\": overlay \(overlay) does not exist")
        }
        return templates + overlays
    }
}

/// All that a keeper is to have for a lab.
public struct DesiredState: Sendable, Equatable {
    public var resources: [Resource]
    public var guests: [GuestPlan]

    public init(resources: [Resource] = [], guests: [GuestPlan] = []) {
        self.resources = resources
        self.guests = guests
    }
}
