// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
public import LinuxSystem

/// Ports: who gets which, and what consoles change about them. Errors are those that vde_switch answers with: EINVAL for a
/// number that no port can have, ENXIO for a port that is not there, EADDRINUSE for one that is in use.
extension Switch {
    /// The most ports that can be asked for while the switch runs: its tables have places for so many.
    public var portCapacity: Int { table.portCount - 1 }

    // MARK: Newcomers

    /// The port that a newcomer gets: port 0 if it wants to manage, the one that it asks for, or the lowest free one.
    public func choosePort(_ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        if isMultiplexer { return try interfaces.choosePort(newcomer) }
        guard newcomer.interface.isEmpty else {
            // Anything a client has sent, which is not to reach a terminal by the log.
            let fault = InterfaceName.fault(newcomer.interface)
            throw AttachRefusal(
                code: fault == nil ? ENOENT : EINVAL,
                message: fault ?? "\(newcomer.interface): this switch has no named ports"
            )
        }
        let user = newcomer.userID
        guard newcomer.port > 0 || newcomer.isManagement else {
            guard let number = freePort(for: user) else {
                throw AttachRefusal(code: EMFILE, message: "all \(portCount) ports are in use")
            }
            return number
        }
        let wanted = newcomer.isManagement ? 0 : newcomer.port
        guard wanted <= portCount else {
            throw AttachRefusal(
                code: EINVAL,
                message: "port \(wanted) is out of range: this switch has ports 1 to \(portCount)"
            )
        }
        guard let port = ports[wanted] else { return wanted }
        guard port.admits(user) else {
            throw AttachRefusal(code: EPERM, message: "port \(wanted) is closed to user \(user ?? 0)")
        }
        // Whoever shares a port gets what is meant for the others on it.
        if let user, let other = port.endpoints.first(where: { $0.userID != user }) {
            let owner = other.userID == nil ? "the switch itself" : "another user"
            throw AttachRefusal(code: EPERM, message: "port \(wanted) is in use by \(owner)")
        }
        return wanted
    }

    /// The lowest number that is free, allocatable and open to this user.
    private func freePort(for user: UInt32?) -> Int? {
        stride(from: 1, through: portCount, by: 1).first { number in
            guard let port = ports[number] else { return true }
            return !port.isActive && port.isAllocatable && port.admits(user)
        }
    }

    func makePort(_ number: Int) {
        ports[number] = SwitchPort(number: number)
        dataPlane.resetCounters(port: number)
        table.setPort(number, inUse: true, vlan: 0)
        report(.portMade(number))
    }

    // MARK: The console's changes

    /// Makes a port that only those get who ask for its number. Number 0 takes the lowest free one. Returns the number.
    @discardableResult
    public func createPort(_ number: Int) throws(Errno) -> Int {
        try checkRange(number)
        var number = number
        if number == 0 {
            guard let free = freePort(for: nil) else { throw Errno(rawValue: ENOSPC) }
            number = free
        } else if ports[number] != nil {
            throw .exists
        }
        if ports[number] == nil { makePort(number) }
        ports[number]?.isAllocatable = false
        return number
    }

    /// Takes an unused port away, with its settings.
    public func removePort(_ number: Int) throws(Errno) {
        let port = try port(number)
        guard !port.isActive else { throw .addressInUse }
        ports[number] = nil
        dataPlane.resetVLANs(port: number)
        table.setPort(number, inUse: false, vlan: 0)
    }

    public func setAllocatable(port number: Int, _ isAllocatable: Bool) throws(Errno) {
        _ = try port(number)
        ports[number]?.isAllocatable = isAllocatable
    }

    /// Lets only this user join, and root; nil for everybody.
    public func setAllowedUser(port number: Int, _ user: UInt32?) throws(Errno) {
        _ = try port(number)
        ports[number]?.allowedUser = user
    }

    /// Lets the members of this group join, and root; nil for everybody.
    public func setAllowedGroup(port number: Int, _ group: UInt32?) throws(Errno) {
        _ = try port(number)
        ports[number]?.allowedGroup = group
    }

    /// Unplugs one endpoint of a port; its connection is closed.
    public func closeEndpoint(port number: Int, identifier: Int32) throws(Errno) {
        let port = try port(number)
        guard port.endpoints.contains(where: { $0.identifier == identifier }) else { throw Errno(rawValue: ENXIO) }
        detach(identifier: identifier)
    }

    /// Zeroes the counters of a port, nil for all. A port that is not there has none.
    public func resetCounters(port number: Int?) throws(Errno) {
        if let number { try checkRange(number) }
        for port in ports.keys where number == nil || port == number { dataPlane.resetCounters(port: port) }
    }

    /// Changes the highest port number. EADDRINUSE while a port beyond it exists, ENOMEM for more than there is room for.
    public func setPortCount(_ count: Int) throws(Errno) {
        guard count > 0 else { throw .invalid }
        guard count <= portCapacity else { throw .noMemory }
        guard !ports.keys.contains(where: { $0 > count }) else { throw .addressInUse }
        portCount = count
    }

    /// Shows this link speed, in Mbit/s, to whoever is plugged in here, now and later; 0 for none in particular. Returns a line
    /// for each endpoint whose interface cannot be made to show it.
    @discardableResult
    public func setSpeed(port number: Int, megabits: UInt32) throws(Errno) -> [String] {
        let port = try port(number)
        ports[number]?.speedMegabits = megabits
        speedRefusals = []
        for endpoint in port.endpoints { dataPlane.configure(endpoint.place, .speed(megabits: megabits)) }
        // Each has been asked by now, and has said what it had to say.
        takeEvents()
        return speedRefusals
    }

    /// Pulls the cables of a port, or plugs them in again: shown to whoever is there and can be shown it, now and later.
    public func setCarrier(port number: Int, _ isOn: Bool) throws(Errno) {
        let port = try port(number)
        ports[number]?.hasCarrier = isOn
        for endpoint in port.endpoints { dataPlane.configure(endpoint.place, .carrier(isOn)) }
    }

    // MARK: Numbers

    /// Throws EINVAL for a number that no port of this switch can have.
    public func checkRange(_ number: Int) throws(Errno) {
        guard number >= 0, number <= portCount else { throw .invalid }
    }

    /// The port of this number: EINVAL for one that cannot be, ENXIO for one that is not there.
    public func port(_ number: Int) throws(Errno) -> SwitchPort {
        try checkRange(number)
        guard let port = ports[number] else { throw Errno(rawValue: ENXIO) }
        return port
    }
}
