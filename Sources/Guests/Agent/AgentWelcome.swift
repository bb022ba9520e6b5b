// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What an agent says of itself and of its guest when a session begins.
public struct AgentWelcome: Sendable, Equatable {
    public var version: UInt16
    public var kernel = ""
    public var machine = ""
    /// It is the guest's first process, so that its end is the guest's.
    public var isInit = false
    /// What went wrong on the guest's way up, for people.
    public var problems: [String] = []

    /// The problem without whose solution there is no guest: its root cannot be mounted, or nothing in it can be run.
    public var fatalProblem: String? {
        problems.first { $0.hasPrefix("cannot mount the root") || $0.hasPrefix("cannot run ") }
    }

    /// Whom it welcomes: a number of the host's.
    var session: UInt64

    /// Nil when the payload is too short for one.
    public init?(_ payload: [UInt8]) {
        guard let version = AgentFrame.number(payload, at: 0, byteCount: 2),
            let session = AgentFrame.number(payload, at: 2, byteCount: 8)
        else { return nil }
        self.session = session
        self.version = UInt16(version)
        for word in WordMessage(bytes: Array(payload.dropFirst(10)))?.words ?? [] {
            let (key, value) = PlanWords.parts(word)
            switch key {
            case "kernel": kernel = value ?? ""
            case "machine": machine = value ?? ""
            case "role": isInit = value == "init"
            case "problem": problems.append(value ?? "")
            default: break
            }
        }
    }
}
