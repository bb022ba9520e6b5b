// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Rules in order, each with a name: the first one that a frame matches decides, and what matches none meets the fallback.
public struct FilterLayer: Sendable, Equatable {
    /// One rule: frames that its program wants pass, or do not.
    public struct Entry: Sendable, Equatable {
        public let rule: FilterRule
        public let program: FilterProgram
        /// The expression in its user's words; nil for a program that came as such.
        public let text: String?

        /// A rule in libpcap's words, pcap-filter(7).
        public init(_ rule: FilterRule, expression: String) throws(FilterCompiler.CompileError) {
            self.rule = rule
            program = try FilterCompiler.compile(expression)
            text = expression
        }

        /// A rule that came as a program.
        public init(_ rule: FilterRule, program: FilterProgram) {
            self.rule = rule
            self.program = program
            text = nil
        }

        /// See `CompiledPolicy`. Expressions look at addresses, protocols and ports, which all segments have in common, unless
        /// they name bytes or the length; of programs nothing is known but which bytes they read.
        var judgesSegmentsAlike: Bool {
            guard !program.asksLength else { return false }
            guard let text else { return program.readsSharedHeadersOnly }
            return !text.utf8.contains(UInt8(ascii: "["))
                && !text.split { !$0.isLetter }.contains { $0 == "geneve" || $0 == "vxlan" }
        }
    }

    public var entries: [Entry]
    public var fallback: FilterRule

    public init(_ entries: [Entry] = [], fallback: FilterRule) {
        self.entries = entries
        self.fallback = fallback
    }

    /// Most rules of a layer.
    public static var maximumCount: Int { 256 }

    /// The layer as one program.
    public func compiled() throws(PolicyError) -> CompiledPolicy {
        guard entries.count <= Self.maximumCount else {
            throw PolicyError("more than \(Self.maximumCount) rules")
        }
        var builder = PolicyBuilder()
        var surroundings = FilterAssembler.Surroundings(byteCount: UInt64(Ethernet.headerByteCount))
        for (number, entry) in entries.enumerated() {
            guard FilterAssembler.canSplice(entry.program) else {
                throw PolicyError("rule \(entry.rule.name): divides by a register and uses all 16 memory words")
            }
            let matched = builder.outcome(entry.rule)
            let next = builder.assembler.makeLabel()
            // The last rule of those that deny what they do not know: a short frame is denied either way.
            let needsNoLook = number == entries.count - 1 && entry.rule.accepts && !fallback.accepts
            builder.assembler.splice(
                entry.program,
                &surroundings,
                accumulator: (zero: next, other: matched),
                abort: needsNoLook ? nil : next
            ) { $0 == 0 ? next : matched }
            builder.assembler.place(next)
        }
        let fallback = builder.outcome(fallback)
        builder.assembler.jump(to: fallback)
        return try builder.finish(judgesSegmentsAlike: entries.allSatisfy(\.judgesSegmentsAlike))
    }
}

extension FilterProgram {
    /// It asks how long the frame is.
    var asksLength: Bool {
        instructions.contains { $0.code == FilterCode.loadLength || $0.code == FilterCode.indexLength }
    }

    /// It reads only what all segments of a super-frame have in common, whatever the protocol: addresses and types of
    /// Ethernet, and of IP what is no length, identification or checksum.
    var readsSharedHeadersOnly: Bool {
        instructions.allSatisfy { instruction in
            switch instruction.code {
            case FilterCode.loadWordIndexed, FilterCode.loadHalfIndexed, FilterCode.loadByteIndexed: return false
            default:
                guard let end = FilterFlow.fixedEnd(instruction) else { return true }
                let start = UInt64(instruction.operand)
                return end <= 16 || start >= 20 && end <= 24 || start >= 26 && end <= 34
            }
        }
    }
}
