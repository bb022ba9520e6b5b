// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// A second host beside the test's own, at the other end of a cable (veth): `u0` here, `u1` there. It ends with the test.
struct FarHost {
    let host: HostNamespace
    let holder: Program

    static let nearAddress = "10.99.0.1"
    static let farAddress = "10.99.0.2"

    /// Runs `body` with a far host.
    static func with(_ host: HostNamespace, _ body: (FarHost) throws -> Void) throws {
        let far = try FarHost(host)
        try body(far)
        // The kernel takes its time with the namespace; the cable goes at once.
        try host.check(["ip", "link", "delete", "u0"])
    }

    private init(_ host: HostNamespace) throws {
        self.host = host
        holder = try host.start(["unshare", "--net", "sh", "-c", "echo far host is up; exec cat"], input: .pipe)
        try holder.wait(forOutput: "far host is up")
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
