// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import PacketFilter
import TestSupport
import Testing

/// Our machine and libpcap's: the same verdicts, program by program and frame by frame.
@Suite("Against libpcap's machine")
struct LibpcapComparisonTests {
    /// ETHERLOOM_FILTER_CASES asks for another number: `make filter-cases` for a million.
    static let caseCount = ProcessInfo.processInfo.environment["ETHERLOOM_FILTER_CASES"].flatMap { Int($0) } ?? 100_000

    private static func machine() throws -> LibpcapMachine {
        try #require(LibpcapMachine(), "libpcap0.8 is not installed")
    }

    @Test("random programs and frames")
    func random() throws {
        let theirs = try Self.machine()
        var made = RandomPrograms(seed: 11)
        var wanted = 0
        let frameCount = 20
        for number in 0..<(Self.caseCount / frameCount) {
            let program = made.program()
            for _ in 0..<frameCount {
                let frame = made.frame()
                let (our, their) = (program.run(frame: frame), theirs.run(program.instructions, frame))
                if our != their {
                    Issue.record("program \(number): ours \(our), theirs \(their): \(program.instructions) \(frame)")
                    return
                }
                if our != 0 { wanted += 1 }
            }
        }
        // Neither all nor none: the cases say something.
        #expect(wanted > Self.caseCount / 20 && wanted < Self.caseCount * 19 / 20)
    }

    @Test("expressions and frames", arguments: FilterCompilerTests.expressions)
    func expressions(_ expression: String) throws {
        let theirs = try Self.machine()
        let program = try FilterCompiler.compile(expression)
        var made = RandomPrograms(seed: 12)
        for _ in 0..<1000 {
            let frame = made.frame()
            #expect(program.run(frame: frame) == theirs.run(program.instructions, frame))
        }
    }
}
