// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import PacketFilter

/// Rules in layers, and layers as one program.
@Suite("Policies")
struct PolicyTests {
    /// Layers with rules by chance.
    private static func layer(_ made: inout RandomPrograms, _ number: Int) -> FilterLayer {
        var entries: [FilterLayer.Entry] = []
        for rule in 0..<made.random.number(0...4) {
            let accepts = made.random.number(0...1) == 0
            entries.append(
                .init(FilterRule("\(number).\(rule)", accepts: accepts), program: made.program(readsFresh: true))
            )
        }
        return FilterLayer(entries, fallback: FilterRule("\(number).rest", accepts: made.random.number(0...2) != 0))
    }

    /// What a layer says, by its words: one program after the other.
    private static func oracle(_ layer: FilterLayer, _ frame: [UInt8]) -> FilterRule {
        layer.entries.first { $0.program.accepts(frame: frame) }?.rule ?? layer.fallback
    }

    private static func canCompile(_ layer: FilterLayer) -> Bool {
        layer.entries.allSatisfy { FilterAssembler.canSplice($0.program) }
    }

    @Test("a layer is what its rules are one after the other")
    func layers() throws {
        var made = RandomPrograms(seed: 21)
        for number in 0..<4000 {
            let layer = Self.layer(&made, number)
            guard Self.canCompile(layer) else { continue }
            let compiled = try layer.compiled()
            for _ in 0..<10 {
                var frame = made.frame()
                if frame.count < 14 { frame += Array(repeating: 0, count: 14 - frame.count) }
                let (ours, expected) = (compiled.rule(for: frame), Self.oracle(layer, frame))
                // A short frame may be denied as such, where it is denied anyway.
                guard ours == expected || ours == .malformed && !expected.accepts else {
                    Issue.record("layer \(number): \(ours), not \(expected): \(layer) \(frame)")
                    return
                }
            }
        }
    }

    @Test("merged policies are what the policies are one after the other")
    func merged() throws {
        var made = RandomPrograms(seed: 22)
        for number in 0..<2000 {
            let layers = (0..<made.random.number(2...4)).map { Self.layer(&made, $0) }
            guard layers.allSatisfy(Self.canCompile) else { continue }
            let policies = try layers.map { try $0.compiled() }
            let merged = try CompiledPolicy.merged(policies)
            for _ in 0..<10 {
                var frame = made.frame()
                if frame.count < 14 { frame += Array(repeating: 0, count: 14 - frame.count) }
                let each = policies.map { $0.rule(for: frame) }
                let expected = each.first { !$0.accepts } ?? each.last!
                let ours = merged.rule(for: frame)
                guard ours == expected else {
                    Issue.record("stack \(number): \(ours), not \(expected)")
                    return
                }
            }
        }
    }

    @Test("rules of the same name in two policies are counted apart")
    func names() throws {
        let deny = FilterLayer(
            [.init(FilterRule("no", accepts: false), program: try FilterProgram([.init(0x30, 0), .init(0x16)]))],
            fallback: FilterRule("rest", accepts: true)
        )
        let second = FilterLayer(
            [.init(FilterRule("no", accepts: false), program: try FilterProgram([.init(0x30, 1), .init(0x16)]))],
            fallback: FilterRule("rest", accepts: true)
        )
        let merged = try CompiledPolicy.merged([deny.compiled(), second.compiled()])
        func rule(_ first: UInt8, _ next: UInt8) -> String {
            let frame = [first, next] + [UInt8](repeating: 0, count: 58)
            return merged.rule(for: frame).name
        }
        #expect(rule(1, 0) == "no")
        #expect(rule(0, 1) == "no@2")
        #expect(rule(0, 0).hasPrefix("rest"))
    }

    @Test("no policy at all lets everything pass")
    func nothing() throws {
        let policy = try CompiledPolicy.merged([])
        #expect(policy.accepts([UInt8](repeating: 0, count: 14)))
    }

    @Test("jumps over more than 255 instructions, both ways")
    func farJumps() throws {
        for gap in [0, 1, 252, 253, 254, 255, 256, 257, 600] {
            for bits in 0..<4 {
                var assembler = FilterAssembler()
                let (yes, no) = (assembler.makeLabel(), assembler.makeLabel())
                assembler.emit(FilterCode.loadByte, 0)
                assembler.branch(
                    FilterCode.jumpEqual,
                    7,
                    then: bits & 1 != 0 ? yes : nil,
                    else: bits & 2 != 0 ? no : nil
                )
                for _ in 0..<gap { assembler.emit(FilterCode.add, 1) }
                assembler.return(1)
                assembler.place(no)
                assembler.return(2)
                assembler.place(yes)
                assembler.return(3)
                let program = try assembler.assemble()
                #expect(program.run(frame: [7]) == (bits & 1 != 0 ? 3 : 1), "gap \(gap)")
                #expect(program.run(frame: [8]) == (bits & 2 != 0 ? 2 : 1), "gap \(gap)")
            }
        }
    }

    @Test("too many rules are refused, with a hint")
    func tooMany() throws {
        let far = (0..<2000).map { AllowedRange(first: UInt128($0 * 4), last: UInt128($0 * 4 + 1), isIPv6: false) }
        let error = #expect(throws: PolicyError.self) { try AddressBinding(addresses: far).send() }
        #expect("\(error!)".contains("4096"))
    }

    @Test("only what all segments have in common is judged once for all of them")
    func segments() throws {
        func alike(_ expression: String) throws -> Bool {
            try FilterLayer(
                [.init(FilterRule("rule", accepts: true), expression: expression)],
                fallback: FilterRule("rest", accepts: false)
            ).compiled().judgesSegmentsAlike
        }
        for expression in ["ip", "tcp port 80", "ip6 net fd00::/64", "not ether host 2:0:0:0:0:1"] {
            #expect(try alike(expression), "\(expression)")
        }
        for expression in ["greater 100", "len <= 1500", "tcp[13] & 2 != 0", "ip[2:2] > 500", "geneve"] {
            #expect(try !alike(expression), "\(expression)")
        }
        let raw = FilterLayer(
            [.init(FilterRule("rule", accepts: true), program: try FilterProgram([.init(0x20, 38), .init(0x16)]))],
            fallback: FilterRule("rest", accepts: false)
        )
        #expect(try !raw.compiled().judgesSegmentsAlike)
    }
}
