// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What an output needs done to a frame that it cannot take as it is.
extension FramePool {
    /// Why a frame could not be made fit.
    @frozen
    public enum SegmentationFailure: Sendable, Equatable {
        /// The header contradicts the frame.
        case badHeader
        /// Not enough free slots.
        case noMemory
    }

    /// Splits a super-frame into ordinary frames with full checksums, appended to `output`; each has one holder, the
    /// caller. On failure nothing is appended.
    public mutating func segment(_ frame: FrameReference, into output: inout FrameBurst) -> SegmentationFailure? {
        let header = header(frame)
        let source = unsafe independentBytes(frame)
        guard let segmenter = Segmenter(header: header, frame: source) else { return .badHeader }
        guard segmenter.segmentCount <= output.freeCount else { return .noMemory }
        // All slots first: half a super-frame is worth nothing to its receiver.
        let size = segmenter.maximumSegmentByteCount
        guard
            size <= Self.smallCapacity
                ? freeSmallCount >= segmenter.segmentCount : freeLargeCount >= segmenter.segmentCount
        else { return .noMemory }
        for index in 0..<segmenter.segmentCount {
            guard var segment = allocate(byteCount: size) else { return .noMemory }
            // Another slot than the source's, which is held: the two ranges never meet.
            var target = unsafe independentMutableBytes(segment)
            segment.byteCount = UInt32(segmenter.emit(index, from: source, into: &target))
            output.append(segment)
        }
        return nil
    }

    /// How many ordinary frames a frame stands for, at most: 1 unless it is a super-frame.
    public func ordinaryFrameCount(_ frame: FrameReference) -> Int {
        needsWork(frame) ? header(frame).mostSegments(frameByteCount: Int(frame.byteCount)) : 1
    }

    /// Finishes a partial checksum in place. The frame is right for every output afterwards.
    public mutating func completeChecksum(_ frame: FrameReference) {
        let header = header(frame)
        guard header.needsChecksum else { return }
        var bytes = mutableBytes(frame)
        _ = ChecksumCompletion.complete(header, frame: &bytes)
        clearHeader(of: frame)
    }

    /// The frame's bytes without a tie to the pool's exclusivity, so that one slot can be read while another is written.
    @unsafe
    @_lifetime(immortal)
    private func independentBytes(_ frame: FrameReference) -> Span<UInt8> {
        let start = unsafe UnsafeRawPointer(headerAddress(frame) + 12).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: start, count: Int(frame.byteCount))
        return unsafe _overrideLifetime(span, copying: ())
    }

    @unsafe
    @_lifetime(immortal)
    private func independentMutableBytes(_ frame: FrameReference) -> MutableSpan<UInt8> {
        let start = unsafe (headerAddress(frame) + 12).assumingMemoryBound(to: UInt8.self)
        let span = unsafe MutableSpan(_unsafeStart: start, count: Int(frame.byteCount))
        return unsafe _overrideLifetime(span, copying: ())
    }
}
