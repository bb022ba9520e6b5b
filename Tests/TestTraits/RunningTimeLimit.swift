// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
public import Testing

/// How long a test may run, counted from when it has a thread.
///
/// Swift Testing's own `timeLimit` counts from when a test is due. Our tests wait in system calls, and so keep the few
/// threads that there are; those that come last are due from the beginning and run after everybody else. What it
/// measures is then the length of the whole run, and a test that takes a millisecond fails on a slower machine.
///
/// A test that takes longer than its limit fails when it ends. One that does not end cannot be ended from here; it is
/// named on standard error, and the limit of the whole run (see Scripts/test) does the rest.
///
/// For tests that wait without awaiting, as nearly all of ours do. One that awaits waits for a thread again each time;
/// the processes of exit tests are limited by `limitThisProcess(seconds:)`.
public struct RunningTimeLimit: TestTrait, SuiteTrait, TestScoping {
    /// In seconds.
    let seconds: Int

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        let name = test.displayName ?? test.name
        let warning = DispatchWorkItem { [seconds] in
            let line = "✘ Test \"\(name)\" still runs after \(seconds) seconds.\n"
            _ = write(STDERR_FILENO, line, line.utf8.count)
        }
        Self.clock.asyncAfter(deadline: .now() + .seconds(seconds), execute: warning)
        defer { warning.cancel() }
        let begin = ContinuousClock.now
        try await function()
        if let complaint = complaint(after: ContinuousClock.now - begin) {
            Issue.record("\(complaint)", sourceLocation: test.sourceLocation)
        }
    }

    /// What there is to say of a test that ran for so long.
    func complaint(after time: Duration) -> String? {
        time > .seconds(seconds) ? "it ran for \(time), longer than its limit of \(seconds) s" : nil
    }

    /// Has a thread of its own while all of the others wait.
    private static let clock = DispatchQueue(label: "limits of tests")
}

extension Trait where Self == RunningTimeLimit {
    /// The test, or each test of the suite, with each of its arguments, may run for so long.
    public static func mayRun(seconds: Int) -> Self { RunningTimeLimit(seconds: seconds) }
}
