// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension NetworkStack {
    var dynamicDescriptors: [Int32] { [] }
    /// When `handleEvents()` has work at the latest; monotonic nanoseconds.
    public var nextDeadline: UInt64? { nil }
    mutating func handleDynamicEvents() {}
    func releaseLeases() {}
    public mutating func configureDynamic() throws(StackError) {}
}
