// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the thread that has a capture file tells the control thread at its end.
final class CaptureFileReport: Sendable {
    enum Ending: Sendable, Equatable {
        /// Nobody is at the other end any more.
        case unplugged
        /// The file was played to its end.
        case played(frames: Int, leftOut: Int)
        case failed(String)
    }

    private let ending = Mutex(Ending.unplugged)

    func set(_ value: Ending) { ending.withLock { $0 = value } }
    var value: Ending { ending.withLock { $0 } }
}
