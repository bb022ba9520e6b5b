// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What a filter's users have said: from it the policies of both directions are made.
///
/// Every kind of rule narrows what the others let pass. In this order: what the client was given (`allow`, `mac`), networks (as
/// eth-filter's -S and -R), expressions (-s and -r), and rules with names of the user's own.
public struct FilterRules: Sendable, Equatable {
    /// Seen from the client: what it sends, what it receives.
    public enum Direction: String, Sendable, CaseIterable {
        case send, receive
    }

    /// A rule with a name of the user's own.
    public struct Rule: Sendable, Equatable {
        public var direction: Direction
        public var name: String
        public var accepts: Bool
        public var expression: String

        /// `send|receive permit|deny NAME EXPRESSION`.
        public init(_ text: String) throws(PolicyError) {
            let words = text.split(maxSplits: 3) { $0 == " " || $0 == "\t" }
            let decisions: [Substring: Bool] = ["permit": true, "deny": false]
            guard words.count == 4, let direction = Direction(rawValue: String(words[0])),
                let accepts = decisions[words[1]]
            else { throw PolicyError("rule \"\(text)\": send|receive permit|deny NAME EXPRESSION is wanted") }
            self.direction = direction
            self.accepts = accepts
            name = String(words[2])
            expression = String(words[3])
            let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"@\"\\".utf8.contains($0) }
            guard isPlain, name.utf8.count <= 32 else {
                throw PolicyError("rule \(name): a name has at most 32 characters, no blanks and none of @ \" \\")
            }
        }

        public var text: String { "\(direction.rawValue) \(accepts ? "permit" : "deny") \(name) \(expression)" }
    }

    public var allowed: [AllowedRange] = []
    public var macs: [AllowedMAC] = []
    public var etherTypes: [UInt16] = []
    public var groups: [AllowedRange] = []
    public var networks: [Direction: [AllowedRange]] = [:]
    public var expressions: [Direction: String] = [:]
    public var rules: [Rule] = []
    /// What no rule of the user's own matches is denied; else it passes.
    public var deniesByDefault = false

    public init() {}

    /// The address of a client's interface makes a difference.
    public var dependsOnAddress: Bool { !allowed.isEmpty && macs.isEmpty }

    /// The policies; nil: all frames of that direction pass.
    ///
    /// - Parameter address: the Ethernet address that the client was given, used when no `mac` was stated.
    public func policy(_ direction: Direction, address: MACAddress?) throws(PolicyError) -> CompiledPolicy? {
        var stack: [CompiledPolicy] = []
        if !allowed.isEmpty {
            var binding = AddressBinding(addresses: allowed, macs: macs)
            if macs.isEmpty, let address { binding.macs = [AllowedMAC(address)] }
            binding.etherTypes = etherTypes
            binding.groups = groups
            stack.append(try direction == .send ? binding.send() : binding.receive())
        }
        if let network = networks[direction], !network.isEmpty {
            var binding = AddressBinding(addresses: network)
            binding.bindsRoles = false
            stack.append(try direction == .send ? binding.send() : binding.receive())
        }
        if let expression = expressions[direction] {
            stack.append(
                try layer(
                    [Rule(direction: direction, name: direction.rawValue, accepts: true, expression: expression)],
                    fallback: FilterRule("not-\(direction.rawValue)", accepts: false)
                )
            )
        }
        let own = rules.filter { $0.direction == direction }
        if !own.isEmpty || deniesByDefault {
            stack.append(try layer(own, fallback: FilterRule("default", accepts: !deniesByDefault)))
        }
        return try stack.isEmpty ? nil : CompiledPolicy.merged(stack)
    }

    private func layer(_ rules: [Rule], fallback: FilterRule) throws(PolicyError) -> CompiledPolicy {
        var entries: [FilterLayer.Entry] = []
        for rule in rules {
            do throws(FilterCompiler.CompileError) {
                entries.append(try .init(FilterRule(rule.name, accepts: rule.accepts), expression: rule.expression))
            } catch {
                if case .noLibrary = error { throw PolicyError("\(error)", needsLibrary: true) }
                throw PolicyError("\(error)")
            }
        }
        return try FilterLayer(entries, fallback: fallback).compiled()
    }
}

extension FilterRules.Rule {
    fileprivate init(direction: FilterRules.Direction, name: String, accepts: Bool, expression: String) {
        self.direction = direction
        self.name = name
        self.accepts = accepts
        self.expression = expression
    }
}
