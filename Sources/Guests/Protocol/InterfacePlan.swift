// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
public import Wire

/// An interface of a guest, as the keeper makes it. What it is plugged into is no part of it: see `plug`.
public struct InterfacePlan: Sendable, Equatable {
    public var name: String
    /// Chosen by the planner: the same in each start.
    public var hardwareAddress: MACAddress
    public var mtu: Int?
    public var addresses: [InterfaceAddress] = []
    public var usesDHCP = false
    public var usesAutoconfiguration = false
    /// Default routers.
    public var via: [IPAddress] = []
    /// The kernel bridge of the lab that it is on, as a device of its own there; nil: it is a port of the fabric.
    public var bridge: String?

    public init(name: String, hardwareAddress: MACAddress) {
        self.name = name
        self.hardwareAddress = hardwareAddress
    }

    /// The words after its name.
    public var words: [String] {
        var words = PlanWords()
        words.add("mac", hardwareAddress.description)
        words.add("mtu", mtu.map(String.init))
        words.add("address", each: addresses.map(\.description))
        words.add(flag: "dhcp", usesDHCP)
        words.add(flag: "slaac", usesAutoconfiguration)
        words.add("via", each: via.map(\.description))
        words.add("bridge", bridge)
        return words.words
    }

    /// From a name and what follows it.
    public init(name: String, words: some Sequence<String>) throws(PlanError) {
        var mac: MACAddress?
        var made = InterfacePlan(name: name, hardwareAddress: MACAddress(rawValue: 0))
        for word in words {
            let (key, value) = PlanWords.parts(word)
            switch (key, value) {
            case ("mac", let text?):
                guard let address = MACAddress(text) else { throw PlanError(word) }
                mac = address
            case ("mtu", let text?):
                guard let number = Int(text) else { throw PlanError(word) }
                made.mtu = number
            case ("address", let text?):
                guard let address = InterfaceAddress(text) else { throw PlanError(word) }
                made.addresses.append(address)
            case ("dhcp", nil): made.usesDHCP = true
            case ("slaac", nil): made.usesAutoconfiguration = true
            case ("via", let text?):
                guard let address = IPAddress(text) else { throw PlanError(word) }
                made.via.append(address)
            case ("bridge", let text?): made.bridge = text
            default: throw PlanError(word)
            }
        }
        guard let mac else { throw PlanError("mac=") }
        made.hardwareAddress = mac
        self = made
    }
}
