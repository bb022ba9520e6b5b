// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Whole programs, ours and others', on hosts that the tests make for themselves (see `HostNamespace`).
///
/// One after the other: they have two processors at most, and each looks at what the whole machine does.
@Suite("Whole programs", .serialized)
enum Integration {}

/// Gives the test up because this machine lacks something; where nothing may be skipped, that is a failure.
func skip(_ reason: String) throws -> Never {
    if ProcessInfo.processInfo.environment["ETHERLOOM_NO_SKIP"] == "1" {
        throw IntegrationFailure("this test would be skipped: \(reason)")
    }
    try Test.cancel("\(reason)")
}

/// Skips the test unless the program under test and these tools are there.
func require(_ tools: String...) throws {
    guard EtherloomBinary.exists else { throw IntegrationFailure("\(EtherloomBinary.path): no such program; build it") }
    for tool in ["unshare", "nsenter", "setpriv", "ip"] + tools {
        let isThere = HostNamespace.searchPath.split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
        }
        if !isThere { try skip("\(tool) is not installed") }
    }
    if access("/dev/net/tun", R_OK | W_OK) != 0 { try skip("/dev/net/tun is missing or closed") }
}

/// Runs a test on a host of its own, and makes sure that nothing is left of it.
func withHost(
    _ options: HostNamespace.Options = HostNamespace.Options(),
    _ body: (HostNamespace) throws -> Void
) throws {
    let host: HostNamespace
    do {
        host = try HostNamespace(options)
    } catch let failure as IntegrationFailure where failure.description.contains("unshare failed") {
        try skip("no namespaces: \(failure)")
    }
    defer { host.destroy() }
    do {
        try body(host)
        try host.end()
    } catch {
        Issue.record("\(host.transcript)")
        throw error
    }
}

/// The path of a script that the tests bring along, copied to where everybody may read it.
func script(_ name: String, _ host: HostNamespace) throws -> String {
    let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: directory.appendingPathComponent("Programs/\(name)"), encoding: .utf8)
    return try host.write(text, data: name)
}
