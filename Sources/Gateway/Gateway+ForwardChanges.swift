// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Forwards that come and go while the gateway runs. Each keeps its number as long as it is there.
extension Gateway {
    /// The number that another forward would get; nil when there is no room for one.
    public var nextForwardNumber: Int? {
        if let closed = forwards.closed { return closed }
        let count = configuration.forwards.count
        return count < forwardCapacity ? count : nil
    }

    /// Adds a forward at `nextForwardNumber`; its socket has that number at the host.
    public mutating func addForward(_ forward: PortForward) {
        guard let number = nextForwardNumber else { return }
        if number == configuration.forwards.count {
            configuration.forwards.append(forward)
        } else {
            configuration.forwards[number] = forward
        }
        forwards.open(number)
    }

    /// The number of a forward; nil: there is none like it.
    public func number(of forward: PortForward) -> Int? {
        configuration.forwards.indices.first { forwards.isOpen($0) && configuration.forwards[$0] == forward }
    }

    /// Takes a forward away, when its socket is closed. Connections that it has brought stay; conversations by datagrams,
    /// which used its socket, end.
    public mutating func removeForward<Host: GatewayHost & ~Copyable>(_ number: Int, host: inout Host) {
        forwards.close(number)
        for index in 0..<udpPlaces.capacity
        where udp[index].flags.contains([.used, .inbound]) && Int(udp[index].origin) == number {
            closeUDP(index, host: &host)
        }
    }
}
