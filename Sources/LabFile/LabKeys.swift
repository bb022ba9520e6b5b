// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// The keys of each kind of mapping in a lab file. Its JSON Schema has the same ones.
public enum LabKeys {
    public static let lab = [
        "name", "defaults", "kinds", "templates", "guests", "segments", "links", "gateways", "tunnels", "delegations",
    ]
    /// What `defaults` and `kinds` may say, too.
    public static let guestDefaults = [
        "kind", "master", "overlays", "kernel", "initrd", "image", "memory", "cpus", "arguments", "command",
        "environment", "hostname", "user", "dns", "routes", "restart", "after", "ready", "labels",
    ]
    public static let guest = guestDefaults + ["interfaces"]
    public static let interface = ["segment", "address", "via", "mac", "mtu", "allow", "send", "receive", "impair"]
    public static let segment = ["kind", "mtu", "host", "spanning-tree", "uplinks", "allow", "send", "receive"]
    public static let link = ["ends", "impair", "forth", "back", "up"]
    public static let gateway = ["segment", "address", "dhcp", "forward"]
    public static let tunnel = ["segment", "peer", "listen", "peer-key", "key", "plain"]
    public static let delegation = ["segment", "user", "group", "allow", "send", "receive"]
    public static let ready = ["command", "console", "port", "interval", "timeout"]
    public static let route = ["to", "via"]
}
