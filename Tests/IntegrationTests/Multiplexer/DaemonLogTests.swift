// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    @Suite("The log of a daemon")
    struct DaemonLog {
        @Test("who is refused an interface is told to syslog, by a switch in the background as by any")
        func refusal() throws {
            try require()
            if geteuid() != 0 { try skip("only root can put a log's socket below /dev") }
            try withHost { host in
                let log = try UnixSocket.make(.datagram)
                let path = host.data("log")
                try UnixSocket.bind(log, to: try #require(UnixSocketAddress(path: path)))
                let devices = host.data("devices")
                let (directory, pidFile) = (host.path("net"), host.path("pid"))
                // A /dev of its own, in which the log is.
                let script = """
                    mkdir \(devices) && mount --bind /dev \(devices) && mount -t tmpfs none /dev &&
                    ln -s \(path) /dev/log && ln -s \(devices)/null /dev/null && ln -s \(devices)/urandom /dev/urandom &&
                    exec \(host.etherloom) switch -d -p \(pidFile) -s \(directory) --multiplexer -m 0666 \
                    --interface mine,mode=0600
                    """
                let started = try host.run(["unshare", "-m", "sh", "-c", script])
                #expect(started.end == .exited(0), "\(started.transcript)")
                let refused = try host.run([host.etherloom, "plug", "-", directory + "[mine]"], as: .ordinary)
                #expect(refused.end == .exited(1))
                var lines = ""
                try wait(for: "the refusal among: \(lines)") {
                    while let message = try? UnixSocket.receive(from: log, limit: 4096) {
                        lines += String(decoding: message.bytes, as: UTF8.self) + "\n"
                    }
                    return lines.contains("interface mine: permission denied")
                }
                try host.stopDaemon(pidFile: pidFile)
            }
        }
    }
}
