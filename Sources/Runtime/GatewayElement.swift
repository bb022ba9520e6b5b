// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire
/// scaffold
public struct GatewayElement: ~Copyable, Sendable {
    static var stateByteCount: Int { 0 }
    var hasPendingWork: Bool { false }
    var nextDeadline: UInt64? { nil }
}
