// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime
import Wire

extension Console {
    /// The spanning tree. `fstp`, for "fast spanning tree protocol", is the original's word for it.
    static var spanningTreeMenu: [ConsoleCommand] {
        [
            .menu("fstp", "FAST SPANNING TREE MENU"),
            ConsoleCommand(
                "fstp/showinfo",
                "",
                "show fstp info",
                .plain { call in
                    let (target, settings) = (call.console.target, call.console.target.spanningTree)
                    let priority = "\(settings.priority) (0x\(String(settings.priority, radix: 16)))"
                    return .data(["MAC \(target.address) Priority \(priority)", "FSTP=\(settings.isOn)"])
                }
            ),
            ConsoleCommand(
                "fstp/setfstp",
                "0/1",
                "Fast spanning tree protocol 1=ON 0=OFF",
                .number { call, number in
                    .data(call.console.target.setSpanningTree(number != 0) ? [] : ["Can't use fstp in hub mode"])
                }
            ),
            ConsoleCommand(
                "fstp/setedge",
                "VLAN PORT 1/0",
                "Define an edge port for a vlan 1=Y 0=N",
                .numbers(3) { call, numbers in
                    try call.console.target.setEdge(vlan: numbers[0], port: numbers[1], numbers[2] != 0)
                    return .success
                }
            ),
            ConsoleCommand(
                "fstp/bonus",
                "VLAN PORT COST",
                "set the port bonus for a vlan",
                .numbers(3) { call, numbers in
                    try call.console.target.setBonus(vlan: numbers[0], port: numbers[1], cost: numbers[2])
                    return .success
                }
            ),
            ConsoleCommand(
                "fstp/print",
                "[N]",
                "print fst data for the defined vlan",
                .optionalNumber { call, number in
                    do throws(Errno) {
                        return .data(try call.console.vlanNumbers(number).flatMap { call.console.tree(of: $0) })
                    } catch {
                        return .data([], error: error)
                    }
                }
            ),
        ]
    }

    private func tree(of vlan: UInt16) -> [String] {
        let tree = target.tree(of: vlan)
        let isRoot = tree.rootPort == 0 ? "ROOTSWITCH" : ""
        return [
            "FST DATA VLAN \(decimal(vlan, digits: 4)) \(isRoot) \(target.spanningTree.isOn ? "" : "FSTP IS DISABLED")",
            " ++ root \(Self.identifier(tree.root))",
            " ++ designated \(Self.identifier(tree.designated))",
            " ++ rootport \(decimal(tree.rootPort, digits: 4)) cost \(tree.rootCost) age \(tree.age)"
                + " bonusport \(decimal(tree.bonus.port, digits: 4)) bonuscost \(tree.bonus.cost)",
        ]
            + tree.ports.map { port in
                " -- Port \(decimal(port.number, digits: 4)) tagged=\(port.isTagged ? 1 : 0)"
                    + " portcost=\(port.cost) role=\(port.role.consoleName)"
            }
    }

    /// A bridge's identifier as eight bytes: priority and address.
    static func identifier(_ value: UInt64) -> String {
        (0..<8).map { position in
            let byte = value >> UInt64(56 - 8 * position) & 0xff
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined(separator: ":")
    }
}

extension TreePortState {
    var consoleName: String {
        switch self {
        case .discarding: "Discarding"
        case .learning: "Learning"
        case .forwarding: "Forwarding"
        }
    }
}

extension TreePortRole {
    var consoleName: String {
        switch self {
        case .root: "Root"
        case .designated: "Designated"
        // The original does not tell them apart.
        case .alternate, .backup: "Alternate/Backup"
        case .edge: "Edge"
        case .unknown: "Unknown"
        }
    }
}
