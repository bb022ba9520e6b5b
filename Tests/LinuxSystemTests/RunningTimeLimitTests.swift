// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TestTraits

@Suite("Limits of tests")
struct RunningTimeLimitTests {
    @Test("what takes longer than it may is complained of")
    func complaints() {
        let limit = RunningTimeLimit.mayRun(seconds: 1)
        #expect(limit.complaint(after: .milliseconds(999)) == nil)
        #expect(limit.complaint(after: .milliseconds(1100)) == "it ran for 1.1 seconds, longer than its limit of 1 s")
    }
}
