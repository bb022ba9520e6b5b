// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A fabric and its owner.
final class RunningFabric {
    let host: HostNamespace
    let program: Program
    let owner: Program
    let socket: String
    private var offset = 0

    init(_ host: HostNamespace, _ options: [String] = ["--stay"], as user: HostNamespace.User = .ordinary) throws {
        self.host = host
        socket = host.path("fabric")
        program = try host.startElement(
            ["fabric", "--socket", socket, "--directory", host.path("")] + options,
            as: user
        )
        owner = try host.start(["python3", try script("fabric.py", host), socket], as: .runner, input: .pipe)
        try owner.wait(forOutput: "connected\n")
        offset = owner.output.utf8.count
    }

    /// The line that answers a request; events are passed over.
    @discardableResult
    func ask(_ line: String) throws -> String {
        try owner.write(line + "\n")
        var answer = ""
        try TestSupport.wait(for: "the answer to \(line): \(owner.transcript)", seconds: 20) {
            while let next = nextLine() {
                if next.hasPrefix("event ") { continue }
                answer = next
                return true
            }
            return false
        }
        return answer
    }

    /// A request that must be granted.
    func tell(_ line: String) throws {
        let answer = try ask(line)
        guard answer.hasPrefix("ok") else { throw IntegrationFailure("\(line): \(answer)") }
    }

    func wait(forEvent event: String) throws {
        try TestSupport.wait(for: "event \(event): \(owner.transcript)", seconds: 20) {
            while let next = nextLine() { if next == "event " + event { return true } }
            return false
        }
    }

    private func nextLine() -> String? {
        let rest = owner.output.utf8.dropFirst(offset)
        guard let end = rest.firstIndex(of: 10) else { return nil }
        let line = String(decoding: rest[..<end], as: UTF8.self)
        offset += line.utf8.count + 1
        return line
    }

    /// A network stack of its own with an interface at a port of the fabric.
    func station(_ name: String, _ address: String, in segment: String? = nil) throws -> FabricStation {
        let holder = try host.start(["unshare", "--net", "sleep", "1000"])
        let station = FabricStation(name, host, holder)
        // The namespace is another one as soon as unshare(1) has done its work.
        try TestSupport.wait(for: "a namespace of \(name)") {
            (try? host.check(["readlink", "/proc/\(holder.processID)/exe"]))?.contains("sleep") == true
        }
        try tell("tap \(name) \(holder.processID) eth0")
        if let segment { try tell("plug \(name) \(segment)") }
        try station.run("ip", "link", "set", "lo", "up")
        try station.run("ip", "address", "add", address, "dev", "eth0")
        try station.run("ip", "link", "set", "eth0", "up")
        return station
    }
}

/// A guest without more than a network.
final class FabricStation {
    let name: String
    private let host: HostNamespace
    private let holder: Program

    init(_ name: String, _ host: HostNamespace, _ holder: Program) {
        self.name = name
        self.host = host
        self.holder = holder
    }

    private var entry: [String] { ["nsenter", "--net=/proc/\(holder.processID)/ns/net", "--"] }

    @discardableResult
    func run(_ command: String...) throws -> String { try host.check(entry + command) }

    func start(_ command: String...) throws -> Program { try host.start(entry + command) }

    var carrierDownCount: Int {
        get throws {
            // sysfs shows the interfaces of the namespace in which it was mounted.
            let text = try run("ip", "-s", "-d", "-j", "link", "show", "eth0")
            guard let range = text.range(of: "\"carrier_down_count\":") else { return try countBySysfs() }
            return Int(text[range.upperBound...].prefix { $0.isNumber }) ?? -1
        }
    }

    private func countBySysfs() throws -> Int {
        let text = try host.check(
            ["unshare", "--mount", "sh", "-c"] + [
                "nsenter --net=/proc/\(holder.processID)/ns/net sh -c "
                    + "'mount -t sysfs none /sys && cat /sys/class/net/eth0/carrier_down_count'"
            ]
        )
        return Int(text.prefix { $0.isNumber }) ?? -1
    }

    func stop() throws { try holder.stop() }
}
