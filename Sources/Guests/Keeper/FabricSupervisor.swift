// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Runs the lab's fabric, remembers all that it was told, and tells it to the next one when it dies.
final class FabricSupervisor {
    private let loop: ControlLoop
    private let files: RuntimeFiles
    /// What runs a fabric, for `start` to add a socket to.
    private let program: [String]
    private let children: ChildTable
    private var client: FabricClient?
    private(set) var processID: Int32?
    private(set) var memory = FabricMemory()
    /// Taps, by port.
    private var descriptors: [String: SharedDescriptor] = [:]
    private var connections = KeptConnections()
    private var isEnding = false
    private var onEnd: () -> Void = {}
    /// The whole lab ends.
    var isWindingDown = false
    private var failures = 0
    var onRestart: () -> Void = {}
    /// A port whose machine was to stay connected has lost it.
    var onLost: (String) -> Void = { _ in }
    var onEvent: ([String]) -> Void = { _ in }
    var log: (String) -> Void = { _ in }

    init(loop: ControlLoop, files: RuntimeFiles, program: [String], children: ChildTable) {
        self.loop = loop
        self.files = files
        self.program = program
        self.children = children
    }

    /// Starts a fabric and tells it what it is to be.
    func start() throws(GuestError) {
        let words = program + ["fabric", "--owner-fd", "3", "--socket", files.fabric, "--directory", files.directory]
        guard let image = CommandImage(arguments: words, environment: CurrentProcess.environment) else {
            throw GuestError("a NUL in the path of the program", status: 2)
        }
        do {
            let pair = try UnixSocket.pair(.sequencedPacket)
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            let output = try OwnedDescriptor.open(files.log, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            let process = try OwnedProgram.start(
                image,
                descriptors: [null.rawValue, output.rawValue, output.rawValue, pair.second.rawValue]
            )
            processID = process
            do {
                try children.watch(process) { [weak self] in if self?.processID == process { self?.hasEnded($0) } }
                let client = try FabricClient(pair.first, loop: loop)
                listen(to: client)
                client.request(["watch"])
                self.client = client
                watchOver(client)
            } catch {
                // Another one is started in its place.
                OwnedProgram.send(SIGKILL, to: process)
                processID = nil
                throw error
            }
        } catch {
            throw GuestError("cannot start the lab's fabric: \(error)")
        }
        replay()
    }

    /// Requests take milliseconds. A fabric that answers none any more is as good as dead, and another one serves its guests.
    static let patience: UInt64 = 60_000_000_000

    private func watchOver(_ client: FabricClient) {
        loop.after(milliseconds: 10_000) { [weak self, weak client] in
            guard let self, let client, client === self.client else { return }
            if let processID, let since = client.oldestRequest, MonotonicClock.nanoseconds - since > Self.patience {
                log("fabric: has not answered for \(Self.patience / 1_000_000_000) s: killed")
                return OwnedProgram.send(SIGKILL, to: processID)
            }
            watchOver(client)
        }
    }

    private func listen(to client: FabricClient) {
        client.onEvent = { [weak self] words in
            // Some of what was kept may be among it.
            if words.first == "lost" { self?.connections.forgetAll() }
            self?.onEvent(words)
        }
        client.onKept = { [weak self] words, descriptors in
            guard let self, let port = words.first, !isWaiting(port: port) else { return }
            connections.take(words, descriptors)
        }
    }

    private func replay() {
        for words in memory.requests {
            let port = words[0] == "port-add" ? words[1] : ""
            let descriptor = descriptors[port]
            client?.request(words, descriptors: descriptor.map { [$0.rawValue] } ?? []) { [weak self] result in
                if case .failure(let error) = result { self?.log("fabric: \(words[0]) again: \(error.message)") }
            }
            if words[0] == "port-add" { takeUp(port) }
        }
    }

    /// A segment has ended by itself: somebody has shut it down at its console, or its loop has failed. What a lab has it has until
    /// it is taken away by a request, so that it is made anew, with all that was there.
    func renew(segment name: String) {
        // One that fails again and again is not to keep a processor busy.
        loop.after(milliseconds: 500) { [weak self, weak client] in
            // To another fabric all of it was told.
            guard let self, let client, client === self.client, !isWindingDown, memory.segmentNames.contains(name)
            else { return }
            log("segment \(name) has ended; it is made anew")
            for words in memory.requests(ofSegment: name) {
                client.request(words) { [weak self] result in
                    if case .failure(let error) = result { self?.log("fabric: \(words[0]) again: \(error.message)") }
                }
            }
        }
    }

    /// Has the new fabric go on with the connection that this port had.
    private func takeUp(_ port: String) {
        var failure: GuestError?
        let requests = connections.requests(port)
        for (index, request) in requests.enumerated() {
            client?.request(request.words, descriptors: request.descriptors.map(\.rawValue)) { [weak self] result in
                failure = failure ?? result.failure
                // A fabric that died meanwhile has lost nothing: the next one tries it.
                guard let self, index == requests.count - 1, let failure, client?.isOpen == true else { return }
                log("\(port): its machine's connection is lost: \(failure.message)")
                connections.forget(port)
                onLost(port)
            }
        }
    }

    /// This port's machine did not notice that there is another fabric.
    func keepsConnection(port: String) -> Bool { connections.contains(port) }

    private func hasEnded(_ status: WaitStatus) {
        processID = nil
        client?.close()
        client = nil
        guard !isEnding else {
            let onEnd = self.onEnd
            self.onEnd = {}
            return onEnd()
        }
        log("fabric: ended, \(KeptGuest.describe(status)); another one is started")
        failures += 1
        // What a machine has said may be what they die of: it is not told to a third.
        if failures > 2 { connections.forgetAll() }
        // One that dies again and again is not to keep a processor busy.
        let pause: UInt64 = failures < 4 ? 0 : min(100 << UInt64(min(failures - 4, 6)), 5000)
        loop.after(milliseconds: pause) { [weak self] in self?.restart() }
        let failures = self.failures
        loop.after(milliseconds: 60_000) { [weak self] in if self?.failures == failures { self?.failures = 0 } }
    }

    private func restart() {
        guard !isEnding, client == nil else { return }
        do throws(GuestError) {
            try start()
            onRestart()
        } catch {
            log(error.message)
            loop.after(milliseconds: 1000) { [weak self] in self?.restart() }
        }
    }

    /// Asks the fabric, and remembers what it agreed to.
    func request(
        _ words: [String],
        _ descriptors: [SharedDescriptor] = [],
        then: @escaping (Result<KeeperAnswer, GuestError>) -> Void
    ) {
        guard let client, client.isOpen else {
            return then(.failure(GuestError("the lab's fabric is being started anew; try again")))
        }
        client.request(words, descriptors: descriptors.map(\.rawValue)) { [weak self] result in
            if case .success = result { self?.memory.take(words) }
            then(result.map { KeeperAnswer($0) })
        }
    }

    /// Makes requests, one behind the other, and remembers those that were agreed to. What is asked without a fabric, or not
    /// answered before it dies, is remembered too: the next one is told.
    func arrange(_ requests: [[String]], then: @escaping (GuestError?) -> Void = { _ in }) {
        guard let client, client.isOpen else {
            for words in requests { memory.take(words) }
            return then(nil)
        }
        var left = requests.count
        var failure: GuestError?
        for words in requests {
            client.request(words) { [weak self] result in
                if case .failure(let error) = result, client.isOpen {
                    failure = failure ?? error
                } else {
                    self?.memory.take(words)
                }
                left -= 1
                if left == 0 { then(failure) }
            }
        }
    }

    /// Makes a guest's port, and plugs it in as it was before.
    func add(
        port: String,
        _ words: [String],
        _ descriptors: [SharedDescriptor],
        then: @escaping (Result<KeeperAnswer, GuestError>) -> Void
    ) {
        self.descriptors[port] = descriptors.first
        memory.take(words)
        guard let client else {
            // The next fabric learns of it by what is remembered.
            return then(.success(KeeperAnswer()))
        }
        // When this fabric dies before it has answered, the next one learns of it all the same.
        let all = memory.requests(ofPort: port)
        var left = all.count
        var failure: GuestError?
        for (index, request) in all.enumerated() {
            let passed = index == 0 ? descriptors.map(\.rawValue) : []
            client.request(request, descriptors: passed) { [weak self] result in
                if case .failure(let error) = result, client.isOpen {
                    if index == 0 {
                        failure = error
                        self?.memory.forget(port: port)
                        self?.descriptors[port] = nil
                    } else if failure == nil {
                        self?.log("\(port): \(error.message)")
                    }
                }
                left -= 1
                if left == 0 { then(failure.map { .failure($0) } ?? .success(KeeperAnswer())) }
            }
        }
    }

    /// Closes a port. What it was plugged into and how it was impaired is kept for the next one of that name.
    func forget(port: String) {
        descriptors[port] = nil
        connections.forget(port)
        // A fabric that is about to end closes everything at once.
        guard memory.forget(port: port), !isWindingDown else { return }
        client?.request(["port-remove", port])
    }

    /// Whether this is a port that is not there now.
    func isWaiting(port: String) -> Bool { memory.requests(ofPort: port).first?.first != "port-add" }

    /// Takes note of what concerns a port that is not there now.
    func remember(_ words: [String]) { memory.take(words) }

    /// A port is no more, and all that belongs to it.
    func remove(port: String) {
        forget(port: port)
        memory.remove(port: port)
    }

    /// Ends the fabric, and calls when it has ended.
    func end(then: @escaping () -> Void) {
        isEnding = true
        client?.close()
        client = nil
        guard let processID else { return then() }
        onEnd = then
        OwnedProgram.send(SIGTERM, to: processID)
        loop.after(milliseconds: 2000) { [weak self] in
            if let processID = self?.processID { OwnedProgram.send(SIGKILL, to: processID) }
        }
    }

    func kill() {
        isEnding = true
        if let processID { OwnedProgram.send(SIGKILL, to: processID) }
    }
}
