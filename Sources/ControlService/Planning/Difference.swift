// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Model

/// What has to be done so that a running lab becomes the one that is wanted, and nothing else.
///
/// Three things are compared: what is wanted, what was applied last (known by its requests, as the keeper does not tell all of
/// them back), and what the keeper says there is. Where the last two disagree, what was applied is not believed.
public struct Difference {
    let desired: DesiredState
    var applied: [String: Resource]
    let actual: ActualState
    /// Changes that were begun and perhaps not done: their things are taken away first, if they are there.
    let doubtful: [String: Resource]
    /// Guests that are to run.
    let wanted: Set<String>
    /// How long a moved interface has no carrier.
    let downFor: UInt64?

    var steps: [Step] = []
    /// Keys of what is made anew: so is what was built on it.
    var renewed: Set<String> = []

    public init(
        desired: DesiredState,
        applied: [String: Resource],
        actual: ActualState,
        doubtful: [String: Resource] = [:],
        wanted: Set<String>,
        downFor: UInt64? = nil
    ) {
        self.desired = desired
        self.applied = applied
        self.actual = actual
        self.doubtful = doubtful
        self.wanted = wanted
        self.downFor = downFor
    }

    /// The steps in their order.
    public static func steps(_ difference: Difference) -> [Step] {
        var difference = difference
        difference.run()
        // A stable sort: within a phase the order stays.
        return difference.steps.enumerated()
            .sorted { ($0.element.phase, $0.offset) < ($1.element.phase, $1.offset) }.map(\.element)
    }

    private mutating func run() {
        forgetWhatIsGone()
        let wantedKeys = Set(desired.resources.map(\.key))
        for (_, resource) in doubtful.sorted(by: { $0.key < $1.key }) where resource.kind != .guest {
            applied[resource.key] = nil
            renewed.insert(resource.key)
            steps.append(
                Step(Self.removal(resource.kind), "? \(resource.key)", resource.remove.map { .attempt($0) })
            )
        }
        for resource in applied.values.sorted(by: { ($1.kind, $0.name) < ($0.kind, $1.name) })
        where !wantedKeys.contains(resource.key) {
            remove(resource)
        }
        for resource in desired.resources.sorted(by: { $0.kind < $1.kind }) { settle(resource) }
        for guest in desired.guests where wanted.contains(guest.name) { start(guest) }
    }

    /// What the keeper does not have was not applied, whatever is written.
    private mutating func forgetWhatIsGone() {
        for resource in applied.values {
            let isThere =
                switch resource.kind {
                case .guest: actual.guests[resource.name] != nil
                case .segment: actual.segments.contains(resource.name)
                case .bridge: actual.bridges.contains(resource.name)
                case .companion: actual.segments.contains(BridgeCompanion.segment(of: resource.name))
                case .element: actual.elements[resource.name] != nil
                case .plug: Self.isPlugged(resource, actual)
                default: true
                }
            if !isThere {
                applied[resource.key] = nil
                renewed.insert(resource.key)
            }
        }
    }

    private static func isPlugged(_ plug: Resource, _ actual: ActualState) -> Bool {
        // An interface that the keeper does not know has nothing to be compared with.
        guard let interface = actual.interfaces[plug.name] else { return true }
        return interface.segment == plug.make.first?.last
    }

    // MARK: Taking away

    private static func removal(_ kind: Resource.Kind) -> Step.Phase {
        switch kind {
        case .segment, .bridge, .companion: .removeSegments
        case .guest: .removeGuests
        default: .unplug
        }
    }

    private mutating func remove(_ resource: Resource) {
        var actions: [Step.Action] = []
        if resource.kind == .guest {
            if actual.guests[resource.name].map(\.state) != .stopped { actions += Self.stop(resource.name) }
        }
        // What goes with its guest needs no request of its own.
        let guest = resource.name.prefix { $0 != ":" }
        let goesWithGuest =
            [.plug, .carrier, .filter, .impairment].contains(resource.kind) && resource.name.contains(":")
            && applied[Resource.key(.guest, String(guest))] != nil
            && !desired.guests.contains { $0.name == guest }
        if !goesWithGuest { actions += resource.remove.map { .request($0) } }
        let note = resource.note.isEmpty ? "" : " \(resource.note)"
        steps.append(
            Step(
                Self.removal(resource.kind),
                goesWithGuest ? "" : "- \(resource.kind.rawValue) \(resource.name)\(note)",
                actions,
                results: [resource.key: nil]
            )
        )
    }

    static func stop(_ guest: String) -> [Step.Action] {
        [.request(["stop", guest]), .await(guest: guest, .stopped, milliseconds: 30_000)]
    }

    // MARK: Making and changing

    private static func making(_ kind: Resource.Kind) -> Step.Phase {
        switch kind {
        case .bridge, .segment: .segments
        case .companion: .companions
        case .rules, .port, .patch, .gateway, .element: .elements
        case .forward, .guest: .guests
        case .carrier, .filter, .impairment: .rules
        case .plug: .plugs
        }
    }

    private mutating func settle(_ resource: Resource) {
        let isShaken = resource.needs.contains { renewed.contains($0) }
        guard let old = applied[resource.key] else {
            renewed.insert(resource.key)
            return make(resource)
        }
        if old.make == resource.make && !isShaken && !isDoubted(resource, old) { return }
        switch resource.kind {
        case .guest: change(resource, from: old)
        case .segment: changeSegment(resource, from: old)
        case .plug: move(resource, from: old)
        case .carrier, .filter, .rules, .impairment: replace(resource, line: "~")
        default: renew(resource, old)
        }
    }

    private mutating func make(_ resource: Resource) {
        if resource.kind == .plug, let old = actual.interfaces[resource.name]?.segment {
            return move(resource, to: old)
        }
        replace(resource, line: "+")
    }

    mutating func replace(_ resource: Resource, line: String) {
        let note = resource.note.isEmpty ? "" : " \(resource.note)"
        steps.append(
            Step(
                Self.making(resource.kind),
                "\(line) \(resource.kind.rawValue) \(resource.name)\(note)",
                resource.make.map { .request($0) },
                results: [resource.key: resource]
            )
        )
    }

    /// There is no way to change it: it goes, and comes anew. All that is built on it does, too.
    private mutating func renew(_ resource: Resource, _ old: Resource) {
        renewed.insert(resource.key)
        steps.append(
            Step(Self.removal(old.kind), "", old.remove.map { .attempt($0) }, results: [old.key: nil])
        )
        replace(resource, line: "~")
    }

    private mutating func changeSegment(_ resource: Resource, from old: Resource) {
        let (before, after) = (old.make.first ?? [], resource.make.first ?? [])
        func kind(_ words: [String]) -> String? { words.first { $0.hasPrefix("kind=") } }
        func listen(_ words: [String]) -> String? { words.first { $0.hasPrefix("listen=") } }
        guard kind(before) == kind(after), listen(before) == listen(after) else { return renew(resource, old) }
        var words = ["fabric", "segment-set", resource.name]
        let mtu = after.first { $0.hasPrefix("mtu=") }
        if mtu != before.first(where: { $0.hasPrefix("mtu=") }) { words.append(mtu ?? "mtu=1500") }
        if after.contains("spanning-tree") != before.contains("spanning-tree") {
            words.append(after.contains("spanning-tree") ? "spanning-tree" : "spanning-tree=off")
        }
        let change = words.dropFirst(3).joined(separator: " ")
        steps.append(
            Step(
                .segments,
                "~ segment \(resource.name) \(change)",
                [.request(words)],
                results: [resource.key: resource]
            )
        )
    }

    private mutating func move(_ resource: Resource, from old: Resource) {
        move(resource, to: old.make.first?.last ?? "-")
    }

    private mutating func move(_ resource: Resource, to before: String) {
        let words = (resource.make.first ?? []) + (downFor.map { ["down-for=\($0)"] } ?? [])
        steps.append(
            Step(
                .plugs,
                "~ plug \(resource.name) \(before) \(resource.note)",
                [.request(words)],
                results: [resource.key: resource]
            )
        )
    }

    private mutating func start(_ guest: GuestPlan) {
        let state = actual.guests[guest.name]?.state ?? .stopped
        let isReplaced = steps.contains { $0.actions.contains(.request(["stop", guest.name])) }
        guard state == .stopped || state == .stopping || isReplaced else { return }
        steps.append(Step(.start, "start \(guest.name)", [.start(guest: guest.name)]))
    }
}
