// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// `switch://` and `hub://`: a switch that lives in the process which names it first; whoever names it later joins it.
enum NodeOpener {
    static func open(_ url: NetworkURL, _ context: TransportContext, isHub: Bool) throws -> any Transport {
        try url.refuseOptions(except: ["hashsize", "expiretime", "hashseed", "mode", "dirmode", "grp"])
        let user = CurrentProcess.userName(CurrentProcess.userID)
        let path = url.address.isEmpty ? "/tmp/vdenode_\(user)" : url.address
        switch owner(of: path) {
        case nil: break
        case CurrentProcess.id?:
            throw TransportError(.failed, "\(url): this process is that network's home already")
        case _?:
            return try VDETransport(try NodeOpener.parse("vde://\(path)"), context)
        }
        var options = SwitchOptions(directory: path)
        options.isHub = isHub
        options.portCount = 256
        options.mode = try permissions("mode", url) ?? 0o600
        options.directoryMode = try permissions("dirmode", url)
        options.hashSize = try url.number("hashsize", 1...65_536, default: 256)
        if let group = url.value("grp") {
            guard let number = UInt32(group) ?? CurrentProcess.groupID(named: group) else {
                throw TransportError(.usage, "\(url): \(group): no such group")
            }
            options.groupID = number
        }
        let age = try url.number("expiretime", 1...32_000, default: 120)
        return try NodeTransport(url, options, age: age, context)
    }

    static func parse(_ text: String) throws -> NetworkURL {
        do throws(NetworkURL.ParseError) {
            return try NetworkURL(text)
        } catch {
            throw TransportError(.usage, error.description)
        }
    }

    private static func permissions(_ name: String, _ url: NetworkURL) throws -> UInt32? {
        guard let text = url.value(name) else { return nil }
        guard let number = UInt32(text, radix: 8), number <= 0o7777 else {
            throw TransportError(.usage, "\(url): \(name)=\(text): wants permissions in octal")
        }
        return number
    }

    /// The process that answers at a switch's directory; nil when nobody does.
    private static func owner(of path: String) -> Int32? {
        guard let address = UnixSocketAddress(path: path + "/ctl") else { return nil }
        do throws(Errno) {
            let socket = try UnixSocket.connection(.stream, to: address)
            return try UnixSocket.credentials(socket).processID
        } catch {
            return nil
        }
    }
}

/// The switch itself, with its sockets, for as long as the URL is in use here.
final class NodeTransport: Transport {
    private let inner: Switch
    private let vde: VDEServer
    private let attach: AttachServer
    private let cable: SingleEndpoint
    private var directory: SwitchDirectory?
    private var isClosed = false

    init(_ url: NetworkURL, _ options: SwitchOptions, age: Int, _ context: TransportContext) throws {
        let directory: SwitchDirectory
        do {
            directory = try SwitchDirectory.open(options)
        } catch {
            throw TransportError(.failed, error.description)
        }
        do throws(Errno) {
            let configuration = EngineConfiguration(portCount: options.portCount + 1, isHub: options.isHub)
            let dataPlane = try DataPlane(configuration: configuration)
            inner = try Switch(options: options, loop: context.loop, dataPlane: dataPlane)
            vde = try VDEServer(inner, directory: directory)
            attach = try AttachServer(inner, directory: directory)
        } catch {
            directory.remove()
            throw TransportError(.failed, "\(url): cannot start the switch: \(error)")
        }
        inner.log = context.host.log
        inner.setAgeing(seconds: age)
        cable = SingleEndpoint("\(url)", context)
        self.directory = Optional(directory)
        cable.onClose = { [weak self] in self?.shut() }
        do {
            try InnerCable.lay(inner, port: 0, cable, module: url.scheme, url)
        } catch {
            shut()
            throw error
        }
    }

    private func shut() {
        guard !isClosed else { return }
        isClosed = true
        vde.stop()
        attach.stop()
        inner.stop()
        directory.take()?.remove()
    }

    func close() {
        cable.close()
        shut()
    }
}
