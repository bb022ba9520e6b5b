// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// Tags put on and taken off in place, in the room before the frame.
///
/// The addresses and the virtio-net header before them move by four bytes; the payload stays where it is. A super-frame
/// stays one: what its header says of offsets moves along. A frame that others hold too is copied first, so that each
/// holder keeps the bytes it was given.
///
///     | head room | virtio (12) | addresses (12) |            type | payload …
///     | head…| virtio (12) | addresses (12) | 8100 | control | type | payload …
extension FramePool {
    /// Puts a tag on a frame whose hold the caller has; `frame` is then the tagged one. What kept it from that, if it
    /// could not be done: the frame is as before.
    ///
    /// - Parameter type: 0x8100, or 0x88a8 for a service tag.
    public mutating func pushTag(
        control: UInt16,
        type: EtherType = .vlan,
        on frame: inout FrameReference
    ) -> DropCause? {
        let byteCount = Int(frame.byteCount)
        guard byteCount >= Ethernet.headerByteCount else { return .runt }
        guard byteCount + Ethernet.vlanTagByteCount <= Self.largeCapacity else { return .tooLarge }
        let header = header(frame)
        if isUniquelyHeld(frame), frame.start >= 12 + 4 {
            let old = unsafe headerAddress(frame)
            frame.start -= 4
            frame.byteCount += 4
            unsafe headerAddress(frame).copyMemory(from: old, byteCount: 12 + 12)
        } else {
            guard let copy = allocate(byteCount: byteCount + 4) else { return .noFrameMemory }
            let source = unsafe headerAddress(frame)
            let target = unsafe headerAddress(copy)
            unsafe target.copyMemory(from: source, byteCount: 12 + 12)
            unsafe (target + 12 + 16).copyMemory(from: source + 12 + 12, byteCount: byteCount - 12)
            release(frame)
            frame = copy
        }
        var bytes = mutableBytes(frame)
        VLANTag(tagControl: control).emit(type: type, into: &bytes, at: 12)
        if needsWork(frame) { setHeader(header.moved(by: 4), of: frame) }
        return nil
    }

    /// Takes the outer tag off a frame whose hold the caller has.
    public mutating func popTag(of frame: inout FrameReference) -> DropCause? {
        let byteCount = Int(frame.byteCount)
        guard byteCount >= Ethernet.headerByteCount + Ethernet.vlanTagByteCount else { return .runt }
        let header = header(frame)
        // A checksum over the tag itself would afterwards begin in the addresses.
        guard !header.needsChecksum || header.checksumStart >= 14 + 4 else { return .badHeader }
        if isUniquelyHeld(frame) {
            let old = unsafe headerAddress(frame)
            frame.start += 4
            frame.byteCount -= 4
            unsafe headerAddress(frame).copyMemory(from: old, byteCount: 12 + 12)
        } else {
            guard let copy = allocate(byteCount: byteCount - 4) else { return .noFrameMemory }
            let source = unsafe headerAddress(frame)
            let target = unsafe headerAddress(copy)
            unsafe target.copyMemory(from: source, byteCount: 12 + 12)
            unsafe (target + 12 + 12).copyMemory(from: source + 12 + 16, byteCount: byteCount - 16)
            release(frame)
            frame = copy
        }
        if needsWork(frame) { setHeader(header.moved(by: -4), of: frame) }
        return nil
    }

    /// Gives the VLAN to a tag that has only a priority (IEEE 802.1Q clause 6.9), in a frame whose hold the caller has.
    public mutating func nameVLAN(_ vlan: UInt16, in frame: inout FrameReference) -> DropCause? {
        guard Int(frame.byteCount) >= Ethernet.headerByteCount + Ethernet.vlanTagByteCount else { return .runt }
        if !isUniquelyHeld(frame) {
            guard let copy = copy(frame) else { return .noFrameMemory }
            release(frame)
            frame = copy
        }
        var bytes = mutableBytes(frame)
        let control = bytes.readUInt16(at: 14)
        bytes.storeUInt16(control & 0xf000 | vlan & 0xfff, at: 14)
        return nil
    }
}

extension VirtioNetHeader {
    /// The same for a frame whose payload begins `distance` bytes later.
    fileprivate func moved(by distance: Int) -> VirtioNetHeader {
        var header = self
        if needsChecksum {
            header.checksumStart = UInt16(clamping: Int(checksumStart) + distance)
        }
        // Zero says nothing; the kernel takes that for a hint that was not given.
        if headerLength != 0 { header.headerLength = UInt16(clamping: Int(headerLength) + distance) }
        return header
    }
}
