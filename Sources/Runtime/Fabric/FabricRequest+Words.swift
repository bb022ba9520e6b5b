// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import PacketFilter

extension FabricRequest {
    /// Reads the words of a request.
    public init(words: [String]) throws(FabricError) {
        guard let verb = words.first else { throw .usage("an empty request; see etherloom-fabric(1)") }
        var rest = FabricWords(verb, words.dropFirst())
        self = try Self.read(verb, &rest)
        try rest.end()
    }

    private static func read(_ verb: String, _ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        switch verb {
        case "hello": return .hello
        case "state": return .state
        case "watch": return .watch
        case "segment-add": return .segmentAdd(try words.name("segment"), try segmentSettings(&words))
        case "segment-set": return .segmentSet(try words.name("segment"), try segmentSettings(&words))
        case "segment-remove": return .segmentRemove(try words.name("segment"))
        case "port-add": return try portAdd(&words)
        case "port-remove": return .portRemove(try words.name("port"))
        case "port-keep":
            let port = try words.name("port")
            guard let note = VhostNote(words: words.takeRest()) else {
                throw .usage("port-keep \(port): wanted is what an event \"kept\" said")
            }
            return .portKeep(port, note)
        case "port-take-up": return .portTakeUp(try words.name("port"))
        case "plug":
            let (port, segment) = (try words.name("port"), try words.name("segment"))
            return .plug(port, segment: segment, downFor: try words.downFor())
        case "unplug": return .unplug(try words.name("port"))
        case "carrier":
            let port = try words.name("port")
            let isOn = ["up": true, "down": false][try words.next("up or down")]
            guard let isOn else { throw .usage("carrier \(port): up or down is wanted") }
            return .carrier(port, isOn)
        case "impair": return try impair(&words)
        case "rate": return try rate(&words)
        case "filter": return try filter(&words)
        case "patch-add":
            return .patchAdd(try words.name("patch"), try words.name("segment"), try words.name("segment"))
        case "patch-remove": return .patchRemove(try words.name("patch"))
        case "gateway-add", "gateway-remove", "forward-add", "forward-remove":
            return try gateway(verb, &words)
        default: throw .usage("\(verb): unknown request; see etherloom-fabric(1)")
        }
    }

    private static func segmentSettings(_ words: inout FabricWords) throws(FabricError) -> FabricSegmentSettings {
        var settings = FabricSegmentSettings()
        while let (key, value) = words.nextPair() {
            switch (key, value) {
            case ("kind", let text?):
                guard let kind = FabricSegmentSettings.Kind(rawValue: text) else {
                    throw .usage("\(words.verb): kind=\(text): switch, hub or multiplexer is wanted")
                }
                settings.kind = kind
            case ("mtu", let text?): settings.mtu = try words.number(key, text, 68...65_535)
            case ("ports", let text?): settings.portCount = try words.number(key, text, 2...2_000)
            case ("spanning-tree", nil): settings.usesSpanningTree = true
            case ("spanning-tree", let text?):
                guard let isOn = ["on": true, "off": false][text] else {
                    throw .usage("\(words.verb): spanning-tree=\(text): on or off is wanted")
                }
                settings.usesSpanningTree = isOn
            case ("listen", let text?) where !text.isEmpty: settings.listen = text
            default: throw words.unknown(key, value)
            }
        }
        return settings
    }

    private static func portAdd(_ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        let name = try words.name("port")
        let kind = try words.next("tap, fd, vhost or url")
        switch kind {
        case "tap": return .portAdd(name, .tap)
        case "fd": return .portAdd(name, .descriptor)
        case "url":
            let url = try words.next("a URL")
            // By number, descriptors of the fabric's own could be meant.
            guard !["fd:", "stdio:"].contains(where: { url.lowercased().hasPrefix($0) }), url != "-" else {
                throw .usage("port-add \(name) url \(url): descriptors come with the request: port-add \(name) fd")
            }
            return .portAdd(name, .url(url))
        case "vhost":
            let path = try words.next("a path")
            var mtu: UInt16?
            var isKept = false
            while let (key, value) = words.nextPair() {
                switch (key, value) {
                case ("mtu", let text?): mtu = UInt16(try words.number(key, text, 68...65_535))
                case ("keep", nil): isKept = true
                default: throw words.unknown(key, value)
                }
            }
            return .portAdd(name, .vhost(path: path, mtu: mtu, isKept: isKept))
        default: throw .usage("port-add \(name) \(kind): tap, fd, vhost or url is wanted")
        }
    }

    private static func impair(_ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        let port = try words.name("port")
        var impairment = FabricImpairment()
        var hasChange = false
        while let (key, value) = words.nextPair() {
            switch (key, value) {
            case ("in", nil), ("out", nil), ("both", nil):
                impairment.directions = FabricDirections(word: key) ?? .both
            case ("replace", nil): impairment.replaces = true
            case ("clear", nil):
                impairment.replaces = true
                hasChange = true
            case ("preset", let text?):
                guard let preset = ImpairmentPreset(rawValue: text) else {
                    let known = ImpairmentPreset.allCases.map(\.rawValue).joined(separator: ", ")
                    throw .usage("impair \(port): preset=\(text): known are \(known)")
                }
                impairment.preset = preset
                hasChange = true
            case (_, let text?):
                guard let quantity = ImpairmentKey(name: key) else { throw words.unknown(key, value) }
                guard let number = ImpairmentValue(text: text) else {
                    throw .usage("impair \(port): \(key)=\(text): a number is wanted, as in \(key)=10 or \(key)=10+2")
                }
                impairment.changes.append(.init(key: quantity, value: number))
                hasChange = true
            default: throw words.unknown(key, value)
            }
        }
        guard hasChange || impairment.replaces else {
            throw .usage("impair \(port): KEY=VALUE… or clear is wanted, as in delay=20+5 loss=1")
        }
        return .impair(port, impairment)
    }

    private static func rate(_ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        let port = try words.name("port")
        var directions = FabricDirections.both
        var rate = SwitchHooks.Rate(bitsPerSecond: 0, framesPerSecond: 0)
        while let (key, value) = words.nextPair() {
            switch (key, value) {
            case ("bits", let text?):
                rate.bitsPerSecond = UInt64(try words.number(key, text, 0...1_000_000_000_000))
            case ("frames", let text?):
                rate.framesPerSecond = UInt64(try words.number(key, text, 0...1_000_000_000))
            case (_, nil):
                guard let named = FabricDirections(word: key) else { throw words.unknown(key, nil) }
                directions = named
            default: throw words.unknown(key, value)
            }
        }
        return .rate(port, directions, rate)
    }

    private static func filter(_ words: inout FabricWords) throws(FabricError) -> FabricRequest {
        let name = try words.name("port or segment")
        var texts: [FilterRules.Key: [String]] = [:]
        var rules = FilterRules()
        while let (key, value) = words.nextPair() {
            guard let value else { throw words.unknown(key, nil) }
            do throws(PolicyError) {
                if key == "rule" {
                    try rules.add(try FilterRules.Rule(value))
                } else if let known = FilterRules.Key(rawValue: key) {
                    texts[known, default: []].append(value)
                } else {
                    throw PolicyError("\(key)=\(value): unknown")
                }
            } catch {
                throw .usage("filter \(name): \(error)")
            }
        }
        for key in FilterRules.Key.allCases {
            guard let values = texts[key] else { continue }
            do throws(PolicyError) {
                guard values.count == 1 || ![.send, .receive, .default].contains(key) else {
                    throw PolicyError("\(key.rawValue)= is given more than once")
                }
                try rules.set(key, values.joined(separator: ","))
            } catch {
                throw .usage("filter \(name): \(error)")
            }
        }
        guard !rules.dependsOnAddress else {
            throw .usage("filter \(name): allow= goes with mac=ADDRESS: a port has no address of its own")
        }
        return .filter(name, rules)
    }
}
