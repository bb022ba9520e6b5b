// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What stands before a frame in an L2TPv3 data message over UDP (RFC 3931 section 4.1.2.1), as User Mode Linux and QEMU
/// speak it: sessions and cookies are agreed on beforehand, there are no control messages.
///
///     0       4         8               8/12/16          +4
///     | flags | session | cookie 0/4/8 | counter 0 or 4 | frame
@frozen
public struct L2TPv3Framing: Sendable, Equatable {
    /// Session that arriving packets carry.
    public var receiveSession: UInt32
    /// Session that packets sent carry.
    public var sendSession: UInt32
    /// 0, 4 or 8.
    public var cookieByteCount = 0
    public var receiveCookie: UInt64 = 0
    public var sendCookie: UInt64 = 0
    /// A 32-bit number before each frame, one more each time.
    public var hasCounter = false
    /// The number is always zero.
    public var isCounterPinned = false

    public init(receiveSession: UInt32, sendSession: UInt32) {
        self.receiveSession = receiveSession
        self.sendSession = sendSession
    }

    /// Most bytes of a header.
    public static let maximumByteCount = 20

    /// Bytes of the header.
    @inlinable
    public var byteCount: Int { 8 &+ cookieByteCount &+ (hasCounter ? 4 : 0) }

    /// What a header says.
    @frozen
    public enum Verdict: Sendable, Equatable {
        case valid
        /// Cut short, a control message, or another version.
        case malformed
        /// Of a session that is not this one.
        case otherSession
        /// The cookie is not the one that was agreed on.
        case wrongCookie
    }

    /// Judges the header at `offset`. The counter is not looked at, as neither User Mode Linux nor QEMU does: frames that
    /// overtook one another are still frames.
    @inlinable
    public func verify(_ span: Span<UInt8>, at offset: Int = 0) -> Verdict {
        guard span.hasBytes(byteCount, at: offset) else { return .malformed }
        // The T bit (0x8000) would be a control message; the low four bits are the version (RFC 3931 section 3.2.1).
        guard span.readUInt16(at: offset) & 0x800f == 3 else { return .malformed }
        guard span.readUInt32(at: offset &+ 4) == receiveSession else { return .otherSession }
        switch cookieByteCount {
        case 4: return UInt64(span.readUInt32(at: offset &+ 8)) == receiveCookie & 0xffff_ffff ? .valid : .wrongCookie
        case 8: return span.readUInt64(at: offset &+ 8) == receiveCookie ? .valid : .wrongCookie
        default: return .valid
        }
    }

    /// Writes the header at `offset` and returns its length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public func emit(counter: UInt32, into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        guard span.hasRoom(byteCount, at: offset) else { return nil }
        span.storeUInt32(0x0003_0000, at: offset)
        span.storeUInt32(sendSession, at: offset &+ 4)
        if cookieByteCount == 4 { span.storeUInt32(UInt32(truncatingIfNeeded: sendCookie), at: offset &+ 8) }
        if cookieByteCount == 8 { span.storeUInt64(sendCookie, at: offset &+ 8) }
        if hasCounter { span.storeUInt32(isCounterPinned ? 0 : counter, at: offset &+ 8 &+ cookieByteCount) }
        return byteCount
    }
}
