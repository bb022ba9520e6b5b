// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A conversation with the agent of one guest, for the drivers of all kinds that have one.
///
/// It says hello until the agent welcomes it; commands and requests are for then. The guest is not trusted: one that does
/// not keep to the protocol loses its session, and all that runs in it ends with an error.
///
/// A guest may begin anew over the same channel, by itself or because it was reset. Each run of an agent therefore has a number
/// of its own, which it tells when it announces itself and a hello repeats; and each has a session of its own here. So nothing
/// that was said in one life is taken for the other's, in either direction.
public final class AgentSession {
    private let loop: ControlLoop
    private let channel: AgentChannel
    /// Of this conversation with one life of the agent.
    private var number = AgentSession.newNumber()
    /// The agent's; 0: not known, or it is one that does not say.
    private var life: UInt64 = 0
    private var isBetweenLives = false
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
        let version = [0, UInt8(AgentFrame.version)]
        channel.send(
            AgentFrame(.hello, payload: version + AgentFrame.number(long: number) + AgentFrame.number(long: life))
        )
        if let helloTimer { loop.cancel(helloTimer) }
        helloTimer = loop.after(milliseconds: Self.helloInterval) { [weak self] in self?.hello() }
    }

    private static func newNumber() -> UInt64 { max(1, CurrentProcess.random()) }

    // MARK: Lives

    /// The guest is about to begin anew: what runs in it has ended, and what it still says is not believed.
    public func endLife(_ error: GuestError) {
        isBetweenLives = true
        welcome = nil
        if let helloTimer { loop.cancel(helloTimer) }
        helloTimer = nil
        lose(error)
    }

    /// It has begun anew: nothing of its old life can come any more but what is under way.
    public func beginLife(after error: GuestError) {
        endLife(error)
        guard channel.isOpen else { return }
        channel.beginAnew()
        life = 0
        goOn()
    }

    /// It has not begun anew after all.
    public func goOn() {
        guard channel.isOpen else { return }
        isBetweenLives = false
        number = Self.newNumber()
        hello()
    }

    private func announced(_ payload: [UInt8]) {
        let other = AgentFrame.number(payload, at: 2, byteCount: 8) ?? 0
        // Said again, because a hello reached it that was not for it.
        if other != 0, other == life { return }
        if welcome != nil { lose(GuestError("the guest's agent was started anew")) }
        welcome = nil
        life = other
        number = Self.newNumber()
        channel.taken(nil)
        hello()
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
        if isBetweenLives { return }
        switch frame.kind {
        case .announce: announced(frame.payload)
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
