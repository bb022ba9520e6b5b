// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is found behind the extension headers of an IPv6 packet (RFC 8200 section 4).
@frozen
public struct IPv6UpperLayer: Hashable, Sendable {
    /// The upper layer's protocol; see `IPProtocol`. `IPProtocol.noNextHeader` if there is none.
    public var protocolNumber: UInt8
    /// Where the upper layer begins in the span.
    public var offset: Int
    /// Bytes of the upper layer, up to the packet's end.
    public var byteCount: Int
    /// Whether a fragment header stands before it; then only a part of the upper layer is here.
    public var isFragment: Bool
    /// Where that part belongs, in bytes; unless it is 0 the upper layer's header is not here.
    public var fragmentOffset: Int
    /// Whether further fragments follow.
    public var moreFragments: Bool

    /// An upper layer of these fields.
    @inlinable
    public init(
        protocolNumber: UInt8,
        offset: Int,
        byteCount: Int,
        isFragment: Bool = false,
        fragmentOffset: Int = 0,
        moreFragments: Bool = false
    ) {
        self.protocolNumber = protocolNumber
        self.offset = offset
        self.byteCount = byteCount
        self.isFragment = isFragment
        self.fragmentOffset = fragmentOffset
        self.moreFragments = moreFragments
    }
}

extension IPv6Header {
    /// Skips hop-by-hop, routing, destination and fragment headers of the packet whose fixed header is at `offset`.
    ///
    /// At most `WireTunables.maximumExtensionHeaderCount` headers are skipped, so that a hostile chain costs little.
    ///
    /// - Returns: the upper layer, or nil if a header is cut short or there are too many.
    @inlinable
    public func upperLayer(_ span: Span<UInt8>, at offset: Int) -> IPv6UpperLayer? {
        guard span.hasBytes(IPv6Header.byteCount &+ payloadByteCount, at: offset) else { return nil }
        let end = offset &+ IPv6Header.byteCount &+ payloadByteCount
        var result = IPv6UpperLayer(protocolNumber: nextHeader, offset: offset &+ IPv6Header.byteCount, byteCount: 0)
        for _ in 0...WireTunables.maximumExtensionHeaderCount {
            let position = result.offset
            let remaining = end &- position
            var length = 8
            switch result.protocolNumber {
            case IPProtocol.hopByHop, IPProtocol.routing, IPProtocol.destinationOptions:
                guard remaining >= 8 else { return nil }
                length = (Int(truncatingIfNeeded: span[position &+ 1]) &+ 1) &* 8
                guard remaining >= length else { return nil }
            case IPProtocol.fragment:
                guard remaining >= 8 else { return nil }
                let field = span.readUInt16(at: position &+ 2)
                result.isFragment = true
                result.fragmentOffset = Int(truncatingIfNeeded: field & 0xfff8)
                result.moreFragments = field & 1 != 0
            default:
                result.byteCount = remaining
                return result
            }
            result.protocolNumber = span[position]
            result.offset = position &+ length
            // Behind a fragment header that is not the first there is payload, not headers.
            if result.fragmentOffset != 0 {
                result.byteCount = end &- result.offset
                return result
            }
        }
        return nil
    }
}
