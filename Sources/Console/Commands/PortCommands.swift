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
                    return .data(
                        ["Numports=\(target.portCount)", "HUB=\(target.isHub)", "counters=true"]
                            + (target.isMultiplexer ? ["MULTIPLEXER=true"] : [])
                    )
                }
            ),
            ConsoleCommand(
                "port/setnumports",
                "N",
                "set the number of ports",
                .number { call, number in
                    try call.console.target.setPortCount(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/sethub",
                "0/1",
                "1=HUB 0=switch",
                .number { call, number in
                    // A multiplexer stays one.
                    guard !call.console.target.isMultiplexer else { throw Errno.notSupported }
                    call.console.target.setHub(number != 0)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/setvlan",
                "N VLAN",
                "set port VLAN (untagged)",
                .numbers(2) { call, numbers in
                    try call.console.target.setUntaggedVLAN(port: numbers[0], numbers[1])
                    return .success
                }
            ),
            ConsoleCommand(
                "port/createauto",
                "",
                "create a port with an automatically allocated id (inactive|notallocatable)",
                .plain { call in
                    do throws(Errno) {
                        return .data(["Port \(decimal(try call.console.target.createPort(0), digits: 4))"])
                    } catch {
                        return .data([], error: error)
                    }
                }
            ),
            ConsoleCommand(
                "port/create",
                "N",
                "create the port N (inactive|notallocatable)",
                .number { call, number in
                    try call.console.target.createPort(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/remove",
                "N",
                "remove the port N",
                .number { call, number in
                    try call.console.target.removePort(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/allocatable",
                "N 0/1",
                "Is the port allocatable as unnamed? 1=Y 0=N",
                .numbers(2) { call, numbers in
                    try call.console.target.setAllocatable(port: numbers[0], numbers[1] != 0)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/setuser",
                "N user",
                "access control: set user",
                .numberAndText { call, port, name in
                    // The port is looked at first, as in the original.
                    _ = try call.console.target.port(port)
                    try call.console.target.setAllowedUser(port: port, try owner(name, CurrentProcess.userID(named:)))
                    return .success
                }
            ),
            ConsoleCommand(
                "port/setgroup",
                "N user",
                "access control: set group",
                .numberAndText { call, port, name in
                    _ = try call.console.target.port(port)
                    try call.console.target.setAllowedGroup(port: port, try owner(name, CurrentProcess.groupID(named:)))
                    return .success
                }
            ),
            ConsoleCommand(
                "port/epclose",
                "N ID",
                "remove the endpoint port N/id ID",
                .numbers(2) { call, numbers in
                    let identifier = Int32(clamping: numbers[1])
                    try call.console.target.closeEndpoint(port: numbers[0], identifier: identifier)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/resetcounter",
                "[N]",
                "reset the port (N) counters",
                .optionalNumber { call, number in
                    try call.console.target.resetCounters(port: number)
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
                    call.console.ports(number) { $0.isActive ? PortReport($0, call.console).dropLines : nil }
                }
            ),
            // Ours: the original's ports have no speed.
            ConsoleCommand(
                "port/setspeed",
                "N MBIT",
                "set the link speed that guests see, in Mbit/s (0: none)",
                .numbers(2) { call, numbers in
                    guard let speed = UInt32(exactly: numbers[1]) else { throw Errno.invalid }
                    let refusals = try call.console.target.setSpeed(port: numbers[0], megabits: speed)
                    return refusals.isEmpty ? .success : .data(refusals, error: .notPermitted)
                }
            ),
            // Ours: the cable of a port, pulled and plugged in again.
            ConsoleCommand(
                "port/setcarrier",
                "N 0/1",
                "show a carrier to what is plugged in (1=YES 0=NO)",
                .numbers(2) { call, numbers in
                    try call.console.target.setCarrier(port: numbers[0], numbers[1] != 0)
                    return .success
                }
            ),
        ] + portAttachCommands + portHookCommands
    }

    /// The number behind a name of a user or a group, or at the beginning of it; `NONE` and `ANY` lift the restriction. EINVAL
    /// for an unknown name.
    private static func owner(_ name: String, _ number: (String) -> UInt32?) throws -> UInt32? {
        if name == "NONE" || name == "ANY" { return nil }
        let digits = name.prefix { $0.isASCII && $0.isNumber }
        guard let number = number(name) ?? UInt32(digits) else { throw Errno.invalid }
        // No user or group has that number, and the original keeps "none" as it.
        return number == .max ? nil : number
    }

    /// The lines of one port, or of all. EINVAL for a number that no port can have, ENXIO for a port that is not there;
    /// the frame of data comes in either case, as in the original.
    private func ports(_ number: Int?, _ lines: (SwitchPort) -> [String]?) -> ConsoleAnswer {
        guard let number else { return .data(target.sortedPorts.flatMap { lines($0) ?? [] }) }
        guard (0...target.portCount).contains(number) else { return .data([], error: .invalid) }
        guard let port = target.ports[number], let lines = lines(port) else { return .data([], error: .noSuchDevice) }
        return .data(lines)
    }
}
