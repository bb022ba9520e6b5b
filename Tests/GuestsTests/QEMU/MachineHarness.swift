// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import TestSupport
import Testing
import Wire

@testable import Guests

/// What `Scripts/guests` has fetched.
enum MachineFiles {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/guests").path
    static var kernel: String { directory + "/cloud/vmlinuz" }
    static var initialRAMDisk: String { directory + "/cloud/initrd" }

    /// Whether machines can be run here.
    static var isComplete: Bool {
        FileManager.default.fileExists(atPath: directory + "/cloud/modules")
            && HostProgram.find("qemu-system-x86_64") != nil
    }
}

/// What the keeper would do for a driver: programs are children of the test, interfaces are ports of a switch of ours.
final class PlayedHost: GuestHost {
    let loop: ControlLoop
    var plan: GuestPlan
    var mergedRoot: (inside: String, outside: String)?
    var consoleInput: ([UInt8]) -> Void = { _ in }
    var consoleResized: (Int, Int) -> Void = { _, _ in }
    /// Programs run as this user.
    var userID: UInt32?

    private(set) var startCount = 0
    private(set) var processID: Int32 = 0
    private(set) var end: WaitStatus?
    private(set) var lines: [String] = []
    private(set) var console = ""
    private(set) var unplugged: [String] = []
    private(set) var spawned: [[String]] = []
    var vhostPaths: [String: String] = [:]

    init(_ plan: GuestPlan) throws {
        loop = try ControlLoop()
        self.plan = plan
    }

    func hasStarted(processID: Int32) {
        startCount += 1
        self.processID = processID
    }
    func hasEnded(_ status: WaitStatus) {
        #expect(end == nil, "its end is told once")
        end = status
    }
    func log(_ line: String) { lines.append(line) }
    func consoleWrote(_ bytes: [UInt8]) { console += String(decoding: bytes, as: UTF8.self) }
    func plugTap(_ tap: consuming OwnedDescriptor, interface: String, then: @escaping (GuestError?) -> Void) {
        then(GuestError("no taps here"))
    }
    func openVhost(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        let path = vhostPaths[interface]
        // As the fabric does, later.
        loop.after(milliseconds: 1) {
            then(path.map { .success($0) } ?? .failure(GuestError("no port for \(interface)")))
        }
    }
    func unplug(interface: String) { unplugged.append(interface) }

    func spawn(
        _ words: [String],
        environment: [String],
        descriptors: [Int32],
        insideNamespaces: Bool
    ) throws(GuestError) -> SpawnedProgram {
        spawned.append(words)
        var words = words
        if let userID, !insideNamespaces {
            words = ["setpriv", "--reuid=\(userID)", "--regid=\(userID)", "--clear-groups", "--"] + words
        }
        // Out of the way of those that they are to be.
        let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 100) }
        defer { copies.forEach { close($0) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, copy) in copies.enumerated() { posix_spawn_file_actions_adddup2(&actions, copy, Int32(number)) }
        posix_spawn_file_actions_addclosefrom_np(&actions, Int32(copies.count))
        var process: pid_t = 0
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        let code = posix_spawnp(&process, words[0], &actions, nil, &arguments, &variables)
        guard code == 0 else { throw GuestError("cannot run \(words[0]): \(Errno(rawValue: code))") }
        do {
            return SpawnedProgram(processID: process, handle: try ProcessHandle(process))
        } catch {
            throw GuestError("\(error)")
        }
    }
}

/// A machine under test.
final class MachineUnderTest {
    let host: PlayedHost
    let driver: QEMUGuest
    let directory: String

    /// - Parameter prepare: makes the plan.
    init(_ name: String = "dave", _ prepare: (inout GuestPlan, _ directory: String) throws -> Void) throws {
        _ = AgentBinary.path
        directory = "/tmp/el-machine-\(UUID().uuidString.prefix(8))"
        var plan = GuestPlan(name: name, runDirectory: "\(directory)/run/\(name)")
        plan.kind = .qemu
        plan.kernel = MachineFiles.kernel
        try FileManager.default.createDirectory(atPath: plan.runDirectory, withIntermediateDirectories: true)
        try prepare(&plan, directory)
        host = try PlayedHost(plan)
        driver = QEMUGuest(host: host)
    }

    deinit {
        // The loop ends with the test: what still runs is killed.
        driver.machine?.send(signal: SIGKILL)
        driver.helpers.forEach { $0.send(signal: SIGKILL) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    var report: String { "\(host.lines)\n\(host.console.suffix(2000))" }

    /// Runs the loop until something is so.
    func wait(
        _ what: String,
        seconds: Double = 60,
        _ place: SourceLocation = #_sourceLocation,
        until isSo: () -> Bool
    ) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !isSo() {
            let timer = host.loop.after(milliseconds: 20) { [loop = host.loop] in loop.stop() }
            try host.loop.run()
            host.loop.cancel(timer)
            guard Date() < deadline else {
                Issue.record("\(what): not within \(seconds) s: \(report)", sourceLocation: place)
                throw GuestError(what)
            }
        }
    }

    func start() throws {
        try driver.start()
        try wait("up") { host.startCount > 0 || host.end != nil }
        try #require(host.end == nil, "\(report)")
    }

    /// Ends it cleanly.
    func stop() throws {
        driver.stop()
        try wait("the end") { host.end != nil }
    }

    /// Runs a shell's line in the guest: its status and output.
    func run(_ line: String, input: String = "", user: String? = nil) throws -> (status: Int32, output: String) {
        let path = "\(directory)/stream-\(UUID().uuidString.prefix(8))"
        FileManager.default.createFile(atPath: path + ".in", contents: Data(input.utf8))
        FileManager.default.createFile(atPath: path + ".out", contents: nil)
        var command = GuestCommand(["/bin/sh", "-c", line])
        command.user = user
        var result: Result<WaitStatus, GuestError>?
        let running = driver.run(
            command,
            streams: GuestStreams(
                input: try .open(path + ".in", flags: O_RDONLY),
                output: try .open(path + ".out", flags: O_WRONLY | O_APPEND),
                error: try .open(path + ".out", flags: O_WRONLY | O_APPEND)
            )
        ) { result = $0 }
        try wait(line) { result != nil }
        withExtendedLifetime(running) {}
        return (try result!.get().shellStatus, try String(contentsOfFile: path + ".out", encoding: .utf8))
    }

    /// Calls something that answers later.
    func answer<Value>(_ what: String, _ call: (@escaping (Value) -> Void) -> Void) throws -> Value {
        var value: Value?
        call { value = $0 }
        try wait(what) { value != nil }
        return value!
    }

    func monitor(_ line: String) throws -> [String] {
        try answer(line) { (then: @escaping (Result<[String], GuestError>) -> Void) in driver.monitor(line, then: then)
        }
        .get()
    }
}

/// A switch of ours with ports for machines.
final class MachineSwitch {
    private let program: ChildProgram
    let directory: String

    init(_ directory: String, ports: [String]) throws {
        self.directory = "\(directory)/switch"
        let arguments = ports.flatMap { ["--port", "vhost://\(directory)/\($0)[mode=0666]"] }
        let sign = try OwnedDescriptor.pipe()
        program = try ChildProgram(
            [EtherloomBinary.path, "switch", "-s", self.directory, "-M", "\(directory)/console", "--ready-fd", "3"]
                + arguments,
            third: sign.second.rawValue
        )
        try sign.second.close()
        // A line when all of it is there; the end of the pipe when it will not be.
        let isSaid = try Poll.isReadable(sign.first.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
        guard isSaid, try !sign.first.read(atMost: 64).isEmpty else { throw GuestError("the switch does not start") }
    }

    /// A command of its console.
    func ask(_ line: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: EtherloomBinary.path)
        process.arguments = ["term", "\(directory)/../console"] + line.split(separator: " ").map(String.init)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
