// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A command that the agent of a guest runs for somebody here.
final class AgentCommand: RunningCommand {
    let number: UInt32
    private weak var session: AgentSession?
    private let loop: ControlLoop
    private let streams: GuestStreams
    private let usesTerminal: Bool
    private var input: InputPump?
    private var outputs: [UInt8: OutputPump] = [:]
    /// What the guest may still send of a channel.
    private var windows: [UInt8: Int] = [1: AgentFrame.window, 2: AgentFrame.window]
    private var ended: ((Result<WaitStatus, GuestError>) -> Void)?
    private var hasStarted = false

    init(
        number: UInt32,
        session: AgentSession,
        loop: ControlLoop,
        streams: GuestStreams,
        usesTerminal: Bool,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) {
        self.number = number
        self.session = session
        self.loop = loop
        self.streams = streams
        self.usesTerminal = usesTerminal
        self.ended = ended
    }

    // MARK: From the agent

    /// False: the guest does not keep to the protocol.
    func take(_ frame: AgentFrame) -> Bool {
        switch frame.kind {
        case .started: start()
        case .output: return takeOutput(frame)
        case .granted: if let count = frame.value { input?.grant(Int(count)) }
        case .ended: if frame.channel == 0 { input?.stop() }
        case .exited: if let value = frame.value { finish(.success(WaitStatus(rawValue: Int32(bitPattern: value)))) }
        case .failed:
            let text = String(decoding: frame.payload.dropFirst(), as: UTF8.self)
            finish(.failure(GuestError(text, status: Int32(frame.payload.first ?? 1))))
        default: break
        }
        return true
    }

    private func start() {
        guard !hasStarted, ended != nil else { return }
        hasStarted = true
        input = InputPump(
            streams.input,
            window: AgentFrame.window,
            loop: loop,
            read: { [weak self] bytes in self?.send(.data, payload: bytes) },
            ended: { [weak self] in self?.send(.close) }
        )
        guard let input else { return send(.close) }
        input.start()
    }

    private func takeOutput(_ frame: AgentFrame) -> Bool {
        guard frame.channel == 1 || frame.channel == 2, let window = windows[frame.channel] else { return false }
        guard frame.payload.count <= window else { return false }
        windows[frame.channel] = window - frame.payload.count
        if let pump = pump(frame.channel) {
            pump.take(frame.payload)
        } else {
            // Nowhere to put it: the command is not to wait for that.
            grant(frame.channel, frame.payload.count)
        }
        return true
    }

    private func pump(_ channel: UInt8) -> OutputPump? {
        if let made = outputs[channel] { return made }
        let made: OutputPump?
        if channel == 1 {
            made = OutputPump(
                streams.output,
                loop: loop,
                written: { [weak self] in self?.grant(channel, $0) },
                broken: { [weak self] in self?.send(signal: SIGPIPE) }
            )
        } else {
            made = OutputPump(
                streams.error,
                loop: loop,
                written: { [weak self] in self?.grant(channel, $0) },
                broken: { [weak self] in self?.send(signal: SIGPIPE) }
            )
        }
        outputs[channel] = made
        return made
    }

    private func grant(_ channel: UInt8, _ count: Int) {
        windows[channel, default: 0] += count
        send(.credit, channel: channel, payload: AgentFrame.number(UInt32(clamping: count)))
    }

    private func finish(_ result: Result<WaitStatus, GuestError>) {
        guard ended != nil else { return }
        input?.stop()
        input = nil
        // Both streams first: whoever asked may go as soon as he knows the status.
        let pumps = outputs.values.filter { $0.hasUnwritten }
        guard let pump = pumps.first else { return tell(result) }
        pump.whenDrained { [weak self] in self?.finish(result) }
    }

    private func tell(_ result: Result<WaitStatus, GuestError>) {
        session?.forget(number)
        outputs = [:]
        let run = ended
        ended = nil
        run?(result)
    }

    /// The session has ended.
    func lose(_ error: GuestError) { finish(.failure(error)) }

    private func send(_ kind: AgentFrame.Kind, channel: UInt8 = 0, payload: [UInt8] = []) {
        guard ended != nil else { return }
        session?.send(AgentFrame(kind, channel: channel, stream: number, payload: payload))
    }

    // MARK: RunningCommand

    func send(signal: Int32) { send(.signal, payload: AgentFrame.number(UInt32(clamping: signal))) }

    func resize(columns: Int, rows: Int) {
        send(.resize, payload: AgentSession.size(columns: columns, rows: rows))
    }

    func cancel() {
        send(.cancel)
        ended = nil
        input?.stop()
        outputs.values.forEach { $0.stop() }
        session?.forget(number)
    }
}
