// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime

extension Console {
    static var portMenu: [ConsoleCommand] {
        [
            .menu("port", "PORT STATUS MENU"),
            ConsoleCommand(
                "port/showinfo",
                "",
                "show port info",
                .plain { call in
                    let target = call.console.target
                    return .data(["Numports=\(target.options.portCount)", "HUB=\(target.isHub)", "counters=true"])
                }
            ),
            ConsoleCommand(
                "port/sethub",
                "0/1",
                "1=HUB 0=switch",
                .number { call, number in
                    call.console.target.setHub(number != 0)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/print",
                "[N]",
                "print the port/endpoint table",
                .optionalNumber { call, number in
                    call.console.ports(number) { $0.isActive ? PortReport($0, call.console).lines : nil }
                }
            ),
            ConsoleCommand(
                "port/allprint",
                "[N]",
                "print the port/endpoint table (including inactive port)",
                .optionalNumber { call, number in
                    call.console.ports(number) { PortReport($0, call.console).lines }
                }
            ),
            // Ours: the original does not count what it loses.
            ConsoleCommand(
                "port/drops",
                "[N]",
                "print frames lost at each endpoint, by cause",
                .optionalNumber { call, number in
                    call.console.ports(number) { PortReport($0, call.console).dropLines }
                }
            ),
        ] + portAttachCommands
    }

    /// The lines of one port, or of all. EINVAL for a number that no port can have, ENXIO for a port that is not there;
    /// the frame of data comes in either case, as in the original.
    private func ports(_ number: Int?, _ lines: (SwitchPort) -> [String]?) -> ConsoleAnswer {
        guard let number else { return .data(target.sortedPorts.flatMap { lines($0) ?? [] }) }
        guard (0...target.options.portCount).contains(number) else { return .data([], error: .invalid) }
        guard let port = target.ports[number], let lines = lines(port) else { return .data([], error: .noSuchDevice) }
        return .data(lines)
    }
}
