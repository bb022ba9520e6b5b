// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire

extension GuestPlan {
    /// The words of Documentation/Agent.md's plan that say what the guest is to be, whatever machine it runs on.
    ///
    /// - Parameter devices: of an interface, the name of its device in the guest's `/sys`, where the driver knows it.
    public func agentWords(devices: [String: String] = [:]) -> [String] {
        var words = PlanWords()
        words.add("hostname", hostName)
        words.add("user", user)
        words.add("dns", each: nameServers.map(\.description))
        words.add("command", each: command)
        words.add("environment", each: environment)
        for route in routes { words.add("route", "\(route.destination?.description ?? "default") \(route.via)") }
        return words.words
            + interfaces.flatMap { interface in
                ["interface=\(interface.name)"] + interface.agentWords(device: devices[interface.name])
            }
    }
}

extension InterfacePlan {
    /// The words after its name, for the agent.
    public func agentWords(device: String?) -> [String] {
        (device.map { ["device=\($0)"] } ?? []) + words
    }
}
