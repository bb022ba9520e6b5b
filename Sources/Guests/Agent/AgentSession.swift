// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What an agent says of itself and of its guest when a session begins.
public struct AgentWelcome: Sendable, Equatable {
    public var version: UInt16
    public var kernel = ""
    public var machine = ""
    /// It is the guest's first process, so that its end is the guest's.
    public var isInit = false
    /// What went wrong on the guest's way up, for people.
    public var problems: [String] = []

    /// The problem without whose solution there is no guest: its root cannot be mounted, or nothing in it can be run.
    public var fatalProblem: String? {
        problems.first { $0.hasPrefix("cannot mount the root") || $0.hasPrefix("cannot run ") }
    }

    /// Whom it welcomes: a number of the host's.
    var session: UInt64

    /// Nil when the payload is too short for one.
    public init?(_ payload: [UInt8]) {
        guard let version = AgentFrame.number(payload, at: 0, byteCount: 2),
            let session = AgentFrame.number(payload, at: 2, byteCount: 8)
        else { return nil }
        self.session = session
        self.version = UInt16(version)
        for word in WordMessage(bytes: Array(payload.dropFirst(10)))?.words ?? [] {
            let (key, value) = PlanWords.parts(word)
            switch key {
            case "kernel": kernel = value ?? ""
            case "machine": machine = value ?? ""
            case "role": isInit = value == "init"
            case "problem": problems.append(value ?? "")
            default: break
            }
        }
    }
}

/// A conversation with the agent of one guest, for the drivers of all kinds that have one.
///
/// It says hello until the agent welcomes it; commands and requests are for then. The guest is not trusted: one that does
/// not keep to the protocol loses its session, and all that runs in it ends with an error.
public final class AgentSession {
    private let loop: ControlLoop
    private let channel: AgentChannel
    private let number = CurrentProcess.random()
    private var nextStream: UInt32 = 1
    private var commands: [UInt32: AgentCommand] = [:]
    private var requests: [UInt32: (timer: ControlLoop.Token, then: (Result<[String], GuestError>) -> Void)] = [:]
    private var helloTimer: ControlLoop.Token?
    /// Nil until the agent has answered.
    public private(set) var welcome: AgentWelcome?

    /// The agent is there; called once.
    public var ready: (AgentWelcome) -> Void = { _ in }
    /// The guest's own program, or a shell on its console, has ended.
    public var programEnded: (WaitStatus) -> Void = { _ in }
    /// The channel has ended, or the guest did not keep to the protocol, which the text says.
    public var ended: (String) -> Void = { _ in }

    /// Milliseconds between two hellos.
    private static let helloInterval: UInt64 = 500
    /// Milliseconds that a request may take; the longest waits a second for an interface.
    private static let requestLimit: UInt64 = 15_000

    /// - Parameters:
    ///   - channel: our end of a byte stream (a socket pair, a connected socket) to the guest's serial line or port.
    ///   - unreadLimit: bytes that the guest may have without having read them, for a kernel that takes no more than that.
    public init(
        channel: consuming OwnedDescriptor,
        loop: ControlLoop,
        unreadLimit: Int? = nil
    ) throws(Errno) {
        self.loop = loop
        self.channel = try AgentChannel(channel, loop: loop, unreadLimit: unreadLimit)
        self.channel.received = { [weak self] in self?.take($0) }
        self.channel.ended = { [weak self] in self?.end("the agent's channel was closed") }
        hello()
    }

    deinit {
        if let helloTimer { loop.cancel(helloTimer) }
    }

    private func hello() {
        channel.send(
            AgentFrame(
                .hello,
                payload: [0, UInt8(AgentFrame.version)] + AgentFrame.number(UInt32(truncatingIfNeeded: number >> 32))
                    + AgentFrame.number(UInt32(truncatingIfNeeded: number))
            )
        )
        if let helloTimer { loop.cancel(helloTimer) }
        helloTimer = loop.after(milliseconds: Self.helloInterval) { [weak self] in self?.hello() }
    }

    // MARK: What drivers ask for

    /// A request of Documentation/Agent.md; answers with lines.
    public func request(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        guard welcome != nil, channel.isOpen, let payload = try? WordMessage(words).encoded(),
            payload.count <= AgentFrame.payloadLimit
        else { return then(.failure(Self.silent)) }
        let stream = takeNumber()
        let timer = loop.after(milliseconds: Self.requestLimit) { [weak self] in
            self?.requests.removeValue(forKey: stream)?.then(
                .failure(GuestError("the guest's agent did not answer within \(Self.requestLimit / 1000) s", status: 3))
            )
        }
        requests[stream] = (timer, then)
        send(AgentFrame(.request, stream: stream, payload: payload))
    }

    /// Runs a command; `ended` is called once, unless it is cancelled.
    public func run(
        _ command: GuestCommand,
        streams: GuestStreams,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) -> (any RunningCommand)? {
        var words: [String] = []
        if let user = command.user { words.append("user=\(user)") }
        if let directory = command.directory { words.append("directory=\(directory)") }
        words += command.environment.map { "environment=\($0)" }
        if command.usesTerminal { words.append("tty=\(command.columns)x\(command.rows)") }
        words += ["--"] + command.words
        guard let payload = try? WordMessage(words).encoded(), payload.count <= AgentFrame.payloadLimit else {
            ended(.failure(GuestError("the command is longer than \(AgentFrame.payloadLimit) bytes", status: 2)))
            return nil
        }
        guard welcome != nil, channel.isOpen else {
            ended(.failure(Self.silent))
            return nil
        }
        let running = AgentCommand(
            number: takeNumber(),
            session: self,
            loop: loop,
            streams: streams,
            usesTerminal: command.usesTerminal,
            ended: ended
        )
        commands[running.number] = running
        send(AgentFrame(.run, stream: running.number, payload: payload))
        return running
    }

    /// The guest's console has another size now.
    public func resizeConsole(columns: Int, rows: Int) {
        guard welcome != nil else { return }
        send(AgentFrame(.resize, payload: Self.size(columns: columns, rows: rows)))
    }

    /// Ends it; what runs is told so.
    public func close() { end(nil) }

    static let silent = GuestError("the guest's agent does not answer", status: 1)

    static func size(columns: Int, rows: Int) -> [UInt8] {
        [columns, rows].flatMap { [UInt8($0 >> 8 & 0xff), UInt8($0 & 0xff)] }
    }

    // MARK: Frames

    func send(_ frame: AgentFrame) { channel.send(frame) }

    func forget(_ number: UInt32) { commands[number] = nil }

    private func takeNumber() -> UInt32 {
        while nextStream == 0 || commands[nextStream] != nil || requests[nextStream] != nil { nextStream &+= 1 }
        defer { nextStream &+= 1 }
        return nextStream
    }

    private func take(_ frame: AgentFrame) {
        switch frame.kind {
        case .announce:
            // It began anew, or has only now begun.
            if welcome != nil { lose(GuestError("the guest's agent was started anew")) }
            welcome = nil
            channel.taken(nil)
            hello()
        case .taken: if let count = frame.value { channel.taken(Int(count)) }
        case .welcome:
            guard welcome == nil, let welcome = AgentWelcome(frame.payload), welcome.session == number else { return }
            if let helloTimer { loop.cancel(helloTimer) }
            helloTimer = nil
            self.welcome = welcome
            ready(welcome)
        case .result:
            guard let request = requests.removeValue(forKey: frame.stream) else { return }
            loop.cancel(request.timer)
            request.then(Self.result(frame.payload))
        case .event:
            let words = WordMessage(bytes: frame.payload)?.words ?? []
            for case ("ended", let text?) in words.map(PlanWords.parts) {
                if let status = Int32(text) { programEnded(WaitStatus(rawValue: status)) }
            }
        default:
            guard welcome != nil, let command = commands[frame.stream] else { return }
            if !command.take(frame) { end("the guest's agent does not keep to its protocol") }
        }
    }

    private static func result(_ payload: [UInt8]) -> Result<[String], GuestError> {
        let text = String(decoding: payload.dropFirst(), as: UTF8.self)
        guard payload.first == 0 else { return .failure(GuestError(text)) }
        return .success(text.split(separator: "\n").map(String.init))
    }

    private func lose(_ error: GuestError) {
        let commands = self.commands.values
        self.commands = [:]
        commands.forEach { $0.lose(error) }
        let requests = self.requests.values
        self.requests = [:]
        for request in requests {
            loop.cancel(request.timer)
            request.then(.failure(error))
        }
    }

    private func end(_ reason: String?) {
        if let helloTimer { loop.cancel(helloTimer) }
        helloTimer = nil
        channel.close()
        lose(GuestError(reason ?? "the guest has ended"))
        welcome = nil
        if let reason { ended(reason) }
    }
}
