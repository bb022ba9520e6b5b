// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Wire

/// A keeper on a test's host, and a client of it.
final class KeptLab {
    let host: HostNamespace
    let user: HostNamespace.User
    let directory: String
    let runtime: String
    private(set) var program: Program
    private(set) var client: KeeperClient

    init(_ host: HostNamespace, as user: HostNamespace.User) throws {
        self.host = host
        self.user = user
        directory = host.data("lab")
        runtime = host.path("R")
        try host.check(["mkdir", directory], as: user)
        program = try Self.start(host, user, directory, runtime)
        client = try KeeperClient(runtimeDirectory: runtime)
    }

    /// Runs a test on a lab of its own, which is taken down behind it.
    static func with(_ user: HostNamespace.User, _ body: (KeptLab) throws -> Void) throws {
        try require()
        try withHost { host in
            let lab = try KeptLab(host, as: user)
            do {
                try body(lab)
            } catch {
                let log = (try? String(contentsOfFile: lab.runtime + "/log", encoding: .utf8)) ?? ""
                throw IntegrationFailure("\(error)\nlog of the lab:\n\(log)")
            }
            if lab.program.poll() == nil { try lab.down() }
        }
    }

    private static func start(
        _ host: HostNamespace,
        _ user: HostNamespace.User,
        _ directory: String,
        _ runtime: String
    ) throws -> Program {
        try host.startElement(["keeper", "--lab", "test", "--directory", directory, "--runtime", runtime], as: user)
    }

    /// Another keeper after one that has ended.
    func startAgain() throws {
        program = try Self.start(host, user, directory, runtime)
        client = try KeeperClient(runtimeDirectory: runtime)
    }

    func another() throws -> KeeperClient { try KeeperClient(runtimeDirectory: runtime) }

    @discardableResult
    func ask(_ words: String...) throws -> [String] {
        try client.request(words, patience: 20_000_000_000).words
    }

    /// Takes it down, and waits for the keeper's end.
    func down() throws {
        try ask("down", "grace=3000")
        try program.waitForEnd()
    }

    func processID(_ key: String) throws -> Int32 {
        let hello = try client.request(["hello"])
        guard let id = hello.value(key).flatMap({ Int32($0) }) else { throw IntegrationFailure("no \(key): \(hello)") }
        return id
    }

    /// A plan of a process guest on the host's own root.
    func plan(_ name: String, _ number: Int, interfaces: Int = 1) throws -> GuestPlan {
        var plan = GuestPlan(name: name, runDirectory: "\(directory)/run/\(name)")
        for index in 0..<interfaces {
            var interface = InterfacePlan(
                name: "eth\(index)",
                hardwareAddress: MACAddress(rawValue: 0x0200_0000_0000 | UInt64(index) << 16 | UInt64(number))
            )
            interface.addresses = [InterfaceAddress("10.\(index).\(number / 250).\(number % 250 + 1)/16")!]
            plan.interfaces.append(interface)
        }
        return plan
    }

    func define(_ plan: GuestPlan) throws {
        try client.request(["define", plan.name] + plan.words, patience: 20_000_000_000)
    }

    func start(_ name: String) throws {
        try ask("start", name)
        try client.wait(name, for: .running, milliseconds: 20_000)
    }

    /// Guests on one segment.
    func startGuests(_ names: [String], segment: String = "lan") throws {
        try ask("fabric", "segment-add", segment, "kind=switch")
        for (index, name) in names.enumerated() {
            try define(try plan(name, index))
            try ask("plug", "\(name):eth0", segment)
        }
        for name in names { try start(name) }
    }

    /// What a command printed and how it ended.
    struct Result {
        var output = ""
        var errors = ""
        var status: Int32 = -1
    }

    /// Runs a command in a guest to its end.
    func run(_ guest: String, _ command: GuestCommand, input: String = "") throws -> Result {
        let connection = try another()
        let (inputs, outputs, errors) = (try Self.pipe(), try Self.pipe(), try Self.pipe())
        try connection.start(
            command,
            guest: guest,
            input: inputs.reading.fileDescriptor,
            output: outputs.writing.fileDescriptor,
            error: errors.writing.fileDescriptor
        )
        for end in [inputs.reading, outputs.writing, errors.writing] { try end.close() }
        try inputs.writing.write(contentsOf: Data(input.utf8))
        try inputs.writing.close()
        var result = Result()
        result.output = String(decoding: try outputs.reading.readToEnd() ?? Data(), as: UTF8.self)
        result.errors = String(decoding: try errors.reading.readToEnd() ?? Data(), as: UTF8.self)
        result.status = try connection.waitForEnd().shellStatus
        return result
    }

    func run(_ guest: String, _ words: String...) throws -> Result { try run(guest, GuestCommand(words)) }

    private static func pipe() throws -> (reading: FileHandle, writing: FileHandle) {
        let pipe = Pipe()
        return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    }

    /// Waits until one guest reaches an address.
    func ping(_ guest: String, _ address: String) throws {
        var last = Result()
        try wait(for: "\(guest) to reach \(address): \(last)", seconds: 15) {
            last = try run(guest, "ping", "-n", "-c", "1", "-W", "1", address)
            return last.status == 0
        }
    }
}
