// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// The data plane of a running lab: segments, the ports that are plugged into them, patches between them, gateways.
///
/// # Theory of operation
///
///     keeper ──words, descriptors──▶ FabricServer ──▶ Fabric ─┬▶ segment: Switch + loop thread ◀─ ports, clients of its directory
///                                                             ├▶ segment: …
///                                                             └▶ the lot: ports that are plugged in nowhere
///
/// A request is understood as a whole (`FabricRequest`), checked against what there is, and only then acted upon: an error
/// leaves everything as it was. All of this is the control thread's; frames pass on the segments' own threads.
public final class Fabric {
    public let loop: ControlLoop
    let log: (String) -> Void
    let lot: FabricLot
    var segments: [String: FabricSegment] = [:]
    var ports: [String: FabricPort] = [:]
    var patches: [String: (String, String)] = [:]
    var gateways: [String: FabricGateway] = [:]
    var resolverMonitor: ResolverMonitor?
    /// More words of the answer to `hello`.
    public var facts: [String] = []
    /// Makes what else a segment with a directory has: its console.
    public var makeService: (FabricSegment) throws -> AnyObject? = { _ in nil }
    /// Called with the words of each event.
    public var onEvent: ([String]) -> Void = { _ in }
    /// Called with the words of an event for the owner alone, and with descriptors that stay ours.
    public var onKept: ([String], [Int32]) -> Void = { _, _ in }
    /// What ports are about to take up.
    var predecessors: [String: VhostPredecessor] = [:]
    /// Where paths begin that are not absolute; nil: there are none.
    let directory: String?

    public init(loop: ControlLoop, directory: String? = nil, log: @escaping (String) -> Void) throws(Errno) {
        self.loop = loop
        self.directory = directory
        self.log = log
        lot = try FabricLot(loop: loop, log: log)
    }

    /// Does what is asked. Returns the words of the answer. The descriptor is for `port-add … tap`.
    public func perform(
        _ request: FabricRequest,
        descriptor: consuming OwnedDescriptor? = nil
    ) throws(FabricError) -> [String] {
        switch request {
        case .hello: return ["pid=\(CurrentProcess.id)"] + facts
        case .state: return stateWords
        case .watch: break
        case .segmentAdd(let name, let settings): try addSegment(name, settings)
        case .segmentSet(let name, let settings): try setSegment(name, settings)
        case .segmentRemove(let name): try removeSegment(name)
        case .portAdd(let name, let kind): try addPort(name, kind, descriptor)
        case .portRemove(let name): try removePort(name)
        case .portKeep(let name, let note):
            var list = DescriptorList()
            if let descriptor { list.append(descriptor) }
            try keep(name, note, list, count: 1)
        case .portTakeUp(let name): try takeUp(name)
        case .plug(let port, let segment, let downFor):
            try ownPort(port, "plug").plug(into: try self.segment(segment), downFor: downFor)
        case .unplug(let port): try ownPort(port, "unplug").unplug()
        case .carrier(let port, let isOn): try self.port(port).setCarrier(isOn)
        case .impair(let port, let change): try self.port(port).setImpairment(change)
        case .rate(let port, let directions, let rate): try self.port(port).setRate(rate, directions)
        case .filter(let name, let rules): try setFilter(name, rules)
        case .patchAdd(let name, let first, let second): try addPatch(name, first, second)
        case .patchRemove(let name): try removePatch(name)
        case .gatewayAdd(let name, let segment, let configuration): try addGateway(name, segment, configuration)
        case .gatewayRemove(let name): try removeGateway(name)
        case .forwardAdd(let name, let forward): try gateway(name).add(forward)
        case .forwardRemove(let name, let forward): try gateway(name).remove(forward)
        }
        return []
    }

    // MARK: Looking up

    func segment(_ name: String) throws(FabricError) -> FabricSegment {
        guard let segment = segments[name] else { throw FabricError("segment \(name): there is none of that name") }
        return segment
    }

    func port(_ name: String) throws(FabricError) -> FabricPort {
        guard let port = ports[name] else { throw FabricError("port \(name): there is none of that name") }
        return port
    }

    /// A port that was added as one.
    func ownPort(_ name: String, _ verb: String) throws(FabricError) -> FabricPort {
        let port = try port(name)
        if case .patch(let patch) = port.origin {
            throw FabricError("\(verb) \(name): belongs to the patch \(patch), and goes with it", status: 2)
        }
        return port
    }

    /// A path as it is meant.
    func path(_ text: String, _ what: String) throws(FabricError) -> String {
        if text.hasPrefix("/") { return text }
        guard let directory else {
            throw .usage("\(what): \(text): an absolute path is wanted, or --directory when the fabric starts")
        }
        return directory + "/" + text
    }

    // MARK: Segments

    private func addSegment(_ name: String, _ settings: FabricSegmentSettings) throws(FabricError) {
        guard segments[name] == nil else { throw FabricError("segment \(name): exists already") }
        var settings = settings
        if let listen = settings.listen { settings.listen = try path(listen, "listen") }
        let isSwitch = settings.kind == nil || settings.kind == .switch
        guard settings.usesSpanningTree != true || isSwitch else {
            throw .usage("segment \(name): only a switch has a spanning tree")
        }
        let segment = try FabricSegment(name, settings, loop: loop, log: log)
        do throws(FabricError) {
            try segment.listen(makeService: makeService)
        } catch {
            segment.close()
            throw error
        }
        segment.element.onShutdown = { [weak self] in
            guard let self, (try? removeSegment(name)) != nil else { return }
            log("segment \(name) has ended: it was shut down at its console, or its loop has failed")
            onEvent(["segment", name, "ended"])
        }
        segment.element.onLoop = { [weak self, weak segment] loop in
            guard let self, let segment else { return }
            let names = [loop.oldPort, loop.port].map { self.name(of: $0, in: segment) }
            onEvent(["loop", name] + names)
        }
        segments[name] = segment
    }

    /// What a number of a segment's switch is called: the port that has it, else the number.
    private func name(of number: Int, in segment: FabricSegment) -> String {
        let port = ports.values.first {
            $0.segment === segment && $0.hasCarrier && $0.occupants.values.contains(number)
        }
        return port?.name ?? String(number)
    }

    private func setSegment(_ name: String, _ settings: FabricSegmentSettings) throws(FabricError) {
        let segment = try segment(name)
        guard settings.listen == nil, settings.portCount == nil else {
            throw .usage("segment-set \(name): listen= and ports= are decided when a segment is added")
        }
        let kind = settings.kind ?? segment.kind
        guard (kind == .multiplexer) == (segment.kind == .multiplexer) else {
            throw .usage("segment-set \(name): a multiplexer stays one, and nothing becomes one")
        }
        guard settings.usesSpanningTree != true || kind == .switch else {
            throw .usage("segment-set \(name): only a switch has a spanning tree")
        }
        if kind != segment.kind { segment.element.setHub(kind == .hub) }
        segment.settings.kind = kind
        if let isOn = settings.usesSpanningTree {
            segment.element.setSpanningTree(isOn)
            segment.settings.usesSpanningTree = isOn
        }
        if kind == .hub { segment.settings.usesSpanningTree = false }
        if let mtu = settings.mtu { segment.settings.mtu = mtu }
    }

    /// Its ports are unplugged and stay; what leads from it to elsewhere goes.
    private func removeSegment(_ name: String) throws(FabricError) {
        let segment = try segment(name)
        for (patch, ends) in patches where ends.0 == name || ends.1 == name { try removePatch(patch) }
        for gateway in gateways.values where gateway.segment === segment { try removeGateway(gateway.name) }
        for port in ports.values where port.segment === segment { port.unplug() }
        segments[name] = nil
        segment.close()
    }

    /// Ends everything.
    public func close() {
        for port in ports.values { port.close() }
        ports = [:]
        for gateway in gateways.values { gateway.close() }
        gateways = [:]
        for segment in segments.values { segment.close() }
        segments = [:]
        lot.element.stop()
    }
}
