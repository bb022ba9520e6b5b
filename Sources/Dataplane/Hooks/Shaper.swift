// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What one direction of a port does to the frames that pass: a rate limit, which drops, and an impairment.
public struct Shaper: Sendable {
    public var rate: RateLimit?
    public var impairment: ImpairedDirection?

    public init() {}

    public var isEmpty: Bool { rate == nil && impairment == nil }
}

/// A frame that waits for its time, or a port that does.
@frozen
public struct WaitingFrame: BitwiseCopyable, Sendable {
    @frozen
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// It is to be forwarded as if it came in now.
        case inbound
        /// It is to leave the port now.
        case outbound
        /// No frame: the sender at the place may go on.
        case resume
    }

    public var kind: Kind
    public var place: Int32
    public var port: Int32
    /// Of the place: what is plugged in there may be another by then.
    public var generation: UInt32
    public var frame: FrameReference

    public init(_ kind: Kind, place: Int, port: Int, generation: UInt32, frame: FrameReference) {
        self.kind = kind
        self.place = Int32(truncatingIfNeeded: place)
        self.port = Int32(truncatingIfNeeded: port)
        self.generation = generation
        self.frame = frame
    }
}
