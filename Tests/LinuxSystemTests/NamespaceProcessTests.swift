// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestTraits
import Testing

@testable import LinuxSystem

/// A network namespace with some taps in it, and what its process handed out.
private struct TestNamespace: ~Copyable {
    let process: NamespaceProcess
    var netlink: Netlink
    var events: Netlink
    var taps: DescriptorList
    var packetSockets: DescriptorList

    /// Cancels the test where the host allows no namespaces or taps.
    init(_ interfaces: [(name: String, needs: NamespaceProcess.InterfaceNeeds)] = []) throws {
        let made = try Self.makeProcess(interfaces)
        var sockets = DescriptorList()
        var taps = DescriptorList()
        var packetSockets = DescriptorList()
        while try !Self.receiveOne(made, &sockets, &taps, &packetSockets) {}
        guard let requests = sockets.take(0), let notices = sockets.take(1) else { throw Errno.noEntry }
        process = made
        netlink = Netlink(adopting: requests)
        events = Netlink(adopting: notices)
        self.taps = taps
        self.packetSockets = packetSockets
    }

    private static func makeProcess(
        _ interfaces: [(name: String, needs: NamespaceProcess.InterfaceNeeds)]
    ) throws -> NamespaceProcess {
        let request = NamespaceProcess.Request(
            interfaces: interfaces,
            hostname: nil,
            replacesResolverFile: false,
            capabilities: .network
        )
        do {
            return try NamespaceProcess.create(request)
        } catch {
            try Test.cancel("no namespaces here: \(error)")
        }
    }

    /// Whether that was the last message.
    private static func receiveOne(
        _ process: borrowing NamespaceProcess,
        _ sockets: inout DescriptorList,
        _ taps: inout DescriptorList,
        _ packetSockets: inout DescriptorList
    ) throws -> Bool {
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        let isReadable = try Poll.isReadable(process.rawDescriptor, deadline: deadline)
        try #require(isReadable)
        guard var message = try process.receive() else { throw Errno.noSuchProcess }
        switch message.kind {
        case .hello:
            guard let directory = message.attachment.takeDescriptor() else { throw Errno.noEntry }
            try writeMaps("/proc/self/fd/\(directory.rawValue)/")
            try process.sendMapped()
        case .sockets:
            sockets.append(message.attachment.takeDescriptor())
            sockets.append(message.attachment.takeDescriptor())
        case .interface:
            taps.append(message.attachment.takeDescriptor())
            packetSockets.append(message.attachment.takeDescriptor())
        case .ready: return true
        case .failed(.openTun, let error): try Test.cancel("no /dev/net/tun: \(error)")
        case .failed(_, let error): throw error
        case .started, .exited, .stopped, .continued: throw Errno.invalid
        }
        return false
    }

    private static func writeMaps(_ directory: String) throws {
        for (name, text) in [
            ("setgroups", "deny"), ("uid_map", "\(geteuid()) \(geteuid()) 1\n"),
            ("gid_map", "\(getegid()) \(getegid()) 1\n"),
        ] {
            _ = try OwnedDescriptor.open(directory + name, flags: O_WRONLY).write(text.utf8)
        }
    }
}

@Suite("A process in other namespaces", .mayRun(seconds: 120))
struct NamespaceProcessTests {
    @Test("links are renamed, resized, readdressed and brought up from outside")
    func configuresLinks() throws {
        var namespace = try TestNamespace([("vd0", [])])
        let index = try namespace.netlink.link(named: "vd0").index
        try namespace.netlink.rename(index, to: "web0")
        try namespace.netlink.setMTU(index, 9000)
        try namespace.netlink.setHardwareAddress(index, [2, 0, 0, 0, 0, 7])
        try namespace.netlink.setUp(index)
        let link = try namespace.netlink.link(named: "web0")
        #expect((link.mtu, link.address, link.isUp, link.hasCarrier) == (9000, [2, 0, 0, 0, 0, 7], true, true))
        try namespace.netlink.setUp(index, false)
        #expect(try !namespace.netlink.link(named: "web0").isUp)
    }

    @Test("addresses and routes of both protocols come and go")
    func configuresAddresses() throws {
        var namespace = try TestNamespace([("vd0", [])])
        let index = try namespace.netlink.link(named: "vd0").index
        try namespace.netlink.setUp(index)
        let six: [UInt8] = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]
        try namespace.netlink.addAddress(index, [10, 0, 0, 1], prefixLength: 24)
        try namespace.netlink.addAddress(index, six, prefixLength: 64)
        let addresses = try namespace.netlink.addresses().filter { $0.interface == index && $0.isGlobal }
        #expect(addresses.map(\.bytes) == [[10, 0, 0, 1], six])
        #expect(addresses.map(\.prefixLength) == [24, 64])
        #expect(addresses.map(\.isTentative) == [false, false])
        // Twice is no error: it is how a lease is prolonged.
        try namespace.netlink.addAddress(index, [10, 0, 0, 1], prefixLength: 24, lifetime: 100)

        try namespace.netlink.addRoute(via: [10, 0, 0, 2], interface: index)
        try namespace.netlink.addRoute(to: [10, 9, 0, 0], prefixLength: 16, via: [10, 0, 0, 3], interface: index)
        try namespace.netlink.addRoute(to: [10, 8, 0, 0], prefixLength: 16, via: nil, interface: index)
        try namespace.netlink.addRoute(via: [10, 7, 7, 7], interface: index, metric: 9, isOnLink: true)
        let routes = try namespace.netlink.routes().filter {
            $0.interface == index && ($0.destination ?? $0.gateway)?.count == 4
        }
        let texts = routes.map { "\($0.destination ?? [])/\($0.prefixLength) \($0.gateway ?? [])" }
        #expect(
            Set(texts) == [
                "[]/0 [10, 0, 0, 2]", "[10, 9, 0, 0]/16 [10, 0, 0, 3]", "[10, 8, 0, 0]/16 []", "[]/0 [10, 7, 7, 7]",
                "[10, 0, 0, 0]/24 []",
            ]
        )
        try namespace.netlink.removeAddress(index, [10, 0, 0, 1], prefixLength: 24)
        #expect(try !namespace.netlink.addresses().contains { $0.bytes == [10, 0, 0, 1] })
    }

    @Test("a refusal says what was asked for, the errno, and the kernel's own words")
    func explainsRefusals() throws {
        var namespace = try TestNamespace([("vd0", [])])
        let index = try namespace.netlink.link(named: "vd0").index
        do {
            try namespace.netlink.setMTU(index, 1 << 20)
            Issue.record("accepted")
        } catch {
            #expect(error.errno == .invalid)
            #expect(error.explanation?.isEmpty == false)
            #expect(error.description.contains("MTU of interface \(index) to 1048576"))
        }
        do {
            _ = try namespace.netlink.link(named: "vd7")
            Issue.record("found")
        } catch {
            #expect(error.errno == Errno(rawValue: ENODEV))
        }
    }

    @Test("changes are told to whoever subscribed")
    func tellsEvents() throws {
        var namespace = try TestNamespace([("vd0", [])])
        let index = try namespace.netlink.link(named: "vd0").index
        try namespace.events.subscribe()
        #expect(try namespace.events.nextEvents().isEmpty)
        try namespace.netlink.setUp(index)
        try namespace.netlink.addAddress(index, [0xfd] + [UInt8](repeating: 1, count: 15), prefixLength: 64)
        var seen: [Netlink.Event] = []
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        while !seen.contains(.addressChanged) || !seen.contains(.linkChanged) {
            try #require(try Poll.isReadable(namespace.events.rawDescriptor, deadline: deadline))
            seen += try namespace.events.nextEvents()
        }
    }

    @Test("a packet socket sends and receives before there is any address")
    func passesPackets() throws {
        var namespace = try TestNamespace([("vd0", [.packetSocket])])
        let index = try namespace.netlink.link(named: "vd0").index
        try namespace.netlink.setUp(index)
        guard let tap = namespace.taps.take(0), let socket = namespace.packetSockets.take(0) else {
            throw Errno.noEntry
        }
        let packets = try PacketSocket(adopting: socket, interface: index, etherType: 0x88b5)
        #expect(try packets.receive() == nil)
        try packets.send([1, 2, 3], to: [2, 0, 0, 0, 0, 9])
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        var frame: [UInt8] = []
        repeat {
            try #require(try Poll.isReadable(tap.rawValue, deadline: deadline))
            frame = Array(try tap.read(atMost: 2000).dropFirst(10))
        } while Array(frame.dropFirst(12).prefix(2)) != [0x88, 0xb5]
        #expect(Array(frame.prefix(6)) == [2, 0, 0, 0, 0, 9])
        #expect(Array(frame.dropFirst(14)) == [1, 2, 3])

        let header = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 9, 0x88, 0xb5]
        _ = try tap.write([UInt8](repeating: 0, count: 10) + header + [9, 8, 7])
        try #require(try Poll.isReadable(packets.rawDescriptor, deadline: deadline))
        let packet = try #require(try packets.receive())
        #expect(packet.bytes.prefix(3) == [9, 8, 7])
        #expect(packet.sender == [2, 0, 0, 0, 0, 9])
        #expect(!packet.isChecksumMissing)
    }

    @Test("dropping the process ends it at once, and with it its namespaces")
    func endsWithOwner() throws {
        var processID: Int32 = 0
        do {
            let namespace = try TestNamespace()
            processID = namespace.process.processID
            #expect(kill(processID, 0) == 0)
        }
        #expect(kill(processID, 0) < 0)
    }
}

@Suite("Commands and how they end", .mayRun(seconds: 60))
struct CommandTests {
    @Test(
        "a wait status is read as by the macros of wait(2)",
        arguments: [
            (0, 0, nil, 0), (7 << 8, 7, nil, 7), (255 << 8, 255, nil, 255), (9, nil, 9, 137), (0x80 | 11, nil, 11, 139),
        ] as [(Int32, UInt8?, Int32?, Int32)]
    )
    func readsStatus(raw: Int32, code: UInt8?, signal: Int32?, shell: Int32) {
        let status = WaitStatus(rawValue: raw)
        #expect(status.exitCode == code)
        #expect(status.signal == signal)
        #expect(status.shellStatus == shell)
    }

    @Test("an image holds counts and strings, and no NUL but the last of each")
    func encodes() throws {
        let image = try #require(CommandImage(arguments: ["a", ""], environment: ["X=1"]))
        #expect(image.bytes == [2, 0, 0, 0, 1, 0, 0, 0, 97, 0, 0, 88, 61, 49, 0])
        #expect(CommandImage(arguments: [], environment: []) == nil)
        #expect(CommandImage(arguments: ["a\0b"], environment: []) == nil)
        #expect(CommandImage(arguments: ["a"], environment: ["b\0c"]) == nil)
    }

    @Test("a handle tells of its process's end and takes signals until then")
    func handles() throws {
        var pid: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("1000"), nil]
        defer { arguments.forEach { free($0) } }
        try #require(posix_spawnp(&pid, "sleep", nil, nil, arguments, environ) == 0)
        let handle = try ProcessHandle(pid)
        #expect(try !Poll.isReadable(handle.rawDescriptor, deadline: 0))
        // The one that cannot be blocked: the child has inherited the mask of a test's thread.
        try handle.send(signal: SIGKILL)
        #expect(try Poll.isReadable(handle.rawDescriptor, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
        #expect(try ProcessHandle.wait(child: pid).signal == SIGKILL)
        #expect(throws: Errno.noSuchProcess) { try handle.send(signal: SIGKILL) }
        #expect(throws: Errno.noSuchProcess) { _ = try ProcessHandle(pid) }
    }

    @Test("waiting ends at the deadline, not before, and ignores what is no descriptor")
    func waits() throws {
        let event = try EventFD()
        let start = MonotonicClock.nanoseconds
        #expect(try Poll.readable([event.rawDescriptor, -1], deadline: start + 30_000_000) == [false, false])
        #expect(MonotonicClock.nanoseconds >= start + 30_000_000)
        event.signal()
        #expect(try Poll.readable([-1, event.rawDescriptor], deadline: nil) == [false, true])
        #expect(throws: Errno.invalid) {
            try Poll.readable([Int32](repeating: -1, count: Poll.maximumCount + 1), deadline: 0)
        }
    }

    @Test("descriptors are taken once each, and those not taken are closed")
    func takesDescriptors() throws {
        var kept: Int32 = -1
        do {
            var list = DescriptorList()
            let pair = try OwnedDescriptor.pipe()
            kept = pair.second.rawValue
            list.append(pair.first)
            list.append(nil)
            list.append(pair.second)
            let isThere = list.take(0) != nil
            #expect(isThere)
            let (again, none, outside) = (list.take(0) == nil, list.take(1) == nil, list.take(3) == nil)
            #expect(again && none && outside)
            #expect(fcntl(kept, F_GETFD) >= 0)
        }
        #expect(fcntl(kept, F_GETFD) < 0)
    }
}
