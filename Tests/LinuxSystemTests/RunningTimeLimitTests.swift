// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
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

    @Test("waiting for a thread is not running")
    func waiting() async throws {
        let test = try #require(Test.current)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<32 { group.addTask { usleep(100_000) } }
            group.addTask {
                // With the two threads of two processors it is due for a second and a half before it runs.
                try await RunningTimeLimit.mayRun(seconds: 1).provideScope(for: test, testCase: nil) { usleep(100_000) }
            }
            try await group.waitForAll()
        }
    }
}
