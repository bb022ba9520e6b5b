// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Something around a test did not go as it must: a program that did not start, a condition that did not come true.
public struct IntegrationFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    /// A system call that failed, with what it was for.
    static func system(_ what: String, _ code: Int32 = errno) -> IntegrationFailure {
        IntegrationFailure("\(what): \(String(cString: strerror(code)))")
    }
}

/// How long waits last before they are failures: far beyond what anything takes on an idle machine.
public let patience: Double = 40

/// Waits until a condition holds; looked at often at first, then every few milliseconds.
///
/// - Parameter what: completes the sentence "waited in vain for …".
public func wait(
    for what: @autoclosure () -> String,
    seconds: Double = patience,
    until condition: () throws -> Bool
) throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: .milliseconds(Int(seconds * 1000)))
    var pause: UInt32 = 1_000
    while try !condition() {
        guard clock.now < deadline else { throw IntegrationFailure("waited in vain for \(what())") }
        usleep(pause)
        pause = min(pause * 2, 20_000)
    }
}
