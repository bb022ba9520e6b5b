// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension CompiledPolicy {
    /// Policies that stand one behind the other as one: a frame passes when all let it pass, and is denied by the first that
    /// denies it. One that passes is counted for the last policy's rule.
    ///
    /// Rules of the same name are told apart by the number of their policy: `arp-address`, `arp-address@2`.
    public static func merged(_ policies: [CompiledPolicy]) throws(PolicyError) -> CompiledPolicy {
        if policies.count == 1, let only = policies.first { return only }
        var builder = PolicyBuilder()
        guard let last = policies.indices.last else {
            let pass = builder.accept("pass")
            builder.assembler.jump(to: pass)
            return try builder.finish(judgesSegmentsAlike: true)
        }
        var names: Set<String> = []
        var surroundings = FilterAssembler.Surroundings(byteCount: 0)
        for (number, policy) in policies.enumerated() {
            let next = builder.assembler.makeLabel()
            var targets: [FilterAssembler.Label] = [builder.outcome(.malformed)]
            for rule in policy.rules.dropFirst() {
                if rule.accepts && number != last {
                    targets.append(next)
                    continue
                }
                var name = rule.name
                if names.contains(name) { name += "@\(number + 1)" }
                targets.append(builder.outcome(name, accepts: rule.accepts))
            }
            names.formUnion(policy.rules.map(\.name))
            let (known, malformed) = (targets, targets[0])
            builder.assembler.splice(
                policy.program,
                &surroundings,
                accumulator: (zero: malformed, other: malformed),
                abort: nil
            ) { $0 < UInt32(known.count) ? known[Int($0)] : malformed }
            builder.assembler.place(next)
        }
        return try builder.finish(judgesSegmentsAlike: policies.allSatisfy(\.judgesSegmentsAlike))
    }
}
