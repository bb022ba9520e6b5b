// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// A second host beside the test's own, at the other end of a cable (veth): `u0` here, `u1` there. It ends with the test.
struct FarHost {
    let host: HostNamespace
    let holder: Program

    static let nearAddress = "10.99.0.1"
    static let farAddress = "10.99.0.2"
    static let behindAddress = "10.98.0.2"

    /// Runs `body` with a far host.
    static func with(_ host: HostNamespace, _ body: (FarHost) throws -> Void) throws {
        let far = try FarHost(host)
        try body(far)
        // The kernel takes its time with the namespace; the cable goes at once.
        try host.check(["ip", "link", "delete", "u0"])
    }

    private static func hold(_ host: HostNamespace) throws -> Program {
        let holder = try host.start(["unshare", "--net", "sh", "-c", "echo far host is up; exec cat"], input: .pipe)
        try holder.wait(forOutput: "far host is up")
        return holder
    }

    private init(host: HostNamespace, holder: Program) {
        self.host = host
        self.holder = holder
    }

    private init(_ host: HostNamespace) throws {
        self.init(host: host, holder: try Self.hold(host))
        try host.check([
            "ip", "link", "add", "u0", "type", "veth", "peer", "name", "u1", "netns", "\(holder.processID)",
        ])
        try host.check(["ip", "address", "add", "\(Self.nearAddress)/24", "dev", "u0"])
        try host.check(["ip", "-6", "address", "add", "fd99::1/64", "dev", "u0", "nodad"])
        try host.check(["ip", "link", "set", "u0", "up"])
        try check(["ip", "address", "add", "\(Self.farAddress)/24", "dev", "u1"])
        try check(["ip", "-6", "address", "add", "fd99::2/64", "dev", "u1", "nodad"])
        try check(["ip", "link", "set", "u1", "up"])
        try check(["ip", "link", "set", "lo", "up"])
    }

    /// A third host behind this one, which is the router between it and the test's own: `u2` here, `u3` there.
    func addHostBehind() throws -> FarHost {
        let holder = try Self.hold(host)
        try check([
            "ip", "link", "add", "u2", "type", "veth", "peer", "name", "u3", "netns", "\(holder.processID)",
        ])
        let behind = FarHost(host: host, holder: holder)
        try check(["ip", "address", "add", "10.98.0.1/24", "dev", "u2"])
        try check(["ip", "link", "set", "u2", "up"])
        try behind.check(["ip", "address", "add", "\(Self.behindAddress)/24", "dev", "u3"])
        try behind.check(["ip", "link", "set", "u3", "up"])
        try behind.check(["ip", "route", "add", "default", "via", "10.98.0.1"])
        try host.check(["ip", "route", "add", "10.98.0.0/24", "via", Self.farAddress])
        try check(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        return behind
    }

    /// The words before a command that is to run there.
    var entry: [String] { ["nsenter", "--net=/proc/\(holder.processID)/ns/net", "--"] }

    @discardableResult
    func check(_ command: [String]) throws -> String { try host.check(entry + command) }

    @discardableResult
    func start(_ command: [String], input: HostNamespace.Input = .nothing) throws -> Program {
        try host.start(entry + command, input: input)
    }
}

/// Runs a test on a host of its own that has another one beside it.
func withFarHost(_ body: (HostNamespace, FarHost) throws -> Void) throws {
    try withHost { host in try FarHost.with(host) { far in try body(host, far) } }
}
