// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("A host that lacks something is told apart from a mistake")
    struct BadHosts {
        @Test("no /dev/net/tun: status 4, and how to get one")
        func noTunDevice() throws {
            try require()
            var options = HostNamespace.Options()
            options.hasTunDevice = false
            try withHost(options) { host in
                _ = try host.startSwitch()
                try Refusal("run --net @ true", 4, "/dev/net/tun is missing", "as root").check(host)
                try Refusal("plug tap://x0 @", 4, "/dev/net/tun is missing", "as root").check(host)
                try Refusal("switch --no-stdin -s %new -t x0", 4, "/dev/net/tun is missing", "as root").check(host)
                try Refusal("vde_switch -s %new -t x0", 4, "/dev/net/tun is missing", "as root").check(host)
                // The others do without.
                try host.startElement(["gateway", host.path("vde")])
            }
        }

        @Test("a /dev/net/tun for root alone: an ordinary user is told by whom it can be opened")
        func closedTunDevice() throws {
            try require("mknod", "mount")
            guard geteuid() == 0 else { try skip("only root makes device files") }
            try withHost { host in
                let device = host.data("tun")
                try host.check(["mknod", "-m", "0600", device, "c", "10", "200"])
                try host.check(["mount", "--bind", device, "/dev/net/tun"])
                _ = try host.startSwitch("vde", as: .ordinary)
                try Refusal("run --net @ true", 4, "/dev/net/tun", "as root").check(host, as: .ordinary)
                try Refusal("plug tap://x0 @", 4, "/dev/net/tun", "as root").check(host, as: .ordinary)
            }
        }

        @Test("no user namespaces: status 4, and the switch that turns them on")
        func noUserNamespaces() throws {
            try require()
            guard geteuid() == 0 else { try skip("nested user namespaces keep their own count") }
            try withHost { host in
                let element = try host.startSwitch("vde", as: .ordinary)
                // Somebody without privilege, where namespaces have been used up.
                try Refusal.expect(
                    host,
                    [
                        "unshare", "--user", "--map-user=54321", "--map-group=54321", "--keep-caps", "sh", "-c",
                        "echo 0 >/proc/sys/user/max_user_namespaces; exec \(host.etherloom) run --net \(element.directory) id",
                    ],
                    status: 4,
                    mentions: ["user namespaces", "max_user_namespaces", "as root"],
                    as: .ordinary
                )
            }
        }
    }
}
