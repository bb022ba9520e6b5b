// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import Testing
import Wire

@testable import Guests

/// The kernel that Scripts/guests fetches.
enum UMLFixture {
    static let kernel: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent(".build/guests/uml/linux").path
        return FileManager.default.fileExists(atPath: path) && FileManager.default.fileExists(atPath: "/bin/busybox")
            ? path : nil
    }()

    /// A root with busybox in a directory of its own.
    static func makeRoot(in directory: String) throws -> String {
        let root = directory + "/root"
        let script = """
            mkdir -p "$1/bin" "$1/etc" "$1/root" "$1/home/u" && cp /bin/busybox "$1/bin/" && cd "$1" &&
            for name in sh ip cat sleep echo id tty stty env hostname mount kill ping head wc touch pwd ls trap; do
                ln -s busybox "bin/$name"; done
            printf 'root:x:0:0:root:/root:/bin/sh\\nu:x:1000:1000::/home/u:/bin/sh\\n' >etc/passwd
            printf 'root:x:0:\\nu:x:1000:\\nextra:x:50:u\\n' >etc/group
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh", root]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return root
    }
}

/// What a keeper does for a driver, plainly: no namespaces, no fabric.
final class PlainHost: GuestHost {
    let loop: ControlLoop
    var plan: GuestPlan
    let directory: String
    var root: String
    private(set) var driver: UMLDriver!
    var states: [String] = []
    var status: WaitStatus?
    var lines: [String] = []
    var console = ""
    var processID: Int32 = 0
    /// Called at each change, so that a test looks again.
    private var hasChanged: () -> Void = {}
    var consoleInput: ([UInt8]) -> Void = { _ in }
    var consoleResized: (Int, Int) -> Void = { _, _ in }
    var unplugged: [String] = []

    /// With a fabric its interfaces are ports there, all on the segment `net`.
    var fabric: TestFabric?

    init(
        name: String = "alice",
        loop: ControlLoop? = nil,
        fabric: TestFabric? = nil,
        change: (inout GuestPlan) -> Void = { _ in }
    ) throws {
        self.loop = try fabric?.loop ?? ControlLoop()
        self.fabric = fabric
        directory = "/tmp/el-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory + "/run", withIntermediateDirectories: true)
        root = try UMLFixture.makeRoot(in: directory)
        plan = GuestPlan(name: name, runDirectory: directory + "/run")
        plan.kind = .uml
        plan.kernel = UMLFixture.kernel
        plan.memory = ByteCount(bytes: 64 << 20)
        change(&plan)
        _ = AgentBinary.path
        driver = UMLDriver(host: self)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Starts the guest, and waits until it runs.
    func start(_ place: SourceLocation = #_sourceLocation) throws {
        try driver.start()
        try wait("running", place) { self.states.last == "started" || self.status != nil }
        #expect(states.last == "started", "\(lines) \(console.suffix(2000))", sourceLocation: place)
    }

    /// Ends it and waits for that.
    func end() throws {
        guard status == nil, processID != 0 else { return }
        driver.kill()
        try wait("ended") { self.status != nil }
    }

    func wait(
        _ what: String,
        _ place: SourceLocation = #_sourceLocation,
        seconds: UInt64 = 40,
        until: @escaping () -> Bool
    ) throws {
        guard !until() else { return }
        let timer = loop.after(milliseconds: seconds * 1000) { [loop] in
            Issue.record("not within \(seconds) s: \(what)", sourceLocation: place)
            loop.stop()
        }
        hasChanged = { [loop] in if until() { loop.stop() } }
        try loop.run()
        hasChanged = {}
        loop.cancel(timer)
    }

    private func changed() { hasChanged() }

    func hasStarted(processID: Int32) {
        self.processID = processID
        states.append("started")
        changed()
    }
    func hasEnded(_ status: WaitStatus) {
        self.status = status
        states.append("ended")
        changed()
    }
    func log(_ line: String) {
        lines.append(line)
        changed()
    }
    func consoleWrote(_ bytes: [UInt8]) {
        console += String(decoding: bytes, as: UTF8.self)
        changed()
    }
    func plugTap(_ tap: consuming OwnedDescriptor, interface: String, then: @escaping (GuestError?) -> Void) {
        then(GuestError("no taps here"))
    }
    func openVhost(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        guard let fabric else { return then(.failure(GuestError("no fabric here"))) }
        let port = "\(plan.name):\(interface)"
        let path = "\(fabric.directory)/\(plan.name).\(interface)"
        fabric.request(["port-add", port, "vhost", path])
        fabric.request(["plug", port, "net"]) { then($0.map { _ in path }) }
    }
    func openMessages(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        guard let fabric else { return then(.failure(GuestError("no fabric here"))) }
        let port = "\(plan.name):\(interface)"
        let path = "\(fabric.directory)/\(plan.name).\(interface)"
        fabric.request(["port-add", port, "url", "seqpacket://\(path)[listen]"])
        fabric.request(["plug", port, "net"]) { then($0.map { _ in path }) }
    }
    func unplug(interface: String) {
        unplugged.append(interface)
        fabric?.forget(port: "\(plan.name):\(interface)")
    }
    var mergedRoot: (inside: String, outside: String)? { (root, root) }

    func spawn(
        _ words: [String],
        environment: [String],
        descriptors: [Int32],
        insideNamespaces: Bool
    ) throws(GuestError) -> SpawnedProgram {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Two steps: a target may be a source of a later one.
        for (index, descriptor) in descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(500 + index))
        }
        for index in descriptors.indices {
            posix_spawn_file_actions_adddup2(&actions, Int32(500 + index), Int32(index))
            posix_spawn_file_actions_addclose(&actions, Int32(500 + index))
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, words[0], &actions, nil, &arguments, &variables)
        guard error == 0 else { throw GuestError("\(words[0]): \(Errno(rawValue: error))") }
        do throws(Errno) {
            return SpawnedProgram(processID: pid, handle: try ProcessHandle(pid))
        } catch {
            throw GuestError("\(error)")
        }
    }

    // MARK: Commands

    struct Outcome {
        var status: Int32?
        var error: GuestError?
        var output: String
        var errors: String
    }

    func run(_ words: [String], input: String? = nil, change: (inout GuestCommand) -> Void = { _ in }) throws -> Outcome
    {
        var command = GuestCommand(words)
        change(&command)
        let base = directory + "/" + UUID().uuidString
        try (input ?? "").write(toFile: base + ".in", atomically: true, encoding: .utf8)
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC
        var result: Result<WaitStatus, GuestError>?
        let running = driver.run(
            command,
            streams: GuestStreams(
                input: try OwnedDescriptor.open(base + ".in", flags: O_RDONLY | O_CLOEXEC),
                output: try OwnedDescriptor.open(base + ".out", flags: flags, mode: 0o600),
                error: try OwnedDescriptor.open(base + ".err", flags: flags, mode: 0o600)
            )
        ) { [loop] in
            result = $0
            loop.stop()
        }
        if result == nil { try wait("end of \(words)") { result != nil } }
        _ = running
        var outcome = Outcome(output: (try? String(contentsOfFile: base + ".out", encoding: .utf8)) ?? "", errors: "")
        outcome.errors = (try? String(contentsOfFile: base + ".err", encoding: .utf8)) ?? ""
        switch result {
        case .success(let status)?: outcome.status = status.shellStatus
        case .failure(let error)?: outcome.error = error
        case nil: break
        }
        return outcome
    }

    func ask(_ call: (@escaping (Result<[String], GuestError>) -> Void) -> Void) throws -> Result<[String], GuestError>?
    {
        var answer: Result<[String], GuestError>?
        call { [loop] in
            answer = $0
            loop.stop()
        }
        if answer == nil { try wait("an answer") { answer != nil } }
        return answer
    }
}

/// A fabric of ours with one segment, run by the program that was built.
final class TestFabric {
    let loop: ControlLoop
    let directory: String
    private let program: ChildProgram
    private let client: FabricClient

    static let binary: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path =
            ProcessInfo.processInfo.environment["ETHERLOOM_BINARY"]
            ?? root.appendingPathComponent(".build/debug/etherloom").path
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    init() throws {
        loop = try ControlLoop()
        directory = "/tmp/elf-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let ready = try OwnedDescriptor.pipe()
        let socket = directory + "/fabric"
        program = try ChildProgram(
            [Self.binary ?? "", "fabric", "--socket", socket, "--ready-fd", "3", "-q"],
            third: ready.second.rawValue
        )
        let reader = ready.takeFirst()
        _ = try reader.read(atMost: 1)
        client = try FabricClient(path: socket, loop: loop)
        request(["segment-add", "net"])
    }

    deinit {
        client.close()
        program.end()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Nobody waits for the answer, which may not come before the test's end.
    func forget(port: String) { client.request(["port-remove", port]) { _ in } }

    func request(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void = { _ in }) {
        client.request(words) { result in
            if case .failure(let error) = result { Issue.record("fabric: \(words): \(error)") }
            then(result)
        }
    }
}
