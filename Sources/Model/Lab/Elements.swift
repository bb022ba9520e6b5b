// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// A user-mode gateway on a segment.
public struct GatewayElement: Sendable, Equatable {
    public var name: String
    public var segment: String
    public var address: InterfaceAddress?
    public var servesDHCP = true
    public var forwards: [Forward] = []

    public init(name: String, segment: String) {
        self.name = name
        self.segment = segment
    }
}

/// A port of the host whose connections or datagrams go to a guest.
public struct Forward: Sendable, Equatable {
    public enum Transport: String, Sendable, Codable, CaseIterable { case tcp, udp }

    public enum Target: Sendable, Equatable, CustomStringConvertible {
        case address(IPAddress)
        /// The guest's first address on the gateway's segment.
        case guest(String)

        public var description: String {
            switch self {
            case .address(let address): address.description
            case .guest(let name): name
            }
        }
    }

    public var transport = Transport.tcp
    /// Nil: every address of the host.
    public var hostAddress: IPv4Address?
    public var hostPort: UInt16
    public var target: Target
    public var targetPort: UInt16

    /// Reads `[tcp:|udp:][HOSTADDRESS:]HOSTPORT:GUEST:PORT`, as `gateway --forward` does, with a guest's name allowed for
    /// its address.
    public init?(_ text: String) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if let transport = parts.first.flatMap(Transport.init(rawValue:)) {
            self.transport = transport
            parts.removeFirst()
        }
        if parts.count == 4 {
            guard let address = IPv4Address(parts.removeFirst()) else { return nil }
            hostAddress = address
        }
        guard parts.count == 3, let hostPort = UInt16(parts[0]), hostPort > 0, let targetPort = UInt16(parts[2]),
            targetPort > 0
        else { return nil }
        if let address = IPAddress(parts[1]) {
            target = .address(address)
        } else if LabName.objection(to: parts[1]) == nil {
            target = .guest(parts[1])
        } else {
            return nil
        }
        self.hostPort = hostPort
        self.targetPort = targetPort
    }
}

/// One end of a tunnel to another host, on a segment.
public struct TunnelElement: Sendable, Equatable {
    public var name: String
    public var segment: String
    /// Where the peer is; nil: it comes to us.
    public var peer: String?
    public var listen: String?
    /// The peer's public key.
    public var peerKey: String?
    /// The file of our own key.
    public var key: String?
    /// uml_switch2's form, without keys.
    public var isPlain = false

    public init(name: String, segment: String) {
        self.name = name
        self.segment = segment
    }
}

/// Part of a segment, given to somebody of this host.
public struct Delegation: Sendable, Equatable {
    public var name: String
    public var segment: String
    /// A user's or group's name or number; one of both.
    public var user: String?
    public var group: String?
    public var filter = FilterRules()

    public init(name: String, segment: String) {
        self.name = name
        self.segment = segment
    }
}
