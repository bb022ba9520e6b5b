// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestTraits
import Testing

@Suite("Limits of tests")
struct RunningTimeLimitTests {
    /// Runs a test's body for so long, with a limit of a second.
    private func run(milliseconds: UInt32) async throws {
        let test = try #require(Test.current)
        try await RunningTimeLimit.mayRun(seconds: 1).provideScope(for: test, testCase: nil) {
            usleep(milliseconds * 1000)
        }
    }

    @Test("a test that takes longer than it may fails")
    func tooLong() async {
        await withKnownIssue {
            try await run(milliseconds: 1100)
        } matching: { issue in
            issue.comments.contains { $0.rawValue.hasSuffix("longer than its limit of 1 s") }
        }
    }

    @Test("a test that takes less does not, however many threads wait")
    func shortEnough() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { usleep(600_000) } }
            group.addTask { try await run(milliseconds: 100) }
            try await group.waitForAll()
        }
    }
}
