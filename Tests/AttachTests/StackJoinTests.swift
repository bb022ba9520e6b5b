// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization
import TestTraits
import Testing

@testable import Attach

/// A stack with a supervisor of its own thread, as another program would be, until the test ends it.
private final class RunningStack: Sendable {
    let name = freshName("join")
    private let stop: EventFD
    private let failure = Mutex<StackError?>(nil)
    private let ended: EventFD

    /// Runs `command` in a stack with one interface; returns once it has been started.
    init(_ command: [String]) throws {
        stop = try EventFD()
        ended = try EventFD()
        let started = try EventFD()
        let startedDescriptor = started.rawDescriptor
        _ = try Thread.start(name: "supervisor") { [self] in
            do throws(StackError) {
                var stack = try NetworkStack.create(
                    [try! NetworkConfiguration(parsing: "x,ip=192.168.77.100/24")],
                    name: name
                )
                try stack.configure()
                try stack.start(command)
                var one: UInt64 = 1
                _ = write(startedDescriptor, &one, 8)
                while stack.status == nil {
                    let ready = try! Poll.readable([stop.rawDescriptor] + stack.descriptors, deadline: nil)
                    if ready[0] { stack.send(signal: SIGKILL) }
                    try stack.handleEvents()
                }
            } catch {
                failure.withLock { $0 = error }
                var one: UInt64 = 1
                _ = write(startedDescriptor, &one, 8)
            }
            ended.signal()
        }
        try #require(try Poll.isReadable(startedDescriptor, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
        if let failure = failure.withLock({ $0 }) {
            if failure.code == .unavailable { try Test.cancel("\(failure)") }
            throw failure
        }
    }

    func end() throws {
        stop.signal()
        try #require(try Poll.isReadable(ended.rawDescriptor, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
    }
}

@Suite("Joining a stack by its name", .mayRun(seconds: 120))
struct StackJoinTests {
    @Test("the command is in the stack's namespaces, with its directory, arguments and the stack's name")
    func joins() throws {
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        let output = try OutputPipe()
        let script = """
            exec >\(output.path); ls /sys/class/net | tr '\\n' ' '; echo; cat /proc/1/comm; pwd; echo "$1 $ETHERLOOM_STACK"
            for kind in user net mnt uts pid; do test /proc/self/ns/$kind -ef /proc/1/ns/$kind && echo $kind; done; true
            """
        var command = try JoinedCommand.start(["sh", "-c", script, "sh", "a b"], inStack: stack.name)
        #expect(try waitForEnd(&command).shellStatus == 0)
        let directory = try FileSystem.canonicalPath(".")
        // As root, /proc/1/ns can be read, and shows the same namespaces.
        let kinds = getuid() == 0 ? "user\nnet\nmnt\nuts\npid\n" : ""
        #expect(try output.rest() == "lo vd0 \netherloom-init\n\(directory)\na b \(stack.name)\n" + kinds)
    }

    @Test("the end is reported as it was", arguments: [("exit 9", 9), ("kill -15 $$", 143)])
    func reportsStatus(script: String, status: Int32) throws {
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        var command = try JoinedCommand.start(["sh", "-c", script], inStack: stack.name)
        #expect(try waitForEnd(&command).shellStatus == status)
    }

    @Test("a command that is not there is told so")
    func reportsMissing() throws {
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        do {
            _ = try JoinedCommand.start(["etherloom-no-such-command"], inStack: stack.name)
            Issue.record("started")
        } catch {
            #expect(error.exitStatus == 127)
        }
    }

    @Test("the command ends with the stack")
    func endsWithStack() throws {
        let stack = try RunningStack(["sleep", "1000"])
        var command = try JoinedCommand.start(["sleep", "1000"], inStack: stack.name)
        try command.handleEvents()
        #expect(command.status == nil)
        // Held by us, the joined command would hold up the stack's end: so end it from another thread, as it is in life.
        _ = try Thread.start(name: "end") { try? stack.end() }
        #expect(try waitForEnd(&command).signal == SIGKILL)
    }

    @Test("giving up the supervision ends the command, not the stack")
    func endsWithSupervisor() throws {
        let marker = "86400.\(UInt32.random(in: 0 ... .max))"
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        do {
            let command = try JoinedCommand.start(["sleep", marker], inStack: stack.name)
            #expect(try processes(with: marker).count == 1)
            _ = command.rawDescriptor
        }
        for process in try processes(with: marker) {
            guard let handle = try? ProcessHandle(process) else { continue }
            #expect(try Poll.isReadable(handle.rawDescriptor, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
        }
        var second = try JoinedCommand.start(["true"], inStack: stack.name)
        #expect(try waitForEnd(&second).shellStatus == 0)
    }

    @Test("a stack that does not run is named, with those that do")
    func namesOthers() throws {
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        do {
            _ = try JoinedCommand.start(["true"], inStack: "no-such-stack")
            Issue.record("joined")
        } catch {
            #expect(error.code == .noSuchStack)
            #expect(error.exitStatus == 125)
            #expect(error.description.contains(stack.name))
        }
    }

    @Test("a name is one stack's at a time")
    func refusesSecond() throws {
        let stack = try RunningStack(["sleep", "1000"])
        defer { try? stack.end() }
        do {
            _ = try NetworkStack.create([], name: stack.name)
            Issue.record("created")
        } catch {
            #expect(error.code == .nameInUse)
        }
    }

    @Test("the socket of a stack that was killed is swept by the next one")
    func sweeps() throws {
        let directory = try StackRegistry.directory()
        let dead = freshName("dead")
        do {
            let socket = try UnixSocket.make(.sequencedPacket)
            try UnixSocket.bind(socket, to: try #require(UnixSocketAddress(path: "\(directory)/\(dead)")))
            try UnixSocket.listen(socket)
            #expect(StackRegistry.names().contains(dead))
        }
        #expect(!StackRegistry.names().contains(dead))
        #expect(try FileSystem.names(in: directory).contains(dead))
        let registration = try StackRegistration.listen(name: freshName())
        #expect(try !FileSystem.names(in: directory).contains(dead))
        #expect(StackRegistry.names().contains(registration.name))
    }

    @Test("a name that could leave the directory, or none, is refused", arguments: ["", "..", ".x", "a/b", "a b", "ä"])
    func refusesNames(name: String) {
        #expect(throws: StackError.self) { try StackRegistry.checkName(name) }
    }
}
