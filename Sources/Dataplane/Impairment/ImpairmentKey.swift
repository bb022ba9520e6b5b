// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The quantities of an impairment, by name.
public enum ImpairmentKey: String, Sendable, CaseIterable {
    case loss
    case lossBurst = "lostburst"
    case delay
    case duplicate = "dup"
    case reorder
    case corrupt
    case noise
    case bandwidth
    case speed
    case buffer = "chanbufsize"
    case maximumFrame = "mtu"
    /// How far delays lie from the one set: the second number of `delay`.
    case jitter
    /// `bandwidth` in bits a second.
    case rate

    /// Keys that have a value of their own, in the order of reports.
    public static var stored: [ImpairmentKey] { allCases.filter { $0 != .jitter && $0 != .rate } }

    /// A key by its name, or by the one that it has elsewhere.
    public init?(name: String) {
        switch name {
        case "duplicate", "duplication": self = .duplicate
        case "limit", "buffer": self = .buffer
        case "lossburst", "burst": self = .lossBurst
        default:
            guard let key = ImpairmentKey(rawValue: name) else { return nil }
            self = key
        }
    }
}

extension ImpairmentSettings {
    /// A quantity by its key. Jitter is a spread, and rate is in bits a second.
    public subscript(key: ImpairmentKey) -> ImpairmentValue {
        get {
            switch key {
            case .loss: loss
            case .lossBurst: lossBurst
            case .delay: delay
            case .duplicate: duplicate
            case .reorder: reorder
            case .corrupt: corrupt
            case .noise: noise
            case .bandwidth: bandwidth
            case .speed: speed
            case .buffer: buffer
            case .maximumFrame: maximumFrame
            case .jitter: ImpairmentValue(delay.spread, spread: 0, delay.distribution)
            case .rate: ImpairmentValue(bandwidth.value * 8, spread: bandwidth.spread * 8, bandwidth.distribution)
            }
        }
        set {
            switch key {
            case .loss: loss = newValue
            case .lossBurst: lossBurst = newValue
            case .delay: delay = newValue
            case .duplicate: duplicate = newValue
            case .reorder: reorder = newValue
            case .corrupt: corrupt = newValue
            case .noise: noise = newValue
            case .bandwidth: bandwidth = newValue
            case .speed: speed = newValue
            case .buffer: buffer = newValue
            case .maximumFrame: maximumFrame = newValue
            case .jitter: delay = ImpairmentValue(delay.value, spread: newValue.value, newValue.distribution)
            case .rate:
                bandwidth = ImpairmentValue(newValue.value / 8, spread: newValue.spread / 8, newValue.distribution)
            }
        }
    }
}

extension ImpairmentValue {
    /// Reads a value as wirefilter(1) has it: `VALUE[+SPREAD][K|M|G][U|N]`. K, M and G, in either case, are 2^10, 2^20 and
    /// 2^30; one at the end counts for both numbers when the first has none of its own. What stands behind a number and is
    /// none of this is passed over. Nil without a number.
    public init?(text: String) {
        var rest = Substring(text).drop { $0 == " " || $0 == "\t" }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        var distribution = Distribution.uniform
        if let last = rest.last, "UuNn".contains(last) {
            distribution = last == "N" || last == "n" ? .normal : .uniform
            rest.removeLast()
        }
        var multiplier = 1.0
        if let factor = Self.factor(rest.last) {
            multiplier = factor
            rest.removeLast()
        }
        guard let value = Self.number(&rest) else { return nil }
        var ownFactor: Double?
        if let factor = Self.factor(rest.first), rest.dropFirst().first == "+" {
            ownFactor = factor
            rest.removeFirst()
        }
        var spread = 0.0
        if rest.first == "+" {
            rest.removeFirst()
            spread = Self.number(&rest) ?? 0
        }
        self.init(value * (ownFactor ?? multiplier), spread: spread * multiplier, distribution)
    }

    private static func factor(_ character: Character?) -> Double? {
        switch character {
        case "K", "k": 1024
        case "M", "m": 1_048_576
        case "G", "g": 1_073_741_824
        default: nil
        }
    }

    /// The longest beginning that is a decimal number; nothing infinite.
    private static func number(_ rest: inout Substring) -> Double? {
        var end = rest.startIndex
        if end < rest.endIndex, rest[end] == "-" || rest[end] == "+" { end = rest.index(after: end) }
        while end < rest.endIndex, rest[end].isASCII, rest[end].isNumber || rest[end] == "." {
            end = rest.index(after: end)
        }
        if end < rest.endIndex, rest[end] == "e" || rest[end] == "E" {
            var exponent = rest.index(after: end)
            if exponent < rest.endIndex, rest[exponent] == "-" || rest[exponent] == "+" {
                exponent = rest.index(after: exponent)
            }
            let digits = rest[exponent...].prefix { $0.isASCII && $0.isNumber }
            if !digits.isEmpty { end = digits.endIndex }
        }
        guard let value = Double(rest[..<end]), value.isFinite else { return nil }
        rest = rest[end...]
        return value
    }
}
