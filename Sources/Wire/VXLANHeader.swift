// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The eight bytes before a frame in a VXLAN packet (RFC 7348 section 5): flags, a reserved field, the network's number, and
/// one more reserved byte.
public enum VXLANHeader {
    /// Bytes of the header.
    public static let byteCount = 8
    /// The largest network number.
    public static let maximumIdentifier: UInt32 = 0xff_ffff

    /// The flag that says "the number is valid", which every packet has.
    @usableFromInline static var validFlag: UInt32 { 0x0800_0000 }

    /// The network's number (VNI), or nil when the header is cut short or has a bit that VXLAN does not define.
    ///
    /// RFC 7348 would have reserved bits ignored. But extensions use them to say that what follows is no Ethernet frame
    /// (VXLAN-GPE), so that the Linux kernel refuses what it does not know, and so does this.
    @inlinable
    public static func identifier(_ span: Span<UInt8>, at offset: Int = 0) -> UInt32? {
        guard span.hasBytes(byteCount, at: offset), span.readUInt32(at: offset) == validFlag else { return nil }
        let word = span.readUInt32(at: offset &+ 4)
        return word & 0xff == 0 ? word >> 8 : nil
    }

    /// Writes the header of a network at `offset` and returns its length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public static func emit(identifier: UInt32, into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        guard span.hasRoom(byteCount, at: offset) else { return nil }
        span.storeUInt32(validFlag, at: offset)
        span.storeUInt32((identifier & maximumIdentifier) << 8, at: offset &+ 4)
        return byteCount
    }
}
