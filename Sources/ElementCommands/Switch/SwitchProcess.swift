// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Endpoints
import Gateway
import Glibc
import LinuxSystem
import Runtime

/// A switch as a program.
enum SwitchProcess {
    static func run(_ setup: SwitchSetup) throws {
        // Everything that can be wrong in the words is found before anything is made.
        let options = try setup.options()
        let gateway = try setup.gatewayConfiguration()
        _ = try setup.declarations()
        try ElementProcess.perform(setup.process) { process in
            let keeper = try setup.delegation?.split(directory: setup.directory)
            try run(setup, options, gateway, &process, keeper: keeper)
        }
    }

    private static func run(
        _ setup: SwitchSetup,
        _ options: SwitchOptions,
        _ gateway: GatewayConfiguration?,
        _ process: inout ElementProcess,
        keeper: Int32?
    ) throws {
        let loop = process.loop
        let directory: SwitchDirectory
        do {
            directory = try SwitchDirectory.open(options)
        } catch {
            throw Failure(error.description)
        }
        do {
            try serve(setup, options, gateway, &process, loop, directory, keeper: keeper)
        } catch {
            directory.remove()
            throw error
        }
        directory.remove()
    }

    private static func serve(
        _ setup: SwitchSetup,
        _ options: SwitchOptions,
        _ gateway: GatewayConfiguration?,
        _ process: inout ElementProcess,
        _ loop: ControlLoop,
        _ directory: borrowing SwitchDirectory,
        keeper: Int32?
    ) throws {
        let element: Switch
        let vde: VDEServer
        let attach: AttachServer
        do {
            var configuration = EngineConfiguration(
                // A console may raise the number of ports later.
                portCount: max(options.portCount, 1024) + 1,
                isHub: options.isHub,
                gateway: gateway
            )
            configuration.isMultiplexer = options.isMultiplexer
            configuration.spinMicroseconds = setup.spinMicroseconds
            configuration.addressCount = options.hashSize
            let dataPlane = try DataPlane(configuration: configuration)
            element = try Switch(options: options, loop: loop, dataPlane: dataPlane)
            vde = try VDEServer(element, directory: directory)
            attach = try AttachServer(element, directory: directory)
        } catch {
            throw Failure("cannot start the switch: \(error)")
        }
        defer {
            // In this order: endpoints tell their servers when they go.
            element.attachments.closeAll()
            element.detachAll()
            if options.isMultiplexer { element.interfaces.stop() }
            element.dataPlane.stop()
            withExtendedLifetime((vde, attach)) {}
        }
        element.onShutdown = { loop.stop() }
        element.log = { Report.note($0) }

        let filter = try setup.filter?.apply(to: element)
        try prepareMultiplexer(setup, element)
        if setup.floodLimit > 0 {
            try? element.hooks.setFloodLimit(port: nil, framesPerSecond: UInt64(setup.floodLimit))
        }
        for name in setup.taps { try plugTap(name, into: element) }
        for mirror in setup.mirrors { try mirror.apply(to: element) }
        for text in setup.urls {
            do {
                try element.attachments.attach(text, mayWait: true)
            } catch let error as TransportError {
                throw Failure(error)
            }
        }
        var monitor: ResolverMonitor?
        if let gateway {
            try plugGateway(gateway, into: element)
            monitor = ResolverMonitor(loop: loop) { element.dataPlane.setResolvers($0) }
        }
        defer { withExtendedLifetime(monitor) {} }

        let consoles = try SwitchConsoles(setup, element, filter: filter)
        defer { consoles.close() }
        // Whoever the process has become could not open it again.
        var loss: String?
        if setup.delegation != nil {
            // What root plugs in at the console later may come and go.
            let given = element.attachments.entries.map(\.identifier)
            element.attachments.onLost = { entry, reason in
                guard given.contains(entry.identifier) else { return }
                loss = reason
                loop.stop()
            }
        }
        if let keeper { try setup.delegation?.drop(directory: directory.path, keeper: keeper) }
        try process.ready()
        // As vde_switch does: nobody reads a daemon's standard error.
        if setup.process.isDaemon { element.log = { SystemLog.write($0) } }
        try process.run { consoles.hangUp() }
        if let loss { throw Failure("what was given has gone: \(loss)") }
    }

    /// Uplinks come first: the interfaces' addresses follow from them.
    private static func prepareMultiplexer(_ setup: SwitchSetup, _ element: Switch) throws {
        do {
            for text in setup.uplinks { try element.interfaces.addUplink(text) }
            for declaration in try setup.declarations() { try element.interfaces.declare(declaration) }
        } catch let error as TransportError {
            throw Failure(error)
        } catch let error as AttachRefusal {
            throw Failure(error.message)
        }
    }

    /// Identifiers of endpoints that have no connection: taken from a duplicate of a descriptor, so that they are unique
    /// among all others.
    private static func plugTap(_ name: String, into element: Switch) throws {
        do {
            let tap = try Tap.create(name: name)
            let identifier = tap.rawValue
            let endpoint = try TapEndpoint(tap)
            let newcomer = Switch.Newcomer(
                identifier: identifier,
                module: "tuntap",
                description: name,
                userID: nil,
                processID: CurrentProcess.id
            )
            try element.attach(.tap(endpoint), newcomer)
        } catch let error as Tap.OpenError {
            throw Failure(TransportError.tap(error, name: name))
        } catch let error as AttachRefusal {
            throw Failure("tap \(name): \(error.message)")
        } catch {
            throw Failure("tap \(name): \(error)")
        }
    }

    private static func plugGateway(_ configuration: GatewayConfiguration, into element: Switch) throws {
        do {
            let gateway = try element.dataPlane.makeGateway(configuration)
            let newcomer = Switch.Newcomer(
                identifier: 0,
                module: "gateway",
                description: "gateway \(configuration.network)",
                userID: nil,
                processID: CurrentProcess.id
            )
            try element.attach(gateway: gateway, newcomer)
        } catch let error as HostSocketsError {
            throw Failure(error.description)
        } catch let error as AttachRefusal {
            throw Failure("gateway: \(error.message)")
        }
    }
}
