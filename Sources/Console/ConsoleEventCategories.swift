// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Runtime
import Wire

/// The categories of vde_switch, with its tags, and ours.
extension ConsoleEventCategory {
    static let hashAdded = ConsoleEventCategory(tag: 0o011, path: "hash/+", help: "hash: new element")
    static let hashRemoved = ConsoleEventCategory(tag: 0o012, path: "hash/-", help: "hash: discarded element")
    static let treeStatus = ConsoleEventCategory(tag: 0o044, path: "fstp/status", help: "fstp: status change")
    static let treeRoot = ConsoleEventCategory(tag: 0o045, path: "fstp/root", help: "fstp: rootswitch/port change")
    static let treeAdded = ConsoleEventCategory(tag: 0o041, path: "fstp/+", help: "fstp: port becomes active")
    static let treeRemoved = ConsoleEventCategory(tag: 0o042, path: "fstp/-", help: "fstp: port becomes inactive")
    static let portAdded = ConsoleEventCategory(tag: 0o021, path: "port/+", help: "new port")
    static let portRemoved = ConsoleEventCategory(tag: 0o022, path: "port/-", help: "closed port")
    static let portDescribed = ConsoleEventCategory(tag: 0o023, path: "port/descr", help: "set port description")
    static let endpointAdded = ConsoleEventCategory(tag: 0o031, path: "port/ep/+", help: "new endpoint")
    static let endpointRemoved = ConsoleEventCategory(tag: 0o032, path: "port/ep/-", help: "closed endpoint")
    static let endpointStatus = ConsoleEventCategory(
        tag: 0o034,
        path: "port/ep/status",
        help: "endpoint: its peer answers or is silent",
        isOurs: true
    )

    /// In the order in which `debug/list` shows them.
    static var all: [ConsoleEventCategory] {
        [
            hashAdded, hashRemoved, treeStatus, treeRoot, treeAdded, treeRemoved, portAdded, portRemoved,
            portDescribed, endpointAdded, endpointRemoved, endpointStatus,
        ]
            + ["packet/in", "packet/out", "mgmt/+", "mgmt/-", "sig/hup"].map {
                ConsoleEventCategory(tag: 0, path: $0, help: "", isHidden: true)
            }
    }
}

extension Console {
    /// Tells the sessions that asked for it what has happened to a port.
    func show(_ event: SwitchEvent) {
        switch event {
        case .portMade(let port): post(.portAdded, decimal(port, digits: 2))
        case .portClosed(let port): post(.portRemoved, decimal(port, digits: 2))
        case .endpointAdded(let port, let identifier): post(.endpointAdded, Self.place(port, identifier))
        case .endpointDescribed(let port, let identifier, let description):
            post(.portDescribed, "\(Self.place(port, identifier)) -> \"\(description)\"")
        case .endpointRemoved(let port, let identifier): post(.endpointRemoved, Self.place(port, identifier))
        case .peerChanged(let port, let identifier, let isPresent):
            post(.endpointStatus, "\(Self.place(port, identifier)) peer \(isPresent ? "answers" : "silent")")
        case .addressAdded(let address, let vlan, let port):
            post(.hashAdded, Self.place(address, vlan, port))
        case .addressRemoved(let address, let vlan, let port):
            post(.hashRemoved, Self.place(address, vlan, port))
        case .treePortAdded(let vlan, let port): post(.treeAdded, treePlace(port, vlan))
        case .treePortRemoved(let vlan, let port): post(.treeRemoved, treePlace(port, vlan))
        case .treeState(let vlan, let port, let state):
            let name =
                switch state {
                case .discarding: "discarding"
                case .learning: "learning"
                case .forwarding: "learning+forwarding"
                }
            post(.treeStatus, "\(treePlace(port, vlan)) \(name)")
        case .treeRoot(let vlan, let port, let root):
            post(.treeRoot, "\(treePlace(port, vlan)) -> \(Self.identifier(root))")
        }
    }

    /// The VLAN as the two bytes of a number, here the higher one first.
    private func treePlace(_ port: Int, _ vlan: UInt16) -> String {
        "Port \(decimal(port, digits: 4)) VLAN \(Self.hexadecimal(vlan >> 8)):\(Self.hexadecimal(vlan & 0xff))"
    }

    /// The VLAN as the two bytes of a number, the lower one first.
    private static func place(_ address: MACAddress, _ vlan: UInt16, _ port: Int) -> String {
        "\(address) VLAN \(hexadecimal(vlan & 0xff)):\(hexadecimal(vlan >> 8)) Port \(port)"
    }

    private static func hexadecimal(_ byte: UInt16) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private static func place(_ port: Int, _ identifier: Int32) -> String {
        "Port \(decimal(port, digits: 2)) FD \(alignedRight(identifier, 2))"
    }
}
