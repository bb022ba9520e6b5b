// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

extension TransportRegistry {
    /// Real interfaces of this host.
    static var uplinkSchemes: [TransportScheme] {
        [
            TransportScheme("packet", syntax: "packet://INTERFACE", open: UplinkOpener.packet),
            TransportScheme("pcap", syntax: "pcap://INTERFACE or pcap://FILE[fast/speed=X] or pcap://FILE[write]") {
                CaptureFileTransport.isFile($0)
                    ? try CaptureFileTransport($0, $1) : try UplinkOpener.packet($0, $1)
            },
            TransportScheme(
                "macvtap",
                syntax: "macvtap://NAME[/link=INTERFACE/mode=bridge]",
                open: MacvtapTransport.init(_:_:)
            ),
        ]
    }
}

enum UplinkOpener {
    /// The number of an interface.
    static func interface(_ name: String, _ url: NetworkURL) throws -> Int32 {
        guard !name.isEmpty else { throw TransportError(.usage, "\(url): which interface? \(url.scheme)://NAME") }
        do throws(Errno) {
            return try NetworkInterface.index(name)
        } catch {
            throw TransportError(.failed, "\(url): no interface \"\(name)\" on this host")
        }
    }

    /// An interface by a packet socket.
    static func packet(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: [])
        let interface = try interface(url.address, url)
        let socket: OwnedDescriptor
        do throws(Errno) {
            socket = try FrameSocket.make(interface: interface)
        } catch {
            switch error {
            case .notPermitted, .accessDenied:
                throw TransportError(
                    .unsupported,
                    "\(url): not permitted to use packet sockets here (CAP_NET_RAW); as root, or inside a network stack "
                        + "of your own (etherloom run)"
                )
            default: throw TransportError(.failed, "\(url): \(error)")
            }
        }
        let identifier = socket.rawValue
        let transport = SingleEndpoint("\(url)", context)
        transport.onNotice = { [weak transport] notice in
            guard notice.kind == .peerDown else { return }
            // Down, or on its way out? Once it is out its number is nobody's.
            context.loop.after(milliseconds: 100) {
                guard (try? NetworkInterface.index(url.address)) != interface else {
                    context.host.log("\(url): the interface is down")
                    return
                }
                transport?.end("\(url): the interface is gone")
            }
        }
        try transport.plug(
            .uplink(UplinkEndpoint(socket)),
            identifier: identifier,
            module: url.scheme,
            ending: "\(url): the interface is gone"
        )
        return transport
    }
}

/// A macvtap device: a second address of a real interface, as a tap. One that exists is used; where an interface is named to
/// make it on, it is made, and removed in the end. One that a killed program has left is used again.
final class MacvtapTransport: Transport {
    private let inner: SingleEndpoint
    private var made: Int32?

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        try url.refuseOptions(except: ["link", "mode"])
        let name = url.address
        guard !name.isEmpty, name.utf8.count < 16, !name.contains("/"), !name.contains(" ") else {
            throw TransportError(.usage, "\(url): an interface name has 1 to 15 characters without \"/\" or blank")
        }
        guard let mode = Netlink.MacvtapMode(url.value("mode") ?? "bridge") else {
            throw TransportError(.usage, "\(url): mode= is one of bridge, private, vepa, passthru")
        }
        var made = false
        if let link = url.value("link") {
            made = try Self.make(name, on: try UplinkOpener.interface(link, url), mode, url)
        }
        let interface = try UplinkOpener.interface(name, url)
        inner = SingleEndpoint("\(url)", context)
        self.made = made ? interface : nil
        do {
            try Self.bringUp(interface, isNeeded: made, url)
            let tap = try Self.open(name, interface, url)
            let identifier = tap.rawValue
            let endpoint: TapEndpoint
            do throws(Errno) {
                endpoint = try TapEndpoint(tap)
            } catch {
                throw TransportError(.failed, "\(url): \(error)")
            }
            try inner.plug(
                .tap(endpoint),
                identifier: identifier,
                module: "macvtap",
                ending: "\(url): the interface is gone"
            )
        } catch {
            removeMade()
            throw error
        }
        inner.onClose = { [weak self] in self?.removeMade() }
    }

    /// Makes the device; false when there is one of that name.
    private static func make(_ name: String, on link: Int32, _ mode: Netlink.MacvtapMode, _ url: NetworkURL) throws
        -> Bool
    {
        do {
            var netlink = try Netlink()
            try netlink.addMacvtap(name, on: link, mode: mode)
            return true
        } catch {
            switch (error as? NetlinkError)?.errno ?? .invalid {
            case .exists: return false
            case .notPermitted, .accessDenied:
                throw TransportError(
                    .unsupported,
                    "\(url): not permitted to make interfaces here (CAP_NET_ADMIN); let root make it: "
                        + "ip link add link \(url.value("link") ?? "eth0") name \(name) type macvtap mode bridge"
                )
            case .notSupported:
                throw TransportError(.unsupported, "\(url): this kernel has no macvtap; as root: modprobe macvtap")
            default: throw TransportError(.failed, "\(url): \(error)")
            }
        }
    }

    private static func bringUp(_ interface: Int32, isNeeded: Bool, _ url: NetworkURL) throws {
        do {
            var netlink = try Netlink()
            try netlink.setUp(interface)
        } catch {
            // One that somebody else made is his to bring up.
            if isNeeded { throw TransportError(.failed, "\(url): \(error)") }
        }
    }

    /// The device's file is named after the interface's number.
    private static func open(_ name: String, _ interface: Int32, _ url: NetworkURL) throws -> OwnedDescriptor {
        let path = "/dev/tap\(interface)"
        let tap: OwnedDescriptor
        do throws(Errno) {
            tap = try Tap.open(device: path)
        } catch {
            switch error {
            case .notPermitted, .accessDenied:
                throw TransportError(
                    .unsupported,
                    "\(url): \(path): permission denied; as root: chown \(CurrentProcess.userID) \(path)"
                )
            case .noEntry:
                throw TransportError(
                    .failed,
                    "\(url): \(path) is missing: \(name) is no macvtap device, or /dev is not the kernel's"
                )
            case .busy: throw TransportError(.failed, "\(url): in use by another program")
            default: throw TransportError(.failed, "\(url): \(path): \(error)")
            }
        }
        guard Tap.interfaceName(tap) == name else {
            throw TransportError(
                .failed,
                "\(url): \(path) belongs to an interface of another network namespace; remove it and make it anew"
            )
        }
        return tap
    }

    private func removeMade() {
        guard let interface = made.take() else { return }
        do {
            var netlink = try Netlink()
            try netlink.removeLink(interface)
        } catch {
            inner.context.host.log("\(inner.name): \(error)")
        }
    }

    func close() { inner.close() }
}
