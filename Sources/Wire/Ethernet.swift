// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Sizes of Ethernet (IEEE 802.3 clause 3, IEEE 802.1Q clause 9), in bytes.
public enum Ethernet {
    /// Destination, source and type. The frame check sequence never reaches software.
    public static let headerByteCount = 14

    /// One VLAN tag: type and tag control information.
    public static let vlanTagByteCount = 4

    /// Tags that parsers look behind: a service tag and a customer tag (IEEE 802.1Q clause 9.3). More stay opaque.
    public static let maximumTagCount = 2

    /// The smallest frame on a physical medium, without frame check sequence. Virtual links carry shorter ones.
    public static let minimumFrameByteCount = 60

    /// The payload of a classic frame.
    public static let standardMTU = 1500

    /// The largest VLAN identifier in use; 4095 is reserved (IEEE 802.1Q table 9-2).
    public static let maximumVLANIdentifier: UInt16 = 4094

    /// Where the fields of a frame lie.
    @usableFromInline
    enum Offset {
        @usableFromInline static let destination = 0
        @usableFromInline static let source = 6
        @usableFromInline static let type = 12
        @usableFromInline static let tagControl = 14
    }
}
