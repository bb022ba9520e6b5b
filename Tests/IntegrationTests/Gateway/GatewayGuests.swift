// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

extension HostNamespace {
    /// Starts our gateway at a switch of whatever make.
    func startGateway(_ element: RunningSwitch, _ arguments: [String] = []) throws -> Program {
        try startElement(["gateway", "-s", element.directory] + arguments)
    }

    /// Starts commands in a stack with one configured interface, routed through the gateway.
    ///
    /// - Parameters:
    ///   - address: with prefix length; nil leaves the interface unconfigured.
    ///   - commands: for sh(1); the guest ends with them.
    func startGuest(
        _ element: RunningSwitch,
        _ address: String?,
        via gateway: String = "10.0.2.2",
        _ commands: String
    ) throws -> Program {
        var command = [etherloom, "run", "--net", element.directory]
        if let address { command += ["--address", address, "--via", gateway] }
        return try start(command + ["--", "sh", "-c", commands])
    }

    /// Does the same, to the end; what was printed.
    ///
    /// The commands must succeed.
    func runGuest(
        _ element: RunningSwitch,
        _ address: String?,
        via gateway: String = "10.0.2.2",
        _ commands: String,
        seconds: Double = 2 * patience
    ) throws -> String {
        let guest = try startGuest(element, address, via: gateway, "set -e\n" + commands)
        guard try guest.waitForEnd(seconds: seconds) == .exited(0) else {
            throw IntegrationFailure("the guest failed: \(guest.transcript)")
        }
        return guest.output
    }

    /// Starts a guest that takes TCP connections and tells who they are from.
    func startListeningGuest(
        _ element: RunningSwitch,
        _ address: String,
        via gateway: String = "10.0.2.2",
        port: Int = 10_000
    ) throws -> Program {
        let program = try script("tcp.py", self)
        let guest = try startGuest(
            element,
            address,
            via: gateway,
            "exec python3 -u \(program) serve 0.0.0.0 \(port)"
        )
        try guest.wait(forOutput: "listening")
        return guest
    }

    /// Starts a server on the host's loopback address: a guest reaches it at the gateway's.
    func startHostServer(port: Int = 7001) throws -> Program {
        let server = try start(["python3", "-u", try script("tcp.py", self), "serve", "127.0.0.1", "\(port)"])
        try server.wait(forOutput: "listening")
        return server
    }

    /// Sends a few bytes to the host's port and has the other end confirm them.
    func send(to address: String, port: Int, count: Int = 1000) throws {
        let answer = try check(["python3", try script("tcp.py", self), "send", address, "\(port)", "\(count)"])
        #expect(answer.contains("peer got \(count) bytes, intact"))
    }
}

extension Program {
    /// How many descriptors it has open.
    var descriptorCount: Int {
        guard let directory = opendir("/proc/\(processID)/fd") else { return -1 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != 46 { count += 1 }  // not "." and ".."
        }
        return count
    }
}

extension Program {
    /// Waits until a gateway has no more descriptors open than before, and with them no connection.
    ///
    /// - Parameter count: from when it was ready. Fewer may be open: who just said that he is ready has still to close the
    ///   pipe in which he said it.
    func waitUntilIdle(descriptors count: Int) throws {
        var last = 0
        try TestSupport.wait(for: "the end of connections: \(count) descriptors before, \(last) now; \(transcript)") {
            last = descriptorCount
            return last > 0 && last <= count
        }
    }
}
