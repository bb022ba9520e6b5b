// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An outcome of a policy that has a name and a counter.
public struct FilterRule: Sendable, Hashable {
    /// `arp-address`, `dhcp-server`: unique within its policy.
    public let name: String
    /// The frame passes.
    public let accepts: Bool

    public init(_ name: String, accepts: Bool) {
        self.name = name
        self.accepts = accepts
    }

    /// What befalls a frame that is too short for what the rules look at: the machine ends with 0 by itself.
    public static var malformed: FilterRule { FilterRule("malformed", accepts: false) }
}

/// What becomes of frames of one direction: one program, whose answer is the number of the rule that decided.
public struct CompiledPolicy: Sendable, Equatable {
    public let program: FilterProgram
    /// By what the program returns; the first is `malformed`.
    public let rules: [FilterRule]
    /// Every segment of a super-frame would be judged as the super-frame is: nothing is looked at that differs between them.
    public let judgesSegmentsAlike: Bool

    init(_ program: FilterProgram, _ rules: [FilterRule], judgesSegmentsAlike: Bool) {
        self.program = program
        self.rules = rules
        self.judgesSegmentsAlike = judgesSegmentsAlike
    }

    /// The rule that decides about a frame. For those who are not in a hurry.
    public func rule(for frame: Span<UInt8>) -> FilterRule {
        let answer = Int(program.run(frame))
        return answer < rules.count ? rules[answer] : .malformed
    }

    public func accepts(_ frame: Span<UInt8>) -> Bool { rule(for: frame).accepts }
}

/// Why there is no program for a policy.
public struct PolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    /// Nothing is wrong with the rules: this machine lacks libpcap.
    public let needsLibrary: Bool

    public init(_ description: String, needsLibrary: Bool = false) {
        self.description = description
        self.needsLibrary = needsLibrary
    }
}
