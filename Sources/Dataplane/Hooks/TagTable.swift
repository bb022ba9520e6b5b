// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What becomes of the VLAN tags of frames that come in at a port: each number keeps its tag, gets another number, loses the
/// tag, or does not pass (IEEE 802.1Q clause 6.9, VID translation).
///
/// Tags are those of one type, customer tags (0x8100) or service tags (0x88a8); a frame whose first tag is of another type
/// counts as one without. A tag that names VLAN 0 gives a priority only: its frame is one without a VLAN.
public struct TagTable: ~Copyable, Sendable {
    /// What happens to the frames of a VLAN.
    public enum Action: Sendable, Equatable {
        /// They pass without a tag.
        case untag
        /// They pass with a tag of this number, 1 to 4094.
        case tag(UInt16)
        case discard

        fileprivate var code: UInt16 {
            switch self {
            case .untag: 0
            case .tag(let number): number
            case .discard: .max
            }
        }
    }

    private let codes: RigidTable<UInt16>
    private let type: UInt16

    /// - Parameters:
    ///   - type: of the tags that are meant, and of those that are put on.
    ///   - action: asked once for each number from 0, the frames without a VLAN, to 4095.
    public init(type: EtherType, action: (UInt16) -> Action) {
        self.type = type.rawValue
        codes = RigidTable(count: 4096) { action(UInt16($0)).code }
    }

    /// Does to one frame, whose hold the caller has, what the table says. A cause: the frame does not pass.
    public func apply(to frame: inout FrameReference, _ pool: inout FramePool) -> DropCause? {
        guard Int(frame.byteCount) >= Ethernet.headerByteCount else { return .runt }
        let control = control(pool.bytes(frame))
        let number = (control ?? 0) & 0xfff
        let code = codes[Int(number)]
        switch code {
        case .max: return .wrongVLAN
        case number: return nil
        case 0: return pool.popTag(of: &frame)
        default:
            if control != nil { return pool.nameVLAN(code, in: &frame) }
            return pool.pushTag(control: code, type: EtherType(rawValue: type), on: &frame)
        }
    }

    /// The control information of a frame's first tag, if that is of our type.
    private func control(_ bytes: Span<UInt8>) -> UInt16? {
        guard bytes.count >= Ethernet.headerByteCount + Ethernet.vlanTagByteCount, bytes.readUInt16(at: 12) == type
        else { return nil }
        return bytes.readUInt16(at: 14)
    }
}
