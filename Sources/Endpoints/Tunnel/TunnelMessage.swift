// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TunnelCrypto
import Wire

/// What a tunnel's packets carry, when they are open.
///
/// # Theory of operation
///
/// Frames that go out together make one **message**: a run of records, each a length (32 bits, little-endian), a virtio-net
/// header and a frame. The message is cut into **fragments** of equal size that fit the path, each sealed as a packet of its
/// own; so the kernel can send and receive all of them in one call, super-frames pass as they are, and IP never fragments.
///
///     records    | length 4 | virtio-net header 12 | frame … | length | header | frame … |
///     fragments  |------ size ------|------ size ------|--- rest ---|
///     packet     header 16 | kind 1 | index 1 | count 1 | 0 | size 2 | first 2 | bytes | tag 16
///
/// `first` is where the first record begins that begins in this fragment (none: 0xffff). When a fragment is lost, the
/// records that lie in the others are still delivered.
enum TunnelMessage {
    /// The head of every open packet.
    static var headByteCount: Int { 8 }
    /// What a packet has more than the bytes of a message that it carries.
    static var overhead: Int { TunnelPacket.dataOverhead + headByteCount }
    static var lengthByteCount: Int { 4 }
    static var recordOverhead: Int { lengthByteCount + VirtioNetHeader.byteCount }
    /// Most records of a message: all of them fit a burst.
    static var maximumRecordCount: Int { 32 }
    static var maximumFragmentCount: Int { 64 }
    /// Most bytes of a message: the largest frame, or a burst, in one large slot of the frame pool.
    static var maximumByteCount: Int { Tunables.largeSlotByteCount - 64 }
    static var noRecord: UInt16 { 0xffff }

    enum Kind: UInt8 {
        case fragment = 0
        /// Nothing: shows that we are there.
        case keepalive = 1
        /// Padded to a size, to see whether the path takes it; to be answered.
        case probe = 2
        /// The answer; `size` is that of the probe's packet.
        case probeAnswer = 3
    }

    struct Head {
        var kind: Kind
        var index: Int
        var count: Int
        var size: Int
        var first: UInt16

        init(_ kind: Kind, index: Int = 0, count: Int = 0, size: Int = 0, first: UInt16 = TunnelMessage.noRecord) {
            self.kind = kind
            self.index = index
            self.count = count
            self.size = size
            self.first = first
        }

        init?(_ bytes: Span<UInt8>, at offset: Int, byteCount: Int) {
            guard byteCount >= TunnelMessage.headByteCount, let kind = Kind(rawValue: bytes[offset]) else { return nil }
            self.kind = kind
            index = Int(bytes[offset + 1])
            count = Int(bytes[offset + 2])
            size = Int(bytes.readLittleEndianUInt16(at: offset + 4))
            first = bytes.readLittleEndianUInt16(at: offset + 6)
        }

        func store(into bytes: inout MutableSpan<UInt8>, at offset: Int) {
            bytes[offset] = kind.rawValue
            bytes[offset + 1] = UInt8(truncatingIfNeeded: index)
            bytes[offset + 2] = UInt8(truncatingIfNeeded: count)
            bytes[offset + 3] = 0
            bytes.storeLittleEndianUInt16(UInt16(truncatingIfNeeded: size), at: offset + 4)
            bytes.storeLittleEndianUInt16(first, at: offset + 6)
        }

        /// The head of a fragment agrees with itself and with the packet's size.
        func isFragment(byteCount: Int) -> Bool {
            guard count > 0, count <= TunnelMessage.maximumFragmentCount, index < count, size > 0,
                count * size <= TunnelMessage.maximumByteCount + size
            else { return false }
            return index + 1 < count
                ? byteCount == size
                : byteCount > 0 && byteCount <= size && (count - 1) * size + byteCount <= TunnelMessage.maximumByteCount
        }
    }
}
