// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@Suite("Impairment values")
struct ImpairmentValueTests {
    @Test(
        "values are written as wirefilter's manual has them",
        arguments: [
            ("5", ImpairmentValue(5)), ("0.25", ImpairmentValue(0.25)), (".5", ImpairmentValue(0.5)),
            ("-3", ImpairmentValue(-3)), ("1e3", ImpairmentValue(1000)), ("2E-1", ImpairmentValue(0.2)),
            ("5+2", ImpairmentValue(5, spread: 2)), ("5+2U", ImpairmentValue(5, spread: 2)),
            ("5+2n", ImpairmentValue(5, spread: 2, .normal)), ("7N", ImpairmentValue(7, .normal)),
            (" \t 5 ", ImpairmentValue(5)), ("10K", ImpairmentValue(10_240)),
            ("2m", ImpairmentValue(2_097_152)), ("1G", ImpairmentValue(1_073_741_824)),
            // The factor at the end is for both, unless the first number has its own.
            ("10+2K", ImpairmentValue(10_240, spread: 2048)),
            ("1M+2K", ImpairmentValue(1_048_576, spread: 2048)),
            ("1K+2", ImpairmentValue(1024, spread: 2)),
            ("10+2KN", ImpairmentValue(10_240, spread: 2048, .normal)),
            // What stands behind a number and is none of this is passed over.
            ("5ms", ImpairmentValue(5)), ("5+x", ImpairmentValue(5)), ("5 apples", ImpairmentValue(5)),
            ("1.5e", ImpairmentValue(1.5)),
        ]
    )
    func reads(_ text: String, _ value: ImpairmentValue) { #expect(ImpairmentValue(text: text) == value) }

    @Test(
        "what does not begin with a number is none",
        arguments: ["", " ", "x", "U", "K", "+", "-", ".", "e5", "nan", "inf", "1e999", "-1e999", "+-5", "²", "٣"]
    )
    func refuses(_ text: String) { #expect(ImpairmentValue(text: text) == nil) }

    @Test("zero is what no sample exceeds")
    func zero() {
        for value in [
            ImpairmentValue(), ImpairmentValue(-5), ImpairmentValue(-5, spread: 5), ImpairmentValue(0, .normal),
        ] {
            #expect(value.isZero)
        }
        for value in [ImpairmentValue(0.001), ImpairmentValue(0, spread: 1), ImpairmentValue(-5, spread: -6)] {
            #expect(!value.isZero)
        }
    }

    @Test("a sample without a spread is the value, and uses no random number up")
    func constant() {
        var random = RandomSource(seed: 1)
        var other = RandomSource(seed: 1)
        let sample = ImpairmentValue(4.5, .normal).sample(&random)
        let (next, expected) = (random.next(), other.next())
        #expect(sample == 4.5 && next == expected)
        _ = ImpairmentValue(4.5, spread: 1).sample(&random)
        let (later, earlier) = (random.next(), other.next())
        #expect(later != earlier)
    }

    @Test("uniform samples fill their range evenly and never leave it")
    func uniform() {
        var random = RandomSource(seed: 3)
        var quarters = [0, 0, 0, 0]
        for _ in 0..<40_000 {
            let sample = ImpairmentValue(10, spread: 2).sample(&random)
            #expect(sample >= 8 && sample < 12)
            quarters[min(3, Int(sample - 8))] += 1
        }
        for count in quarters { #expect(abs(count - 10_000) < 400) }
    }

    @Test("normal samples lie within the spread with three deviations' probability")
    func normal() {
        var random = RandomSource(seed: 4)
        let samples = (0..<40_000).map { _ in ImpairmentValue(10, spread: 3, .normal).sample(&random) }
        let within = { (range: Double) in Double(samples.count { abs($0 - 10) < range }) / 40_000 }
        // One, two and three standard deviations.
        #expect(abs(within(1) - 0.683) < 0.01)
        #expect(abs(within(2) - 0.954) < 0.01)
        #expect(within(3) > 0.995)
    }

    @Test("each key reads and writes its own quantity", arguments: ImpairmentKey.stored)
    func keys(_ key: ImpairmentKey) {
        var settings = ImpairmentSettings()
        settings[key] = ImpairmentValue(3, spread: 1, .normal)
        #expect(settings[key] == ImpairmentValue(3, spread: 1, .normal))
        #expect(!settings.isPerfect)
        for other in ImpairmentKey.stored where other != key { #expect(settings[other].isZero) }
        #expect(ImpairmentKey(name: key.rawValue) == key)
    }

    @Test("jitter is the spread of the delay, a rate is a bandwidth in bits")
    func derivedKeys() {
        var settings = ImpairmentSettings()
        settings[.delay] = ImpairmentValue(20)
        settings[.jitter] = ImpairmentValue(5, .normal)
        #expect(settings.delay == ImpairmentValue(20, spread: 5, .normal))
        #expect(settings[.jitter] == ImpairmentValue(5, .normal))
        settings[.rate] = ImpairmentValue(8000, spread: 80)
        #expect(settings.bandwidth == ImpairmentValue(1000, spread: 10))
        #expect(settings[.rate] == ImpairmentValue(8000, spread: 80))
    }
}
