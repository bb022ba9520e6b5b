// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

/// The agent, built by the script that `make` builds it with: once per test run.
enum AgentBinary {
    static let path: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let output = root.appendingPathComponent(".build/agent/etherloom-agent").path
        let process = Process()
        process.executableURL = root.appendingPathComponent("Scripts/agent")
        process.arguments = [output]
        try? process.run()
        process.waitUntilExit()
        setenv("ETHERLOOM_AGENT", output, 1)
        return output
    }()
}

/// An agent that runs here as a service, on a loop of the test's.
final class NativeAgent {
    let loop: ControlLoop
    let session: AgentSession
    let program: ChildProgram

    init() throws {
        loop = try ControlLoop()
        let pair = try UnixSocket.pair(.stream)
        program = try ChildProgram(
            [AgentBinary.path, "--service", "--channel", "fd:3"],
            third: pair.second.rawValue
        )
        session = try AgentSession(channel: pair.takeFirst(), loop: loop)
        session.ready = { [loop] _ in loop.stop() }
        try wait()
        #expect(session.welcome != nil)
    }

    /// Runs the loop until something stops it, at most for ten seconds.
    func wait(_ place: SourceLocation = #_sourceLocation) throws {
        let timer = loop.after(milliseconds: 10_000) { [loop] in
            Issue.record("nothing happened for ten seconds", sourceLocation: place)
            loop.stop()
        }
        try loop.run()
        loop.cancel(timer)
    }

    func request(_ words: [String]) throws -> Result<[String], GuestError>? {
        var answer: Result<[String], GuestError>?
        session.request(words) { [loop] in
            answer = $0
            loop.stop()
        }
        if answer == nil { try wait() }
        return answer
    }
}

extension DescriptorPair {
    consuming func takeSecond() -> OwnedDescriptor { second }
}

/// A command in the making: files for its streams, its end.
final class CommandUnderTest {
    var result: Result<WaitStatus, GuestError>?
    var running: (any RunningCommand)?
    let outputPath: String
    let errorPath: String

    init(_ agent: NativeAgent, _ command: GuestCommand, input: consuming OwnedDescriptor? = nil) throws {
        outputPath = "/tmp/etherloom-agent-\(UUID().uuidString)"
        errorPath = outputPath + ".error"
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let streams = GuestStreams(
            input: try input ?? OwnedDescriptor.open("/dev/null", flags: O_RDONLY | O_CLOEXEC),
            output: try OwnedDescriptor.open(outputPath, flags: flags, mode: 0o600),
            error: try OwnedDescriptor.open(errorPath, flags: flags, mode: 0o600)
        )
        running = agent.session.run(command, streams: streams) { [weak self, loop = agent.loop] in
            self?.result = $0
            loop.stop()
        }
    }

    deinit {
        unlink(outputPath)
        unlink(errorPath)
    }

    var status: Int32? { if case .success(let status) = result { status.shellStatus } else { nil } }
    var failure: GuestError? { if case .failure(let error) = result { error } else { nil } }
    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "?" }
    var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "?" }
}
