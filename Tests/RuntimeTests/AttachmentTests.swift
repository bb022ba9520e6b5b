// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import Synchronization
import TestTraits
import Testing

@testable import Runtime

@Suite("Networks plugged into a switch by URL", .mayRun(seconds: 60))
struct AttachmentTests {
    /// What a switch has said it lost.
    private final class Losses: Sendable {
        let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
    }

    @Test("a network is lost when it goes; who comes to a listener and goes again loses nothing")
    func losses() throws {
        let other = try LiveSwitch()
        defer { other.stop() }
        try withSwitch { live in
            let folder = try TemporaryDirectory()
            let losses = Losses()
            let (socket, network) = (folder.path + "/socket", other.directory)
            let failure = live.perform { parts -> String? in
                parts.element.attachments.onLost = { entry, _ in losses.texts.withLock { $0.append(entry.text) } }
                do {
                    try parts.element.attachments.attach("stream://\(socket)[listen]", port: 5)
                    try parts.element.attachments.attach("vde://\(network)", port: 6)
                    return nil
                } catch {
                    return "\(error)"
                }
            }
            #expect(failure == nil)
            defer { live.perform { $0.element.attachments.closeAll() } }
            for _ in 0..<2 {
                let peer = try UnixSocket.connection(.stream, to: try #require(UnixSocketAddress(path: socket)))
                try live.waitUntil { live.portNumbers == [5, 6] }
                _ = consume peer
                try live.waitUntil { live.portNumbers == [6] }
            }
            #expect(losses.all.isEmpty)
            other.stop()
            try live.waitUntil { losses.all == ["vde://\(network)"] }
        }
    }

    /// A place whose newcomer's connection cannot be watched: a regular file has its number.
    private final class UnwatchableHost: EndpointHost {
        let loop: ControlLoop
        var log: (String) -> Void { { _ in } }
        private(set) var present: [Int32] = []
        private(set) var comings = 0

        init() throws { loop = try ControlLoop() }

        func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int {
            comings += 1
            present.append(newcomer.identifier)
            let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
            _ = dup3(file, newcomer.identifier, O_CLOEXEC)
            close(file)
            return 1
        }

        func detach(identifier: Int32) { present.removeAll { $0 == identifier } }
        func configure(identifier: Int32, _ change: consuming EndpointChange) {}
        func setPeer(identifier: Int32, _ state: PeerState) {}
    }

    @Test("a place at a switch that cannot be watched is given up whole")
    func unwatchable() throws {
        try withSwitch { live in
            let host = try UnwatchableHost()
            let url = try NetworkURL("vde://\(live.directory)")
            let context = TransportContext(host: host, description: "test")
            #expect(throws: TransportError.self) { try TransportRegistry.open(url, context) }
            #expect(host.comings == 1)
            #expect(host.present.isEmpty)
        }
    }

    @Test(
        "what can be given away is there already",
        arguments: [
            ("tap://t0", true), ("vde:///run/lan", true), ("/run/lan[5]", true), ("/run/lan[reconnect]", false),
            ("udp://5000->192.0.2.1:5000", true),
            ("stream://192.0.2.1:5000", true), ("tunnel://192.0.2.1:5000/peer=x", true), ("vlan://3{/run/lan}", true),
            ("null://", false), ("pcap:///tmp/x.pcap", false), ("cmd://vde_plug /run/lan", false), ("hub://", false),
            ("stream://:5000[listen]", false), ("seqpacket:///tmp/x[listen]", false), ("vhost:///tmp/x", false),
            ("ptp:///tmp/x", false), ("dgram:///tmp/x->/tmp/y", false), ("vlan://3{stream:///tmp/x[listen]}", false),
        ]
    )
    func delegable(text: String, isSensible: Bool) throws {
        #expect(try (NetworkURL(text).reasonNotToDelegate() == nil) == isSensible)
    }
}
