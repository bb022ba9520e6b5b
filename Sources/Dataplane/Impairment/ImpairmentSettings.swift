// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with one direction of a wire. Everything zero is a perfect wire.
///
/// The quantities and their units are those of wirefilter(1); `reorder` and `corrupt` are those of tc-netem(8).
@frozen
public struct ImpairmentSettings: Sendable, Equatable {
    /// Percentage of frames lost.
    public var loss = ImpairmentValue()
    /// Mean number of frames lost in a row: above zero, losses come in bursts (Gilbert 1960).
    public var lossBurst = ImpairmentValue()
    /// Milliseconds that each frame is late.
    public var delay = ImpairmentValue()
    /// Percentage of frames that arrive once more; a copy may be copied again.
    public var duplicate = ImpairmentValue()
    /// Percentage of frames that are not delayed and so overtake others.
    public var reorder = ImpairmentValue()
    /// Percentage of frames in which one bit is changed.
    public var corrupt = ImpairmentValue()
    /// Bits changed in each mebibyte.
    public var noise = ImpairmentValue()
    /// Bytes a second that the wire carries; what comes faster waits in the wire. Zero: any number.
    public var bandwidth = ImpairmentValue()
    /// Bytes a second that the wire takes in; a faster sender is kept waiting. Zero: any number.
    public var speed = ImpairmentValue()
    /// Bytes that may be in the wire; what comes then is lost. Zero: any number.
    public var buffer = ImpairmentValue()
    /// Longest frame, in bytes from its destination address to its end; longer ones are lost. Zero: any length.
    public var maximumFrame = ImpairmentValue()
    /// Frames stay in order however their delays differ.
    public var isOrdered = true

    public init() {}

    /// Frames pass as they are.
    public var isPerfect: Bool {
        loss.isZero && lossBurst.isZero && delay.isZero && duplicate.isZero && reorder.isZero && corrupt.isZero
            && noise.isZero && bandwidth.isZero && speed.isZero && buffer.isZero && maximumFrame.isZero
    }
}
