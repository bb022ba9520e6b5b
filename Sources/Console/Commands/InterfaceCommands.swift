// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// The interfaces of a multiplexer. The original has none: the menu is there when the switch is one.
extension Console {
    static var interfaceMenu: [ConsoleCommand] {
        [
            .menu("interface", "INTERFACES OF THE MULTIPLEXER"),
            ConsoleCommand(
                "interface/add",
                "NAME [owner=U] [group=G] [mode=M] [mac=A]",
                "declare an interface: it stays when nobody is on it",
                .text { call, text in
                    let words = text.split { $0 == " " || $0 == "\t" }.joined(separator: ",")
                    do {
                        let interface = try call.console.target.interfaces.declare(InterfaceDeclaration(words))
                        return .data([call.console.line(interface)])
                    } catch let fault as InterfaceDeclaration.Fault {
                        return .data([fault.description], error: .invalid)
                    } catch let refusal as AttachRefusal {
                        return .data([refusal.message], error: Errno(rawValue: refusal.code))
                    }
                }
            ),
            ConsoleCommand(
                "interface/del",
                "NAME",
                "take an interface away that nobody is on",
                .text { call, name in
                    do throws(AttachRefusal) {
                        try call.console.target.interfaces.withdraw(name)
                        return .success
                    } catch {
                        return .failure(Errno(rawValue: error.code))
                    }
                }
            ),
            ConsoleCommand(
                "interface/list",
                "",
                "print interfaces and uplinks",
                .plain { call in
                    let interfaces = call.console.target.interfaces
                    let uplinks = interfaces.uplinks.sorted { $0.key < $1.key }
                    return .data(
                        interfaces.all.map(call.console.line)
                            + uplinks.map { "uplink port \(decimal($0.key, digits: 4)) \($0.value)" }
                    )
                }
            ),
        ]
    }

    private func line(_ interface: Interface) -> String {
        let permissions = interface.permissions
        let clients = target.ports[interface.port]?.endpoints.count ?? 0
        return "\(interface.name) port \(decimal(interface.port, digits: 4)) MAC \(interface.address)"
            + " owner \(userName(permissions.owner))"
            + " group \(permissions.group.map(CurrentProcess.groupName) ?? "NONE") mode 0\(octal(permissions.mode))"
            + " clients \(clients)" + (interface.isConfigured ? " declared" : "")
    }

    /// What `showinfo` says of a multiplexer.
    var multiplexerLines: [String] {
        guard target.isMultiplexer else { return [] }
        let interfaces = target.interfaces
        return ["multiplexer: interfaces \(interfaces.all.count) uplinks \(interfaces.uplinks.count)"]
    }
}
