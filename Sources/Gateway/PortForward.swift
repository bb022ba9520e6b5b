// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// A port of the host whose connections or datagrams go to a guest.
public struct PortForward: Sendable, Hashable {
    /// What is forwarded.
    public enum Transport: Sendable, Hashable {
        case tcp, udp
    }

    public var transport: Transport
    /// Where the host listens; 0.0.0.0 is everywhere.
    public var hostAddress: IPv4Address
    public var hostPort: UInt16
    public var guestAddress: IPv4Address
    public var guestPort: UInt16

    public init(
        transport: Transport,
        hostAddress: IPv4Address = .unspecified,
        hostPort: UInt16,
        guestAddress: IPv4Address,
        guestPort: UInt16
    ) {
        self.transport = transport
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.guestAddress = guestAddress
        self.guestPort = guestPort
    }

    /// Reads what slirpvde's `-L` and `-U` take: `HOSTPORT:GUESTADDRESS:GUESTPORT`, as in `30000:192.168.77.100:10000`.
    /// With a fourth part in front, the address to listen at: `127.0.0.1:30000:192.168.77.100:10000`.
    public init(slirp text: String, transport: Transport = .tcp) throws(PortForwardError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 4 else { throw .wrongForm(text) }
        var rest = parts[...]
        var hostAddress = IPv4Address.unspecified
        if parts.count == 4 {
            guard let address = IPv4Address(rest.removeFirst()) else { throw .invalidAddress(String(parts[0])) }
            hostAddress = address
        }
        let hostPort = try Self.port(rest.removeFirst())
        let guestText = rest.removeFirst()
        guard let guestAddress = IPv4Address(guestText), !guestAddress.isUnspecified, !guestAddress.isMulticast,
            !guestAddress.isBroadcast
        else { throw .invalidAddress(String(guestText)) }
        let guestPort = try Self.port(rest.removeFirst())
        self.init(
            transport: transport,
            hostAddress: hostAddress,
            hostPort: hostPort,
            guestAddress: guestAddress,
            guestPort: guestPort
        )
    }

    private static func port(_ text: Substring) throws(PortForwardError) -> UInt16 {
        guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let number = UInt16(text), number > 0
        else { throw .invalidPort(String(text)) }
        return number
    }
}

/// What is wrong with a forward's text.
public enum PortForwardError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not three or four parts separated by colons.
    case wrongForm(String)
    /// Not an IPv4 address that a forward can have.
    case invalidAddress(String)
    /// Not a number from 1 to 65535.
    case invalidPort(String)

    public var description: String {
        switch self {
        case .wrongForm(let text):
            "\"\(text)\" is no forward: write HOSTPORT:GUESTADDRESS:GUESTPORT, as 8080:192.168.77.100:80"
        case .invalidAddress(let text): "\"\(text)\" is not the IPv4 address of a guest or host"
        case .invalidPort(let text): "\"\(text)\" is not a port number (1 to 65535)"
        }
    }
}

extension PortForward: CustomStringConvertible {
    public var description: String {
        let host = hostAddress.isUnspecified ? "\(hostPort)" : "\(hostAddress):\(hostPort)"
        return "\(transport == .tcp ? "tcp" : "udp") \(host) -> \(guestAddress):\(guestPort)"
    }
}
