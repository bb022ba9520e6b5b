// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import PacketFilter

/// What belongs to a port's name and goes with it from segment to segment.
extension FabricPort {
    /// Sets up a number of a segment's switch as this port is to be.
    func apply(_ number: Int, in segment: FabricSegment) {
        for isInbound in [true, false] {
            guard let settings = impairments[isInbound] else { continue }
            try? segment.element.hooks.setImpairment(.init(port: number, isInbound: isInbound), settings)
        }
        for (isInbound, rate) in rates {
            try? segment.element.hooks.setRate(.init(port: number, isInbound: isInbound), rate)
        }
        setPolicies(in: segment, numbers: [number])
    }

    /// Its own rules and its segment's: what passes must pass both. A patch's ends are no members of the segments they join.
    func policies(
        _ shared: [Bool: CompiledPolicy],
        _ own: [Bool: CompiledPolicy]
    ) throws(FabricError) -> [Bool: RunningPolicy] {
        var result: [Bool: RunningPolicy] = [:]
        do throws(PolicyError) {
            for isInbound in [true, false] {
                let stack = [isMember ? shared[isInbound] : nil, own[isInbound]].compactMap(\.self)
                if !stack.isEmpty { result[isInbound] = RunningPolicy(try CompiledPolicy.merged(stack)) }
            }
        } catch {
            throw FabricError("filter \(name): \(error)", status: error.needsLibrary ? 4 : 2)
        }
        return result
    }

    private var isMember: Bool {
        if case .port = origin { return true }
        return false
    }

    private func setPolicies(in segment: FabricSegment, numbers: [Int]) {
        // They were seen to fit when they were set.
        let policies = (try? policies(segment.sharedPolicies, ownPolicies)) ?? [:]
        var changes: [SwitchHooks.Way: RunningPolicy?] = [:]
        for number in numbers {
            for isInbound in [true, false] {
                let way = SwitchHooks.Way(port: number, isInbound: isInbound)
                if policies[isInbound] != nil || segment.policies[way] != nil {
                    changes[way] = .some(policies[isInbound])
                }
            }
        }
        if !changes.isEmpty { segment.policies.assign(changes) }
    }

    func setImpairment(_ change: FabricImpairment) {
        for isInbound in change.directions.ways {
            let settings = change.applied(to: impairments[isInbound] ?? ImpairmentSettings())
            impairments[isInbound] = settings.isPerfect ? nil : settings
            guard isPluggedIn, let segment else { continue }
            for number in occupants.values {
                try? segment.element.hooks.setImpairment(
                    .init(port: number, isInbound: isInbound),
                    impairments[isInbound]
                )
            }
        }
    }

    func setRate(_ rate: SwitchHooks.Rate, _ directions: FabricDirections) {
        for isInbound in directions.ways {
            rates[isInbound] = rate.bitsPerSecond == 0 && rate.framesPerSecond == 0 ? nil : rate
            guard isPluggedIn, let segment else { continue }
            for number in occupants.values {
                try? segment.element.hooks.setRate(.init(port: number, isInbound: isInbound), rate)
            }
        }
    }

    /// Applies its policies anew: they, or its segment's, are others now.
    func policiesChanged() {
        guard isPluggedIn, let segment else { return }
        setPolicies(in: segment, numbers: Array(occupants.values))
    }
}
