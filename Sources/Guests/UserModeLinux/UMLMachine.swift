// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// One run of a UML kernel: its process, console, mconsole, and the session with its agent.
final class UMLMachine {
    private let host: any GuestHost
    private let plan: GuestPlan
    private let loop: ControlLoop
    private let commandLine: UMLCommandLine
    private let directory: String
    let mconsole: MconsoleClient
    private var diagnosis: UMLDiagnosis
    private var program: SpawnedProgram?
    private var processToken: ControlLoop.Token?
    private var console: ByteChannel?
    private var consoleInput: UMLConsoleInput?
    private(set) var session: AgentSession?
    private var timers: [Int: ControlLoop.Token] = [:]
    private var nextTimer = 0
    /// How the guest's own program ended, where that is known: the guest's status, not the kernel's.
    private var programStatus: WaitStatus?
    private(set) var isUp = false
    private var isKilled = false

    var isReady: (UMLMachine) -> Void = { _ in }
    var hasEnded: (WaitStatus) -> Void = { _ in }

    /// Milliseconds after which a guest whose agent says nothing counts as running: a slow root, an agent that died.
    private static let agentLimit: UInt64 = 60_000
    /// Milliseconds for a clean end by the agent before the kernel itself is asked.
    private static let cleanLimit: UInt64 = 5000

    init(host: any GuestHost, kernel: UMLKernel, vhostPaths: [String]) throws(GuestError) {
        self.host = host
        loop = host.loop
        plan = host.plan
        diagnosis = UMLDiagnosis(kernel: kernel)
        directory = host.socketDirectory
        let notices = "\(directory)/\(plan.name).notices"
        mconsole = try MconsoleClient(
            path: notices,
            kernelPath: "\(directory)/\(plan.name)/mconsole",
            loop: loop
        )
        commandLine = UMLCommandLine(
            kernel: kernel,
            plan: plan,
            directory: directory,
            noticePath: notices,
            root: host.mergedRoot?.inside ?? "/",
            vhostPaths: vhostPaths
        )
    }

    var processID: Int32 { program?.processID ?? 0 }

    // MARK: Start

    func start() throws(GuestError) {
        // What a killed kernel has left: it would be taken for a running one.
        removeLeftovers()
        let disk = try AgentProgram.initialRAMDisk(
            plan: commandLine.agentPlan,
            modules: commandLine.vhostPaths.isEmpty && plan.interfaces.isEmpty
                ? [] : commandLine.kernel.networkModules()
        )
        do {
            try spawn(disk)
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("cannot start the kernel: \(error)")
        }
        mconsole.noticed = { [weak self] in self?.noticed($0) }
        after(Self.agentLimit) { [weak self] in
            guard let self, !isUp else { return }
            host.log("its agent does not answer; commands and addresses cannot be given")
            isUp = true
            diagnosis.isUp = true
            isReady(self)
        }
    }

    private func spawn(_ disk: InitialRAMDisk) throws {
        let file = try disk.memoryFile()
        let consoles = try UnixSocket.pair(.stream)
        let agents = try UnixSocket.pair(.stream)
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR | O_CLOEXEC)
        let output = consoles.second.rawValue
        let program = try host.spawn(
            commandLine.words,
            environment: ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "TMPDIR=/dev/shm"],
            descriptors: [null.rawValue, output, output, output, agents.second.rawValue, file.rawValue],
            insideNamespaces: true
        )
        self.program = program
        processToken = try loop.watch(program.handle.rawDescriptor) { [weak self] _ in self?.processEnded() }
        console = try ByteChannel(consoles.takeFirst(), loop: loop) { [weak self] bytes in
            guard let self else { return }
            diagnosis.take(bytes)
            host.consoleWrote(bytes)
        }
        consoleInput = makeConsoleInput()
        let session = try AgentSession(channel: agents.takeFirst(), loop: loop, unreadLimit: Self.lineLimit)
        session.ready = { [weak self] in self?.agentIsReady($0) }
        session.programEnded = { [weak self] in self?.programStatus = $0 }
        self.session = session
    }

    /// UML stops reading a line whose reader is behind (throttle, at 3968 of a terminal's 4096 bytes) and never begins again:
    /// it gives the descriptor up (arch/um/drivers/line.c) and asks for it no more.
    private static let lineLimit = 3072

    private func agentIsReady(_ welcome: AgentWelcome) {
        for problem in welcome.problems { host.log("\(problem)") }
        // Without its root it is no guest.
        if let fatal = welcome.fatalProblem {
            host.fail(GuestError(fatal))
            return kill()
        }
        guard !isUp else { return }
        isUp = true
        diagnosis.isUp = true
        isReady(self)
    }

    private func noticed(_ notice: MconsoleMessage.Notice) {
        switch notice {
        case .panic(let text): host.log("its kernel panicked: \(text)")
        case .hang: host.log("its kernel says that it hangs")
        case .socket, .user: break
        }
    }

    private func after(_ milliseconds: UInt64, _ run: @escaping () -> Void) {
        let number = nextTimer
        nextTimer += 1
        timers[number] = loop.after(milliseconds: milliseconds) { [weak self] in
            self?.timers[number] = nil
            run()
        }
    }

    func type(_ bytes: [UInt8]) { consoleInput?.type(bytes) }

    private func makeConsoleInput() -> UMLConsoleInput {
        UMLConsoleInput(
            send: { [weak self] in self?.console?.send($0) },
            ask: { [weak self] answer in
                guard let session = self?.session else { return answer(.failure(AgentSession.silent)) }
                session.request(["console"], then: answer)
            },
            later: { [weak self] in self?.after($0, $1) },
            log: { [weak self] in self?.host.log($0) }
        )
    }

    // MARK: End

    /// By the agent, which asks processes first; then by the kernel's own means.
    func stop() {
        guard let session, session.welcome != nil else { return halt() }
        session.request(["power", "off"]) { [weak self] result in
            if case .failure = result { self?.halt() }
        }
        after(Self.cleanLimit) { [weak self] in self?.halt() }
    }

    /// Ctrl-Alt-Del is the kernel's way to ask the first process; halting ends it whatever that does.
    private func halt() {
        guard program != nil else { return }
        mconsole.send("cad") { [weak self] _ in
            guard let self else { return }
            after(2000) { [weak self] in
                self?.mconsole.send("halt") { [weak self] result in
                    if case .failure = result { self?.kill() }
                }
            }
        }
    }

    func kill() {
        isKilled = true
        try? program?.handle.send(signal: SIGKILL)
    }

    private func processEnded() {
        guard let program else { return }
        if let processToken { loop.cancel(processToken) }
        processToken = nil
        // What it said last.
        console?.drain()
        let status = (try? ProcessHandle.wait(child: program.processID)) ?? WaitStatus(rawValue: 0)
        self.program = nil
        timers.values.forEach(loop.cancel)
        timers = [:]
        session?.close()
        session = nil
        mconsole.close()
        console?.close()
        removeLeftovers()
        if !isKilled, let reason = diagnosis.reason { host.fail(GuestError(reason)) }
        hasEnded(programStatus ?? status)
    }

    private func removeLeftovers() {
        let own = "\(directory)/\(plan.name)"
        for name in ["mconsole", "pid"] { try? FileSystem.remove("\(own)/\(name)") }
        try? FileSystem.removeDirectory(own)
    }
}
