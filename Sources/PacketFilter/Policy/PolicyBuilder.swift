// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Puts a policy's program together: what leads to a rule jumps to the rule's label.
struct PolicyBuilder {
    var assembler = FilterAssembler()
    private var rules: [FilterRule] = [.malformed]
    private var labels: [FilterAssembler.Label?] = [nil]

    /// Where a frame goes about which the rule of this name decides.
    mutating func outcome(_ name: String, accepts: Bool) -> FilterAssembler.Label {
        outcome(FilterRule(name, accepts: accepts))
    }

    mutating func deny(_ name: String) -> FilterAssembler.Label { outcome(name, accepts: false) }

    mutating func accept(_ name: String) -> FilterAssembler.Label { outcome(name, accepts: true) }

    mutating func outcome(_ rule: FilterRule) -> FilterAssembler.Label {
        let index: Int
        if let known = rules.firstIndex(of: rule) {
            index = known
        } else {
            index = rules.count
            rules.append(rule)
            labels.append(nil)
        }
        if let label = labels[index] { return label }
        let label = assembler.makeLabel()
        labels[index] = label
        return label
    }

    /// The policy: all outcomes stand at its end.
    func finish(judgesSegmentsAlike: Bool) throws(PolicyError) -> CompiledPolicy {
        var assembler = assembler
        for (index, label) in labels.enumerated() {
            guard let label else { continue }
            assembler.place(label)
            assembler.return(UInt32(index))
        }
        do throws(FilterFault) {
            return CompiledPolicy(try assembler.assemble(), rules, judgesSegmentsAlike: judgesSegmentsAlike)
        } catch {
            guard error.kind == .tooLong else { throw PolicyError("\(error)") }
            throw PolicyError(
                "the rules make more than \(FilterProgram.maximumCount) instructions; name fewer addresses, or ranges of them"
            )
        }
    }
}
