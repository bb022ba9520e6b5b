// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import PacketFilter

/// A port of a fabric: something that can be plugged into one segment after another while it stays open.
///
/// # Theory of operation
///
///     segment "lan" ◀──── occupants ────▶ segment "dmz"          an occupant is always in exactly one switch: a segment's,
///               ╲            │           ╱                       or the lot, where what it sends goes nowhere
///                ╲──────▶  the lot ◀────╱
///
/// A transport plugs into the port as into any host; most have one endpoint, a URL that listens has one for each peer. Moving
/// takes each endpoint out of one loop and gives it to another (`Switch.extract`, `Switch.adopt`); the other side sees its
/// carrier go and come again, where it can be shown one. What was set of the port (impairments, filters) is set again wherever
/// it is plugged in.
final class FabricPort: EndpointHost {
    /// Who made it.
    enum Origin: Equatable {
        case port(FabricPortKind)
        case patch(String)
    }

    let name: String
    let origin: Origin
    let loop: ControlLoop
    let log: (String) -> Void
    /// Where endpoints are that are in no segment.
    private let lot: FabricLot
    /// The segment that it is to be in.
    private(set) var segment: FabricSegment?
    /// It has arrived there.
    private(set) var isPluggedIn = false
    /// The cable is to be shown as plugged in.
    private(set) var wantsCarrier = true
    private var arrival: ControlLoop.Token?
    private var arrivalNumber = 0
    /// What is plugged in here, and which port of its present switch it has.
    private(set) var occupants: [Int32: Int] = [:]
    var transport: (any Transport)?
    /// What waits until the other side has seen that the carrier is gone.
    var whenCarrierLossIsSeen: ((@escaping () -> Void) -> Void)?

    var impairments: [Bool: ImpairmentSettings] = [:]
    var rates: [Bool: SwitchHooks.Rate] = [:]
    var rules: FilterRules?
    /// By direction, as `impairments`: true for what comes in.
    var ownPolicies: [Bool: CompiledPolicy] = [:]
    /// Counted where it was before.
    private var past = FabricCounters()
    var onEvent: ([String]) -> Void = { _ in }
    var isConnected = false

    init(
        _ name: String,
        _ origin: Origin,
        lot: FabricLot,
        loop: ControlLoop,
        log: @escaping (String) -> Void
    ) {
        self.name = name
        self.origin = origin
        self.lot = lot
        self.loop = loop
        self.log = { log("port \(name): \($0)") }
    }

    var hasCarrier: Bool { isPluggedIn }
    private var home: Switch { isPluggedIn ? segment?.element ?? lot.element : lot.element }

    // MARK: The transport's side

    @discardableResult
    func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        var newcomer = newcomer
        let identifier = newcomer.identifier
        let onRemoval = newcomer.onRemoval
        newcomer.onRemoval = { [weak self] in
            self?.forget(identifier)
            onRemoval()
        }
        newcomer.description = occupants.isEmpty ? name : "\(name) (\(newcomer.description))"
        newcomer.port = 0
        if isPluggedIn, let segment {
            newcomer.port = try number(in: segment, &newcomer.interface)
            occupants[identifier] = newcomer.port
            do throws(AttachRefusal) {
                try segment.element.attach(endpoint, newcomer)
            } catch {
                occupants[identifier] = nil
                segment.release(port: newcomer.port)
                throw error
            }
            configure(identifier: identifier, .carrier(true))
        } else {
            occupants[identifier] = try lot.element.attach(endpoint, newcomer)
            configure(identifier: identifier, .carrier(false))
        }
        return 1
    }

    func detach(identifier: Int32) {
        guard occupants[identifier] != nil else { return }
        home.detach(identifier: identifier)
    }

    /// An endpoint has ended.
    private func forget(_ identifier: Int32) {
        guard let number = occupants[identifier] else { return }
        past += counters(of: number, place: nil)
        occupants[identifier] = nil
        if isPluggedIn { segment?.release(port: number) } else { lot.release(port: number) }
        if occupants.isEmpty, transport == nil { setConnected(false) }
    }

    /// The other side has come or gone.
    func setConnected(_ isConnected: Bool) {
        guard self.isConnected != isConnected else { return }
        self.isConnected = isConnected
        onEvent(["port", name, isConnected ? "connected" : "disconnected"])
    }

    func configure(identifier: Int32, _ change: consuming EndpointChange) {
        home.configure(identifier: identifier, change)
    }

    func setPeer(identifier: Int32, _ state: PeerState) { home.setPeer(identifier: identifier, state) }

    // MARK: Moving

    /// Puts it into a segment, after it was shown without carrier for a while.
    func plug(into target: FabricSegment, downFor: UInt64?) throws(FabricError) {
        _ = try policies(target.sharedPolicies, ownPolicies)
        // Where it is already, it takes its own places again.
        let own = isPluggedIn && segment === target ? occupants.count : 0
        guard target.hasRoom(for: max(1, occupants.count) - own) else {
            throw FabricError("segment \(target.name): all its \(target.element.portCount) ports are in use")
        }
        depart()
        segment = target
        if wantsCarrier { scheduleArrival(downFor) }
    }

    func unplug() {
        depart()
        segment = nil
    }

    func setCarrier(_ isOn: Bool) {
        guard wantsCarrier != isOn else { return }
        wantsCarrier = isOn
        if isOn { if segment != nil { scheduleArrival(nil) } } else { depart() }
    }

    /// Pulls the cable.
    private func depart() {
        arrivalNumber += 1
        if let arrival = arrival.take() { loop.cancel(arrival) }
        guard isPluggedIn, let segment else { return }
        for identifier in occupants.keys { configure(identifier: identifier, .carrier(false)) }
        // What the loop has said about that, and about ends, belongs to the switch where they are now.
        segment.element.takeEvents()
        for (identifier, number) in occupants {
            let place = place(identifier, number)
            // One that has just ended by itself is told of by an event, in the switch where it was.
            guard let moving = segment.element.extract(identifier: identifier) else { continue }
            // Only now has the loop counted everything.
            past += counters(of: number, place: place)
            segment.release(port: number)
            do throws(AttachRefusal) {
                occupants[identifier] = try lot.element.adopt(moving)
            } catch {
                // Nowhere to be: it ends, as if its other side had.
                log("\(error.message)")
                occupants[identifier] = nil
                moving.newcomer.onRemoval()
            }
        }
        // The event of such a one is there by now, and means its number here.
        segment.element.takeEvents()
        isPluggedIn = false
        onEvent(["port", name, "carrier", "down"])
    }

    /// The shortest time that a move takes where the other side cannot say that it has seen it, and the longest that it is
    /// waited for, in milliseconds.
    private static var longestWait: UInt64 { 250 }

    private func scheduleArrival(_ downFor: UInt64?) {
        let number = arrivalNumber
        if let downFor, downFor > 0 {
            arrival = loop.after(milliseconds: downFor) { [weak self] in self?.arrive(number) }
        } else if let whenCarrierLossIsSeen {
            arrival = loop.after(milliseconds: Self.longestWait) { [weak self] in self?.arrive(number) }
            whenCarrierLossIsSeen { [weak self] in self?.arrive(number) }
        } else {
            arrive(number)
        }
    }

    private func arrive(_ number: Int) {
        guard number == arrivalNumber, let segment, !isPluggedIn else { return }
        arrivalNumber += 1
        if let arrival = arrival.take() { loop.cancel(arrival) }
        lot.element.takeEvents()
        // Others may have come before it, since it was promised a place.
        guard segment.hasRoom(for: occupants.count) else {
            return log(
                "segment \(segment.name): all its \(segment.element.portCount) ports are in use: it stays unplugged"
            )
        }
        for (identifier, number) in occupants {
            arrive(identifier, number, in: segment)
        }
        lot.element.takeEvents()
        isPluggedIn = true
        onEvent(["port", name, "carrier", "up"])
    }

    private func arrive(_ identifier: Int32, _ old: Int, in segment: FabricSegment) {
        let place = place(identifier, old)
        guard var moving = lot.element.extract(identifier: identifier) else { return }
        past += counters(of: old, place: place)
        lot.release(port: old)
        do throws(AttachRefusal) {
            occupants[identifier] = nil
            moving.newcomer.port = try self.number(in: segment, &moving.newcomer.interface)
            occupants[identifier] = moving.newcomer.port
            try segment.element.adopt(moving)
            segment.element.configure(identifier: identifier, .carrier(true))
        } catch {
            log("segment \(segment.name): \(error.message)")
            if let number = occupants.removeValue(forKey: identifier) { segment.release(port: number) }
            moving.newcomer.onRemoval()
        }
    }

    // MARK: Counters

    private func counters(of number: Int, place: Int?) -> FabricCounters {
        FabricCounters(home.table, port: number, place: place, isParked: !isPluggedIn)
    }

    private func place(_ identifier: Int32, _ number: Int) -> Int? {
        home.ports[number]?.endpoints.first { $0.identifier == identifier }?.place.index
    }

    /// What has passed here since the beginning, and what was lost.
    var counters: FabricCounters {
        var sum = past
        for (identifier, number) in occupants { sum += counters(of: number, place: place(identifier, number)) }
        return sum
    }

    /// A free port of the segment, set up as this one is to be.
    private func number(in segment: FabricSegment, _ interface: inout String) throws(AttachRefusal) -> Int {
        var wish = Newcomer(identifier: -1, module: "", description: "", userID: nil, processID: 0)
        // A multiplexer knows it by its name.
        if segment.kind == .multiplexer, InterfaceName.fault(name) == nil { wish.interface = name }
        interface = wish.interface
        let number = try segment.element.choosePort(wish)
        apply(number, in: segment)
        return number
    }

    /// Ends it for good.
    func close() {
        arrivalNumber += 1
        if let arrival = arrival.take() { loop.cancel(arrival) }
        onEvent = { _ in }
        transport?.close()
        transport = nil
        for identifier in Array(occupants.keys) { detach(identifier: identifier) }
        segment = nil
        isPluggedIn = false
    }
}
