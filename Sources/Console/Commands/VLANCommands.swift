// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

extension Console {
    static var vlanMenu: [ConsoleCommand] {
        [
            .menu("vlan", "VLAN MANAGEMENT MENU"),
            ConsoleCommand(
                "vlan/create",
                "N",
                "create the VLAN with tag N",
                .number { call, number in
                    try call.console.target.createVLAN(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "vlan/remove",
                "N",
                "remove the VLAN with tag N",
                .number { call, number in
                    try call.console.target.removeVLAN(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "vlan/addport",
                "N PORT",
                "add port to the vlan N (tagged)",
                .numbers(2) { call, numbers in
                    try call.console.target.addTagged(port: numbers[1], numbers[0])
                    return .success
                }
            ),
            // The original's help says the same of both.
            ConsoleCommand(
                "vlan/delport",
                "N PORT",
                "add port to the vlan N (tagged)",
                .numbers(2) { call, numbers in
                    try call.console.target.removeTagged(port: numbers[1], numbers[0])
                    return .success
                }
            ),
            ConsoleCommand(
                "vlan/print",
                "[N]",
                "print the list of defined vlan",
                .optionalNumber { call, number in call.console.vlans(number, isInactiveShown: false) }
            ),
            ConsoleCommand(
                "vlan/allprint",
                "[N]",
                "print the list of defined vlan (including inactive port)",
                .optionalNumber { call, number in call.console.vlans(number, isInactiveShown: true) }
            ),
            // Ours: the original has no ports that pass everything.
            ConsoleCommand(
                "vlan/trunk",
                "PORT 0/1",
                "pass every VLAN with its tag: 1=Y 0=N",
                .numbers(2) { call, numbers in
                    try call.console.target.setTrunk(port: numbers[0], numbers[1] != 0)
                    return .success
                }
            ),
        ]
    }

    /// The numbers of one VLAN or of all, in their order.
    func vlanNumbers(_ number: Int?) throws(Errno) -> [UInt16] {
        guard let number else { return target.vlans.sorted() }
        return [try target.vlan(number)]
    }

    private func vlans(_ number: Int?, isInactiveShown: Bool) -> ConsoleAnswer {
        do throws(Errno) {
            // The original knows VLAN 0 here, but not there.
            if isInactiveShown, number == 0 { throw .invalid }
            return .data(
                try vlanNumbers(number).flatMap { vlan in
                    ["VLAN \(decimal(vlan, digits: 4))"]
                        + target.sortedPorts.filter { $0.isMember(of: vlan) && ($0.isActive || isInactiveShown) }
                        .map { port in
                            " -- Port \(decimal(port.number, digits: 4))"
                                + " tagged=\(port.untaggedVLAN == vlan ? 0 : 1) active=\(port.isActive ? 1 : 0)"
                                + " status=\(target.treeState(of: port, vlan: vlan).consoleName)"
                        }
                }
            )
        } catch {
            return .data([], error: error)
        }
    }
}
