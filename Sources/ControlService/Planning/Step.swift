// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Guests

/// One change of a running lab.
public struct Step: Sendable, Equatable {
    public enum Action: Sendable, Equatable {
        /// A request to the keeper.
        case request([String])
        /// A request that may fail without harm: nobody knows whether there is something to take away.
        case attempt([String])
        /// Waits until a guest is in a state.
        case await(guest: String, GuestState, milliseconds: UInt64)
        /// From now on the guest is to run: the supervisor starts it as soon as those before it are ready.
        case start(guest: String)
    }

    /// Steps of one phase do not depend on each other; each phase waits for the one before. Nothing is plugged in before what
    /// holds for it there has been set.
    public enum Phase: Int, Sendable, Comparable, CaseIterable {
        case unplug, removeGuests, removeSegments, segments, companions, elements, guests, rules, plugs, start
        public static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    public var phase: Phase
    /// One after the other.
    public var actions: [Action]
    /// For people: `+ segment lan switch`.
    public var line: String
    /// What there is when it is done: nil for a thing that is gone then.
    public var results: [String: Resource?]

    public init(_ phase: Phase, _ line: String, _ actions: [Action], results: [String: Resource?] = [:]) {
        self.phase = phase
        self.line = line
        self.actions = actions
        self.results = results
    }
}
