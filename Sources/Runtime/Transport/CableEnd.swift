// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Endpoints
import Glibc
public import LinuxSystem

/// One end of a cable, as transports see it: at most one endpoint at a time is plugged in.
public final class CableEnd: EndpointHost {
    public let loop: ControlLoop
    public var log: (String) -> Void = { _ in }
    private let cable: Cable
    /// Of the cable: always the same, whichever end is plugged in first.
    let port: Int
    /// What is plugged in reaches its other side now, or does not any more.
    var onChange: (_ isUp: Bool) -> Void = { _ in }
    private var occupant: (newcomer: Newcomer, place: DataPlane.Place)?
    /// The cable's other end is up: what is plugged in here is shown a carrier.
    private var hasCarrier = false

    init(_ cable: Cable, port: Int, loop: ControlLoop) {
        self.cable = cable
        self.port = port
        self.loop = loop
    }

    public var isCable: Bool { true }
    /// Something is plugged in.
    public var isOccupied: Bool { occupant != nil }
    /// What is plugged in reaches its other side, as far as it can tell.
    public var isUp: Bool { occupant.map { $0.newcomer.peer?.isPresent ?? true } ?? false }

    @discardableResult
    public func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        guard occupant == nil else {
            throw AttachRefusal(code: EBUSY, message: "the cable's end is taken")
        }
        guard let place = cable.plug(endpoint, description: newcomer.description, port: port) else {
            throw AttachRefusal(code: EMFILE, message: "the cable has two ends only")
        }
        occupant = (newcomer, place)
        cable.dataPlane.configure(place, .carrier(hasCarrier))
        onChange(isUp)
        return 1
    }

    public func detach(identifier: Int32) {
        guard let occupant, occupant.newcomer.identifier == identifier else { return }
        cable.unplug(occupant.place)
        self.occupant = nil
        onChange(false)
        occupant.newcomer.onRemoval()
    }

    public func configure(identifier: Int32, _ change: consuming EndpointChange) {
        guard let occupant, occupant.newcomer.identifier == identifier else { return }
        cable.dataPlane.configure(occupant.place, change)
    }

    public func setPeer(identifier: Int32, _ state: PeerState) {
        guard occupant?.newcomer.identifier == identifier else { return }
        occupant?.newcomer.peer = state
        onChange(isUp)
    }

    /// Shows what is plugged in, now or later, that the other end is up, or is not.
    func setCarrier(_ isOn: Bool) {
        guard hasCarrier != isOn else { return }
        hasCarrier = isOn
        guard let occupant else { return }
        cable.dataPlane.configure(occupant.place, .carrier(isOn))
    }

    /// The data plane's report about a place, perhaps this end's.
    func take(_ event: DataPlane.Event) {
        switch event {
        case .ended(let place):
            guard let occupant, occupant.place == place else { return }
            cable.forget(place)
            self.occupant = nil
            onChange(false)
            occupant.newcomer.onRemoval()
        case .notice(let place, let notice):
            guard let occupant, occupant.place == place else { return }
            occupant.newcomer.onNotice(notice)
        case .failed, .spanningTree, .forwardingChanged, .loopSuspected, .lost: break
        }
    }
}
