// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What one direction of a port does to the frames that pass: a rate limit, which drops, and an impairment.
public struct Shaper: Sendable {
    public var rate: RateLimit?
    public var impairment: ImpairedDirection?
    /// Slots of the frame pool that what waits here holds, by size. Other settings, or none, do not change that.
    public private(set) var heldSmall = 0
    public private(set) var heldLarge = 0

    public init() {}

    /// A frame waits here from now on, or does not any more.
    public mutating func hold(isLarge: Bool) { if isLarge { heldLarge += 1 } else { heldSmall += 1 } }
    public mutating func letGo(isLarge: Bool) { if isLarge { heldLarge -= 1 } else { heldSmall -= 1 } }

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
