// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A client's wish to join a switch, as sent on the `ctl` socket of a VDE switch.
///
/// Version 3, packed, in host byte order (little endian on every port of Swift to Linux):
///
///     0    magic 0xfeedface
///     4    version 3
///     8    type: low 8 bits command (0 new endpoint, 1 new endpoint on port 0), high 24 bits port number (0: any)
///     12   the client's datagram socket, `struct sockaddr_un`, 110 bytes
///     122  description, up to 128 bytes, no terminator needed
///
/// Version 1 (uml_switch of old) has no version word; a MAC address follows the type. User Mode Linux sends version 3 with
/// two bytes of padding at the end, 124 in all.
public struct VDERequest: Sendable, Equatable {
    public static var magic: UInt32 { 0xfeed_face }
    /// The longest request that is read; what exceeds it is no request.
    public static var maximumByteCount: Int { 256 }
    static var headerByteCount: Int { 122 }
    static var version1HeaderByteCount: Int { 4 + 4 + 6 + 110 }

    /// Port number asked for; 0 for any.
    public var port: Int
    /// The management port was asked for (command 1).
    public var isManagement: Bool
    public var address: UnixSocketAddress
    /// What the client says of itself; control characters are shown as dots.
    public var description: String

    public init(port: Int, isManagement: Bool = false, address: UnixSocketAddress, description: String) {
        self.port = port
        self.isManagement = isManagement
        self.address = address
        self.description = description
    }

    /// Why a request is none.
    public enum Refusal: Error, Sendable, Equatable {
        /// Too short so far; more may come.
        case incomplete
        case tooLong
        /// No magic number: protocol version 0, or no VDE client at all.
        case noMagic
        case unsupportedVersion(UInt32)
        case unknownCommand(UInt32)
        case badAddress
    }

    /// Reads a request of version 1 or 3.
    public static func parse(_ bytes: [UInt8]) throws(Refusal) -> VDERequest {
        guard bytes.count <= maximumByteCount else { throw .tooLong }
        guard bytes.count >= 8 else { throw .incomplete }
        guard word(bytes, 0) == magic else { throw .noMagic }
        let second = word(bytes, 4)
        switch second {
        case 3:
            guard bytes.count >= headerByteCount else { throw .incomplete }
            let type = word(bytes, 8)
            guard type & 0xff <= 1 else { throw .unknownCommand(type & 0xff) }
            return try make(
                command: type & 0xff,
                port: Int(type >> 8),
                address: bytes[12..<122],
                text: bytes[122...]
            )
        case 0, 1:
            // Version 1 has its type where later ones have the version.
            guard bytes.count >= version1HeaderByteCount else { throw .incomplete }
            return try make(command: second, port: 0, address: bytes[14..<124], text: bytes[124...])
        default:
            throw .unsupportedVersion(second)
        }
    }

    private static func make(
        command: UInt32,
        port: Int,
        address: ArraySlice<UInt8>,
        text: ArraySlice<UInt8>
    ) throws(Refusal) -> VDERequest {
        guard let address = UnixSocketAddress(bytes: address) else { throw .badAddress }
        return VDERequest(
            port: command == 1 ? 0 : port,
            isManagement: command == 1,
            address: address,
            description: printable(text.prefix { $0 != 0 })
        )
    }

    /// The request as version 3 sends it.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        Self.append(Self.magic, to: &bytes)
        Self.append(3, to: &bytes)
        Self.append(UInt32(truncatingIfNeeded: port) << 8 | (isManagement ? 1 : 0), to: &bytes)
        bytes += address.bytes
        bytes += description.utf8.prefix(128)
        return bytes
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// A description goes to terminals: nothing in it may move a cursor.
    static func printable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { $0 < 0x20 || $0 >= 0x7f ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
    }
}
