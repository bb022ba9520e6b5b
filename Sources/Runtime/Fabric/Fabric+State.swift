// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import PacketFilter

extension Fabric {
    /// All that there is: groups of words, each beginning with `segment=`, `port=`, `patch=` or `gateway=`.
    var stateWords: [String] {
        var words: [String] = []
        for (_, segment) in segments.sorted(by: { $0.key < $1.key }) { words += Self.words(of: segment) }
        for (_, port) in ports.sorted(by: { $0.key < $1.key }) { words += Self.words(of: port) }
        for (name, ends) in patches.sorted(by: { $0.key < $1.key }) {
            words += ["patch=\(name)", "a=\(ends.0)", "b=\(ends.1)"]
        }
        for (_, gateway) in gateways.sorted(by: { $0.key < $1.key }) { words += gateway.words }
        return words
    }

    private static func words(of segment: FabricSegment) -> [String] {
        let settings = segment.settings
        var words = ["segment=\(segment.name)", "kind=\(segment.kind.rawValue)"]
        if let mtu = settings.mtu { words.append("mtu=\(mtu)") }
        if settings.usesSpanningTree == true { words.append("spanning-tree=on") }
        if let listen = settings.listen { words.append("listen=\(listen)") }
        let used = segment.element.ports.values.count { $0.isActive }
        words += ["ports=\(segment.element.portCount)", "used=\(used)"]
        return words + rules(segment.rules)
    }

    private static func words(of port: FabricPort) -> [String] {
        var words = ["port=\(port.name)"]
        switch port.origin {
        case .port(.tap): words.append("kind=tap")
        case .port(.descriptor): words.append("kind=fd")
        case .port(.vhost(let path, _, _)): words += ["kind=vhost", "path=\(path)"]
        case .port(.url(let url)): words += ["kind=url", "url=\(url)"]
        case .patch(let name): words += ["kind=patch", "of=\(name)"]
        }
        words.append("segment=\(port.segment?.name ?? "-")")
        if port.hasCarrier, let number = port.occupants.values.min() { words.append("number=\(number)") }
        words += ["carrier=\(port.hasCarrier ? "up" : "down")", "connected=\(port.isConnected ? "yes" : "no")"]
        for (isInbound, key) in [(true, "in"), (false, "out")] {
            guard let settings = port.impairments[isInbound] else { continue }
            for quantity in ImpairmentKey.stored where settings[quantity] != ImpairmentValue() {
                words.append("impair.\(key).\(quantity.rawValue)=\(text(settings[quantity]))")
            }
        }
        for (isInbound, key) in [(true, "in"), (false, "out")] {
            guard let rate = port.rates[isInbound] else { continue }
            if rate.bitsPerSecond > 0 { words.append("rate.\(key).bits=\(rate.bitsPerSecond)") }
            if rate.framesPerSecond > 0 { words.append("rate.\(key).frames=\(rate.framesPerSecond)") }
        }
        return words + rules(port.rules) + port.counters.words
    }

    private static func rules(_ rules: FilterRules?) -> [String] {
        (rules?.lines ?? []).map { "filter=\($0)" }
    }

    /// As it could be set again.
    private static func text(_ value: ImpairmentValue) -> String {
        let spread = value.spread == 0 ? "" : "+\(value.spread)"
        return "\(value.value)\(spread)\(value.distribution == .normal ? "N" : "")"
    }
}
