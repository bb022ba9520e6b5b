// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime
import Wire

/// `iplog`: logs which IP address is used at which port, by whom, since when; as vde_switch's plugin of that name does.
final class AddressLogModule {
    static var maker: ConsoleModuleMaker { ConsoleModuleMaker(library: "iplog.so") { AddressLogModule($0).module } }

    private static let newAddress = ConsoleEventCategory(
        tag: 0o301,
        path: "iplog/newip",
        help: "show new ip addresses"
    )
    /// Enough of a frame for its addresses, tags included.
    private static var snapLength: Int { 14 + 8 + IPv6Header.byteCount }

    private unowned let console: Console
    private var log = AddressLog()
    private var watch: FrameWatch?
    private var file: LogFile?
    private var collectSeconds = 10
    private var timer: ControlLoop.Token?

    private init(_ console: Console) { self.console = console }

    // MARK: What is seen

    /// The loop copies frames only while there is a range to look for.
    private func rangesChanged() throws(Errno) {
        if log.ranges.isEmpty {
            watch?.cancel()
            watch = nil
        } else if watch == nil {
            var selection = CaptureSelection()
            selection.snapLength = Self.snapLength
            watch = try console.target.watchFrames(selection) { [unowned self] record, bytes in
                note(port: Int(record.port), bytes)
            }
        }
    }

    private func note(port: Int, _ bytes: Span<UInt8>) {
        guard let frame = EthernetFrame(bytes), let address = LoggedAddress(sourceOf: frame), log.isLogged(address)
        else {
            return
        }
        let place = console.target.ports[port]
        let endpoint = place?.endpoints.first
        let entry = AddressLog.Entry(
            address: address,
            vlan: frame.vlanIdentifier ?? place?.untaggedVLAN ?? 0,
            hardware: frame.source,
            port: port,
            userID: endpoint?.userID,
            lastSeen: Self.now
        )
        guard log.note(entry) else { return }
        let text =
            "\(address.logText) mac=\(entry.hardware) port=\(port) vlan=\(entry.vlan)"
            + " user=\(console.userName(entry.userID)) \"\(endpoint?.description ?? "")\""
        console.post(Self.newAddress, text)
        file?.append(text)
    }

    private static var now: Int { Int(MonotonicClock.nanoseconds / 1_000_000_000) }

    private func collect() {
        log.collect(now: Self.now)
        timer = console.target.loop.after(milliseconds: UInt64(collectSeconds) * 1000) { [unowned self] in collect() }
    }

    private func stop() {
        watch?.cancel()
        watch = nil
        if let timer { console.target.loop.cancel(timer) }
        timer = nil
    }

    // MARK: The menu

    private var module: ConsoleModule {
        collect()
        return ConsoleModule(
            name: "iplog",
            help: "log ip/port/user assignment",
            commands: [.menu("iplog", "IP/Mac/User Logging")] + settings + lists,
            events: [Self.newAddress],
            onRemoval: { [self] in stop() },
            onHangUp: { [self] in file?.reopen() }
        )
    }

    private var settings: [ConsoleCommand] {
        [
            ConsoleCommand("iplog/showinfo", "", "Show info on logging", .plain { [self] _ in .data(information) }),
            ConsoleCommand(
                "iplog/logfile",
                "pathname",
                "Set the logfile",
                .text { [self] _, path in try setFile(path) }
            ),
            ConsoleCommand(
                "iplog/ipadd",
                "ipaddr/mask",
                "add an ipv4/v6 range",
                .text { [self] _, text in
                    guard let range = AddressRange(text) else { return .failure(.invalid) }
                    guard log.add(range) else { return .failure(.exists) }
                    try rangesChanged()
                    return .success
                }
            ),
            ConsoleCommand(
                "iplog/ipdel",
                "ipaddr/mask",
                "del an ipv6/v6 range",
                .text { [self] _, text in
                    guard let range = AddressRange(text) else { return .failure(.invalid) }
                    guard log.remove(range) else { return .failure(.noEntry) }
                    try rangesChanged()
                    return .success
                }
            ),
            ConsoleCommand("iplog/list", "", "list ip ranges", .plain { [self] _ in .data(rangeLines) }),
            ConsoleCommand(
                "iplog/setgcint",
                "N",
                "change garbage collector interval",
                .number { [self] _, number in
                    guard number > 0 else { return .failure(.invalid) }
                    collectSeconds = number
                    if let timer { console.target.loop.cancel(timer) }
                    collect()
                    return .success
                }
            ),
            ConsoleCommand(
                "iplog/setexpire",
                "N",
                "change iplog entries expire time",
                .number { [self] _, number in
                    guard number > 0 else { return .failure(.invalid) }
                    log.expireSeconds = number
                    return .success
                }
            ),
        ]
    }

    private var lists: [ConsoleCommand] {
        [
            ConsoleCommand("iplog/iplist", "", "list active IP", .plain { [self] _ in .data(lines { _ in true }) }),
            ConsoleCommand(
                "iplog/ipport",
                "port",
                "list active IP on a port",
                .optionalNumber { [self] _, number in .data(lines { $0.port == number }) }
            ),
            ConsoleCommand(
                "iplog/ipuser",
                "user",
                "list active IP of a user",
                .text { [self] _, name in
                    // Endpoints of the switch itself are nobody's.
                    if name == "NONE" { return .data(lines { $0.userID == nil }) }
                    guard let user = CurrentProcess.userID(named: name) else { return .data([], error: .invalid) }
                    return .data(lines { $0.userID == user })
                }
            ),
            ConsoleCommand(
                "iplog/ipsearch",
                "ipaddr",
                "search an IP address",
                .text { [self] _, text in
                    guard let address = LoggedAddress(text) else { return .data([], error: .invalid) }
                    return .data(lines { $0.address == address })
                }
            ),
        ]
    }

    private var information: [String] {
        [
            "iplog: ip/port/user logging plugin",
            file?.place ?? "log disabled",
            "GC interval \(collectSeconds) secs",
            "GC expire \(log.expireSeconds) secs",
        ]
    }

    private var rangeLines: [String] {
        (log.ranges.filter(\.address.isVersion4) + log.ranges.filter { !$0.address.isVersion4 }).map(\.listText)
    }

    private func lines(_ isWanted: (AddressLog.Entry) -> Bool) -> [String] {
        log.sorted(where: isWanted).map { entry in
            "\(entry.address.logText) port=\(entry.port) user=\(console.userName(entry.userID))"
        }
    }

    /// `-` is the system's log; without a name nothing is logged to a file any more.
    private func setFile(_ path: String) throws(Errno) -> ConsoleAnswer {
        file = path.isEmpty ? nil : try LogFile(path: path)
        return .success
    }
}
