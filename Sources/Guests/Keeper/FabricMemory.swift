// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// All that a fabric has been told, in a form that makes another one the same.
///
/// What belongs to a port (its segment, its carrier, what impairs it) is kept apart from the port itself: a guest that starts
/// again gets it back.
struct FabricMemory: Equatable {
    private struct Settings: Equatable {
        var segment: String?
        var isDown = false
        /// `impair` requests, in order.
        var impairments: [[String]] = []
        var filter: [String]?
        /// `rate` requests by direction; of both, which come first, by none.
        var rates: [String: [String]] = [:]
    }

    private var segments: [(name: String, requests: [[String]])] = []
    private var ports: [(name: String, request: [String])] = []
    private var patches: [(name: String, request: [String])] = []
    private var gateways: [(name: String, request: [String], forwards: [[String]])] = []
    private var settings: [String: Settings] = [:]

    static func == (left: FabricMemory, right: FabricMemory) -> Bool { left.requests == right.requests }

    var segmentNames: [String] { segments.map(\.name) }
    func segment(ofPort port: String) -> String? { settings[port]?.segment }
    func isDown(port: String) -> Bool { settings[port]?.isDown ?? false }

    /// Takes note of a request that was agreed to, or that is for a port that is not there yet.
    mutating func take(_ words: [String]) {
        guard words.count > 1 else { return }
        let name = words[1]
        switch words[0] {
        case "segment-add": segments.append((name, [words]))
        case "segment-set":
            guard let index = segments.firstIndex(where: { $0.name == name }) else { break }
            // One that says other values of the same things takes its place.
            segments[index].requests.removeAll { $0[0] == words[0] && Self.keys($0) == Self.keys(words) }
            segments[index].requests.append(words)
        case "segment-remove": remove(segment: name)
        case "port-add":
            ports.removeAll { $0.name == name }
            ports.append((name, words))
        case "port-remove":
            ports.removeAll { $0.name == name }
            settings[name] = nil
        case "plug": if words.count > 2 { settings[name, default: Settings()].segment = words[2] }
        case "unplug": settings[name]?.segment = nil
        case "carrier": settings[name, default: Settings()].isDown = words.last == "down"
        case "impair": takeImpairment(name, words)
        case "filter": settings[name, default: Settings()].filter = words.count > 2 ? words : nil
        case "patch-add": patches.append((name, words))
        case "patch-remove": remove(patch: name)
        case "gateway-add": gateways.append((name, words, []))
        case "gateway-remove": gateways.removeAll { $0.name == name }
        case "forward-add":
            if let index = gateways.firstIndex(where: { $0.name == name }) { gateways[index].forwards.append(words) }
        case "forward-remove":
            if let index = gateways.firstIndex(where: { $0.name == name }) {
                gateways[index].forwards.removeAll { $0.dropFirst() == words.dropFirst() }
                gateways[index].request.removeAll { $0 == "forward=\(words.dropFirst(2).joined())" }
            }
        case "rate":
            let direction = words.dropFirst(2).first { ["in", "out"].contains($0) }
            if direction == nil { settings[name]?.rates = [:] }
            settings[name, default: Settings()].rates[direction ?? ""] = words
        default: break
        }
    }

    /// With it goes what leads from it to elsewhere, as in the fabric.
    private mutating func remove(segment name: String) {
        segments.removeAll { $0.name == name }
        settings[name] = nil
        for port in settings.keys where settings[port]?.segment == name { settings[port]?.segment = nil }
        for patch in patches where patch.request.dropFirst(2).contains(name) { remove(patch: patch.name) }
        gateways.removeAll { $0.request.dropFirst(2).first == name }
    }

    private mutating func remove(patch name: String) {
        patches.removeAll { $0.name == name }
        for end in ["\(name):a", "\(name):b"] { settings[end] = nil }
    }

    private mutating func takeImpairment(_ name: String, _ words: [String]) {
        let direction = words.dropFirst(2).first { ["in", "out", "both"].contains($0) } ?? "both"
        let replaces = words.contains("replace") || words.contains("clear")
        if replaces {
            settings[name]?.impairments.removeAll { old in
                direction == "both" || old.dropFirst(2).first { ["in", "out"].contains($0) } == direction
            }
        }
        // Cleared in one direction only: what was said of both stays, and this after it.
        let isNothingLeft = settings[name]?.impairments.isEmpty ?? true
        if words.contains("clear"), isNothingLeft { return }
        // One that says the same of the same things is overridden by this one: a link that is tuned all day does not pile up.
        let keys = Self.keys(words)
        settings[name]?.impairments.removeAll { old in
            !old.contains("replace") && !old.contains("clear") && Self.keys(old) == keys
        }
        settings[name, default: Settings()].impairments.append(words)
    }

    /// What an impairment is about: its words without their values, in any order.
    private static func keys(_ words: [String]) -> Set<Substring> {
        Set(words.dropFirst(2).map { $0.prefix { $0 != "=" } })
    }

    /// A port is gone, what belongs to it stays: whether it was there.
    @discardableResult
    mutating func forget(port: String) -> Bool {
        let before = ports.count
        ports.removeAll { $0.name == port }
        return ports.count != before
    }

    /// A port, and all that belongs to it, are no more.
    mutating func remove(port: String) {
        forget(port: port)
        settings[port] = nil
    }

    /// What makes one port, in order; its making first.
    func requests(ofPort port: String) -> [[String]] {
        ports.filter { $0.name == port }.map(\.request) + settingRequests(port)
    }

    private func settingRequests(_ port: String) -> [[String]] {
        guard let settings = settings[port] else { return [] }
        var requests = settings.impairments
        if let filter = settings.filter { requests.append(filter) }
        requests += settings.rates.sorted { $0.key < $1.key }.map(\.value)
        if settings.isDown { requests.append(["carrier", port, "down"]) }
        if let segment = settings.segment { requests.append(["plug", port, segment]) }
        return requests
    }

    /// What makes a segment anew that has ended while its ports have not: it, what is plugged in there, what leads from it to
    /// elsewhere.
    func requests(ofSegment name: String) -> [[String]] {
        var requests = segments.filter { $0.name == name }.flatMap(\.requests)
        if !ports.contains(where: { $0.name == name }), let filter = settings[name]?.filter { requests.append(filter) }
        for patch in patches where patch.request.dropFirst(2).contains(name) { requests += self.requests(of: patch) }
        for port in ports where settings[port.name]?.segment == name { requests.append(["plug", port.name, name]) }
        for gateway in gateways where gateway.request.dropFirst(2).first == name {
            requests += [gateway.request] + gateway.forwards
        }
        return requests
    }

    private func requests(of patch: (name: String, request: [String])) -> [[String]] {
        [patch.request] + ["\(patch.name):a", "\(patch.name):b"].flatMap { settingRequests($0) }
    }

    /// Everything, in an order in which each request finds what it speaks of.
    var requests: [[String]] {
        var requests = segments.flatMap(\.requests)
        // A port may have its name; what it is set to goes behind its making.
        for segment in segments where !ports.contains(where: { $0.name == segment.name }) {
            if let filter = settings[segment.name]?.filter { requests.append(filter) }
        }
        for patch in patches { requests += self.requests(of: patch) }
        for port in ports { requests += [port.request] + settingRequests(port.name) }
        for gateway in gateways { requests += [gateway.request] + gateway.forwards }
        return requests
    }
}
