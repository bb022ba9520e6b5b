// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Settings for kinds of links, to begin with: figures that one would measure on an ordinary day.
public enum ImpairmentPreset: String, Sendable, CaseIterable {
    case lan
    case wifi
    case lte = "4g"
    case umts = "3g"
    case satellite

    /// One direction, of two alike.
    public var settings: ImpairmentSettings {
        var settings = ImpairmentSettings()
        switch self {
        case .lan:
            settings.delay = ImpairmentValue(0.25, spread: 0.05, .normal)
            settings.bandwidth.value = 125_000_000
        case .wifi:
            settings.delay = ImpairmentValue(2, spread: 1.5, .normal)
            settings.loss.value = 0.1
            settings.lossBurst.value = 2
            settings.bandwidth.value = 12_500_000
            settings.buffer.value = 262_144
        case .lte:
            settings.delay = ImpairmentValue(25, spread: 10, .normal)
            settings.loss.value = 0.1
            settings.bandwidth.value = 2_500_000
            settings.buffer.value = 524_288
        case .umts:
            settings.delay = ImpairmentValue(75, spread: 30, .normal)
            settings.loss.value = 0.5
            settings.lossBurst.value = 3
            settings.bandwidth.value = 250_000
            settings.buffer.value = 131_072
        case .satellite:
            // Geostationary: 240 ms up and down again, and what the stations take.
            settings.delay = ImpairmentValue(280, spread: 10, .normal)
            settings.loss.value = 0.5
            settings.bandwidth.value = 1_250_000
            settings.buffer.value = 1_048_576
        }
        return settings
    }
}
