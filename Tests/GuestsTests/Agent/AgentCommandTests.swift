// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

/// The agent's own program, run here.
@Suite("Commands that the agent runs", .serialized, .mayRun(seconds: 120))
struct AgentCommandTests {
    private func run(
        _ agent: NativeAgent,
        _ words: [String],
        input: consuming OwnedDescriptor? = nil,
        change: (inout GuestCommand) -> Void = { _ in }
    ) throws -> CommandUnderTest {
        var command = GuestCommand(words)
        change(&command)
        let test = try CommandUnderTest(agent, command, input: input)
        if test.result == nil { try agent.wait() }
        return test
    }

    @Test func outputErrorsAndStatusArrive() throws {
        let agent = try NativeAgent()
        let test = try run(agent, ["sh", "-c", "echo out; echo err >&2; exit 7"])
        #expect(test.status == 7)
        #expect(test.output == "out\n")
        #expect(test.errors == "err\n")
    }

    @Test func signalsAreTold() throws {
        let agent = try NativeAgent()
        let test = try CommandUnderTest(agent, GuestCommand(["sh", "-c", "echo up; exec sleep 100"]))
        agent.loop.after(milliseconds: 1) { waitForText("up\n", in: test, agent) { test.running?.send(signal: 15) } }
        try agent.wait()
        guard case .success(let status) = test.result else {
            Issue.record("no status")
            return
        }
        #expect(status.signal == 15)
    }

    @Test func environmentDirectoryAndUserAreTaken() throws {
        let agent = try NativeAgent()
        let test = try run(agent, ["sh", "-c", "echo $COLOUR; pwd"]) {
            $0.environment = ["COLOUR=green"]
            $0.directory = "/usr"
        }
        #expect(test.output == "green\n/usr\n")
        guard getuid() == 0 else { return }
        let other = try run(agent, ["sh", "-c", "id -u; id -g; echo $HOME $USER"]) { $0.user = "nobody" }
        #expect(other.output.hasPrefix("65534\n65534\n/nonexistent nobody\n") || other.failure != nil)
        let number = try run(agent, ["id", "-u"]) {
            $0.user = "4242:4243"
            $0.directory = "/"
        }
        #expect(number.output == "4242\n")
    }

    @Test func whatCannotBeRunIsSaid() throws {
        let agent = try NativeAgent()
        #expect(
            try run(agent, ["/no/such/program"]).failure?.message
                == "/no/such/program: command not found"
        )
        let user = try run(agent, ["true"]) { $0.user = "nobody-of-that-name" }
        #expect(user.failure?.message.contains("no user nobody-of-that-name") == true)
        let directory = try run(agent, ["true"]) { $0.directory = "/no/where" }
        #expect(directory.failure?.message == "cannot enter /no/where: No such file or directory")
    }

    @Test func inputOfAFileAndItsEndArrive() throws {
        let agent = try NativeAgent()
        let path = "/tmp/etherloom-input-\(UUID().uuidString)"
        let data = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try data.write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let test = try run(agent, ["cat"], input: try OwnedDescriptor.open(path, flags: O_RDONLY | O_CLOEXEC))
        #expect(test.status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: test.outputPath)) == data)
    }

    @Test func aPipeIsReadToItsEnd() throws {
        let agent = try NativeAgent()
        let pipe = try OwnedDescriptor.pipe()
        let writer = pipe.second.rawValue
        _ = "hello\n".withCString { write(writer, $0, 6) }
        let test = try run(agent, ["wc", "-c"], input: pipe.takeFirst())
        #expect(test.output == "6\n")
    }

    @Test func oneThatNobodyReadsHoldsUpNoOther() throws {
        let agent = try NativeAgent()
        // A pipe that is never read: full after 64 KiB.
        let pipe = try OwnedDescriptor.pipe()
        let reader = try pipe.first.duplicate()
        var stuckEnded = false
        let stuck = agent.session.run(
            GuestCommand(["sh", "-c", "exec cat /dev/zero"]),
            streams: GuestStreams(
                input: try OwnedDescriptor.open("/dev/null", flags: O_RDONLY),
                output: pipe.takeSecond(),
                error: try OwnedDescriptor.open("/dev/null", flags: O_WRONLY)
            )
        ) { _ in stuckEnded = true }
        for _ in 0..<3 {
            let test = try run(agent, ["head", "-c", "3000000", "/dev/zero"])
            #expect(test.status == 0)
            #expect(test.output.utf8.count == 3_000_000)
        }
        #expect(!stuckEnded)
        stuck?.cancel()
        // It is gone, and the agent is well.
        #expect(try run(agent, ["true"]).status == 0)
        _ = reader.rawValue
    }

    @Test func aTerminalIsOne() throws {
        let agent = try NativeAgent()
        let test = try run(agent, ["sh", "-c", "tty >/dev/null && stty size && kill -0 $$ && ps -o tty= -p $$"]) {
            $0.usesTerminal = true
            $0.columns = 132
            $0.rows = 43
        }
        #expect(test.status == 0)
        #expect(test.output.hasPrefix("43 132\r\npts/"))
    }

    @Test func aTerminalIsResized() throws {
        let agent = try NativeAgent()
        var command = GuestCommand([
            "sh", "-c", "trap 'stty size; exit 5' WINCH; echo up; while :; do sleep 0.01; done",
        ])
        command.usesTerminal = true
        let test = try CommandUnderTest(agent, command)
        agent.loop.after(milliseconds: 1) {
            waitForText("up\r\n", in: test, agent) { test.running?.resize(columns: 99, rows: 11) }
        }
        try agent.wait()
        #expect(test.status == 5)
        #expect(test.output == "up\r\n11 99\r\n")
    }

    @Test func processesLeftBehindAreNotWaitedFor() throws {
        let agent = try NativeAgent()
        let began = Date()
        let test = try run(agent, ["sh", "-c", "sleep 30 & echo $!"])
        #expect(test.status == 0)
        #expect(Date().timeIntervalSince(began) < 5)
        if let left = Int32(test.output.dropLast()) { kill(left, SIGKILL) }
    }

    @Test func addressesAreListed() throws {
        let agent = try NativeAgent()
        let lines = try agent.request(["network", "addr"])?.get() ?? []
        #expect(lines.contains("lo inet 127.0.0.1/8 scope link"))
        let error = try agent.request(["network", "addr", "add", "10.0.0.1/24", "dev", "nosuch0"])
        #expect(error == .failure(GuestError("interface nosuch0: No such device")))
        #expect(
            try agent.request(["nonsense"])
                == .failure(GuestError("nonsense: the agent of this guest does not know that"))
        )
    }

    @Test func itsEndEndsWhatRuns() throws {
        let agent = try NativeAgent()
        let test = try CommandUnderTest(agent, GuestCommand(["sleep", "100"]))
        var reason: String?
        agent.session.ended = { reason = $0 }
        agent.program.send(signal: SIGKILL)
        try agent.wait()
        #expect(test.failure?.message == "the agent's channel was closed")
        #expect(reason == "the agent's channel was closed" || reason == nil)
        _ = agent.program.poll()
    }
}

/// Looks every few milliseconds whether a command has written a text; the test's own time-out ends it.
private func waitForText(_ text: String, in test: CommandUnderTest, _ agent: NativeAgent, then: @escaping () -> Void) {
    if test.output == text { return then() }
    agent.loop.after(milliseconds: 5) { waitForText(text, in: test, agent, then: then) }
}
