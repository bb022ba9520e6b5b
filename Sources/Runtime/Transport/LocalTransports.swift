// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
public import LinuxSystem

extension TransportRegistry {
    /// Networks of this host: switches and taps.
    static var localSchemes: [TransportScheme] {
        [
            TransportScheme("vde", syntax: "vde://DIRECTORY[PORT]", open: VDETransport.init(_:_:)),
            TransportScheme("tap", syntax: "tap://NAME", open: TapTransport.init(_:_:)),
        ]
    }
}

/// A place at a switch: ours by `attach`, another by VDE.
final class VDETransport: Transport {
    private let context: TransportContext
    private var control: OwnedDescriptor?
    private var identifier: Int32 = -1
    private var token: ControlLoop.Token?

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        self.context = context
        let directory = try url.address.isEmpty ? DefaultSwitch.directory() : url.address
        let (port, interface) = try url.placeInBrackets()
        var wishes = Membership.Wishes(port: port, interface: interface)
        wishes.filters = context.filters
        var membership: Membership
        do {
            membership = try Membership.join(directory: directory, wishes) { _ in context.description }
        } catch {
            throw TransportError(error.mayComeBack ? .unreachable : .failed, error.description)
        }
        let control = membership.takeControl()
        identifier = control.rawValue
        var newcomer = Newcomer(
            identifier: identifier,
            module: "vde",
            description: "\(url)",
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.end("\(directory): the switch is gone") }
        newcomer.port = context.port
        guard let endpoint = membership.takeEndpoint() else {
            throw TransportError(.failed, "\(directory): the switch gave no data path")
        }
        try context.host.attach(endpoint, newcomer)
        do throws(Errno) {
            token = try context.loop.watch(identifier, [.readable, .readHangUp]) { [weak self] _ in self?.readable() }
        } catch {
            // Before its connection is closed: another's may get the number.
            context.host.detach(identifier: identifier)
            throw TransportError(.failed, "\(directory): cannot watch the connection: \(error)")
        }
        self.control = Optional(control)
    }

    private func readable() {
        // A switch says nothing here; whatever comes is passed over, and its end is the place's end.
        let isOpen: Bool
        do throws(Errno) {
            isOpen = try control?.read(atMost: 256).isEmpty == false
        } catch {
            isOpen = error == .wouldBlock
        }
        if !isOpen { context.host.detach(identifier: identifier) }
    }

    private func end(_ reason: String) {
        guard control != nil else { return }
        leave()
        context.onEnd(reason)
    }

    private func leave() {
        if let token { context.loop.cancel(token) }
        token = nil
        control = nil
    }

    func close() {
        leave()
        context.host.detach(identifier: identifier)
    }
}

/// The switch that is meant when none is named: the user's own default, or a standard place.
public enum DefaultSwitch {
    public static func directory() throws(TransportError) -> String {
        let home = CurrentProcess.environment("HOME") ?? "/"
        var places = ["\(home)/.vdeplug/default", "\(home)/.vde2/default.switch", "\(home)/.vde2/stdsock"]
        places += ["/var/run/vde.ctl", "/tmp/vde.ctl"]
        for place in places where (try? FileStatus(path: place + "/ctl")) != nil { return place }
        throw TransportError(.unreachable, "no switch is named, and none is at /var/run/vde.ctl or /tmp/vde.ctl")
    }
}

/// A tap of this host, made here and gone with the transport.
final class TapTransport: Transport {
    private let context: TransportContext
    private let identifier: Int32
    private var isOpen = true

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        self.context = context
        let name = url.address
        guard !name.isEmpty, name.utf8.count < 16, !name.contains("/"), !name.contains(" ") else {
            throw TransportError(
                .usage,
                "\(url): an interface name has 1 to 15 characters without \"/\" or blank"
            )
        }
        let tap: OwnedDescriptor
        do {
            tap = try Tap.create(name: name)
        } catch {
            throw TransportError.tap(error, name: name)
        }
        identifier = tap.rawValue
        var newcomer = Newcomer(
            identifier: identifier,
            module: "tuntap",
            description: name,
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.end("tap \(name) is gone") }
        newcomer.port = context.port
        try context.host.attach(.tap(try TapEndpoint(tap)), newcomer)
    }

    private func end(_ reason: String) {
        guard isOpen else { return }
        isOpen = false
        context.onEnd(reason)
    }

    func close() {
        isOpen = false
        context.host.detach(identifier: identifier)
    }
}

extension TransportError {
    /// Why a tap could not be made, in words that help.
    public static func tap(_ error: Tap.OpenError, name: String) -> TransportError {
        switch (error.step, error.errno) {
        case ("open /dev/net/tun", .noEntry):
            TransportError(
                .unsupported,
                "/dev/net/tun is missing: the kernel has no tun module loaded; as root: modprobe tun"
            )
        case ("open /dev/net/tun", .accessDenied):
            TransportError(
                .unsupported,
                "/dev/net/tun: permission denied; as root: chmod 0666 /dev/net/tun (distributions ship it so)"
            )
        case (_, .notPermitted):
            TransportError(
                .unsupported,
                "tap \(name): not permitted in this network namespace; run inside one of your own (etherloom run), "
                    + "or as root"
            )
        case (_, .busy): TransportError(.failed, "tap \(name): in use by another program")
        case (_, .invalid), (_, .nameTooLong):
            TransportError(
                .usage,
                "tap \(name): an interface name has 1 to 15 characters without \"/\" or blank"
            )
        default: TransportError(.failed, "\(error.step): \(error.errno)")
        }
    }
}
