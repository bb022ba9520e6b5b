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
        let policies = policies(in: segment)
        guard !policies.isEmpty else { return }
        segment.policies.assign(
            Dictionary(
                uniqueKeysWithValues: policies.map { (SwitchHooks.Way(port: number, isInbound: $0.key), $0.value) }
            )
        )
    }

    private func policies(in segment: FabricSegment) -> [Bool: RunningPolicy] {
        ownPolicies ?? segment.sharedPolicies
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
        let policies = policies(in: segment)
        var changes: [SwitchHooks.Way: RunningPolicy?] = [:]
        for number in occupants.values {
            for isInbound in [true, false] {
                changes[.init(port: number, isInbound: isInbound)] = .some(policies[isInbound])
            }
        }
        segment.policies.assign(changes)
    }
}
