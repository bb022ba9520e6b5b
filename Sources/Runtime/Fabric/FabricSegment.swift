// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import PacketFilter

/// A network of a fabric: a switch with a loop of its own, and what it can be joined by.
public final class FabricSegment {
    /// What an owner adds to a segment that can be joined: its console.
    public typealias Service = AnyObject

    public let name: String
    /// The settings as they are.
    public internal(set) var settings: FabricSegmentSettings
    public let element: Switch
    /// What holds for all that was plugged in, beside what holds for each.
    var rules: FilterRules?
    var sharedPolicies: [Bool: CompiledPolicy] = [:]
    let policies: PortPolicies
    private var directory: DirectoryBox?
    private var servers: (VDEServer, AttachServer)?
    private var service: Service?

    private final class DirectoryBox {
        var value: SwitchDirectory?
        init(_ value: consuming SwitchDirectory) { self.value = consume value }
        func remove() { if let directory = value.take() { directory.remove() } }
    }

    static var defaultPortCount: Int { 1000 }

    init(
        _ name: String,
        _ settings: FabricSegmentSettings,
        loop: ControlLoop,
        log: @escaping (String) -> Void
    ) throws(FabricError) {
        self.name = name
        self.settings = settings
        let kind = settings.kind ?? .switch
        self.settings.kind = kind
        let portCount = settings.portCount ?? Self.defaultPortCount
        self.settings.portCount = portCount
        do throws(Errno) {
            var configuration = EngineConfiguration(portCount: portCount + 1)
            configuration.isHub = kind == .hub
            configuration.isMultiplexer = kind == .multiplexer
            if portCount <= 16 {
                // Its few ends never have much waiting but what is delayed.
                configuration.isLink = true
                configuration.smallSlotCount = 8192
                configuration.largeSlotCount = 320
            }
            var options = SwitchOptions(directory: settings.listen ?? "")
            options.portCount = portCount
            options.isHub = kind == .hub
            options.isMultiplexer = kind == .multiplexer
            options.admitsUnnamed = true
            options.usesSpanningTree = settings.usesSpanningTree == true && kind == .switch
            element = try Switch(options: options, loop: loop, dataPlane: try DataPlane(configuration: configuration))
        } catch {
            throw FabricError("segment \(name): cannot start its loop: \(error)")
        }
        policies = PortPolicies(element.dataPlane)
        element.log = { log("segment \(name): \($0)") }
    }

    var kind: FabricSegmentSettings.Kind { settings.kind ?? .switch }

    /// Opens the directory in which others may join.
    func listen(makeService: (FabricSegment) throws -> Service?) throws(FabricError) {
        guard settings.listen != nil else { return }
        do {
            let opened = try SwitchDirectory.open(element.options)
            do {
                servers = (
                    try VDEServer(element, directory: opened), try AttachServer(element, directory: opened)
                )
                service = try makeService(self)
            } catch {
                stopServers()
                opened.remove()
                throw error
            }
            directory = DirectoryBox(opened)
        } catch let error as SwitchDirectory.SetupError {
            throw FabricError("segment \(name): \(error)")
        } catch let error as FabricError {
            throw error
        } catch {
            throw FabricError("segment \(name): \(error)")
        }
    }

    private func stopServers() {
        servers?.0.stop()
        servers?.1.stop()
        service = nil
    }

    func close() {
        stopServers()
        element.stop()
        servers = nil
        directory?.remove()
        directory = nil
    }

    /// Nobody is on this number any more: whoever gets it next begins anew.
    func release(port number: Int) {
        // An interface of a multiplexer may have other clients.
        guard element.ports[number]?.isActive != true else { return }
        element.hooks.forget(port: number)
        let none: [SwitchHooks.Way: RunningPolicy?] = [
            SwitchHooks.Way(port: number, isInbound: true): nil,
            SwitchHooks.Way(port: number, isInbound: false): nil,
        ]
        if none.keys.contains(where: { policies[$0] != nil }) { policies.assign(none) }
        try? element.removePort(number)
    }

    /// So many more can be plugged in.
    func hasRoom(for count: Int) -> Bool {
        element.dataPlane.hasRoom(for: count)
            && element.portCount - element.ports.values.count { $0.isActive } >= count
    }
}
