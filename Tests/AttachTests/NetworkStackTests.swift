// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing
import Wire

@testable import Attach

@Suite("A stack for a command", .mayRun(seconds: 120))
struct NetworkStackTests {
    @Test("a static configuration is there when the command starts")
    func configuresStatically() throws {
        try Test.requireResolverFile()
        var stack = try makeStack(
            [
                "x,ip=192.168.77.100/24,gw=192.168.77.2,dns=192.168.77.3,domain=example.org,mtu=1400,mac=02:00:00:00:00:64",
                "y,ip=fd00:5::7/64,gw=fd00:5::1,if=six", "z",
            ],
            name: "static-\(getpid())",
            hostname: "guest-1"
        )
        try stack.configure()
        let links = try stack.netlink!.links()
        #expect(links.map(\.name) == ["lo", "vd0", "six", "vd1"])
        #expect(links.map(\.isUp) == [true, true, true, true])
        #expect(links[1].mtu == 1400)
        #expect(links[1].address == [2, 0, 0, 0, 0, 0x64])
        let addresses = try stack.netlink!.addresses().map { "\($0.interface) \($0.bytes)/\($0.prefixLength)" }
        #expect(addresses.contains("1 [127, 0, 0, 1]/8"))
        #expect(addresses.contains("2 [192, 168, 77, 100]/24"))
        #expect(addresses.contains("3 [253, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]/64"))
        let routes = try stack.netlink!.routes().filter { $0.destination == nil }
        #expect(routes.map(\.gateway) == [[192, 168, 77, 2], IPAddress("fd00:5::1")?.bytes])

        let output = try OutputPipe()
        try stack.start([
            "sh", "-c",
            """
            exec >\(output.path); hostname; cat /sys/class/net/vd0/mtu; ls /sys/class/net | tr '\\n' ' '; echo
            echo $ETHERLOOM_STACK; id -u; cat /proc/1/comm; grep -v '^#' /etc/resolv.conf
            """,
        ])
        #expect(try waitForEnd(&stack).shellStatus == 0)
        let text = try output.rest()
        #expect(
            text == """
                guest-1
                1400
                lo six vd0 vd1 
                static-\(getpid())
                \(getuid())
                etherloom-init
                search example.org
                nameserver 192.168.77.3

                """
        )
    }

    @Test("default routes of several interfaces stand side by side, the first preferred")
    func keepsDefaultRoutes() throws {
        var stack = try makeStack(["x,ip=10.1.0.1/24,gw=10.1.0.2", "y,ip=10.2.0.1/24,gw=10.2.0.2"])
        try stack.configure()
        let gateways = try stack.netlink!.routes().filter { $0.destination == nil }.map(\.gateway)
        #expect(gateways == [[10, 1, 0, 2], [10, 2, 0, 2]])
    }

    @Test("frames pass through the tap: the stack answers ARP")
    func carriesFrames() throws {
        var stack = try makeStack(["x,ip=192.168.77.100/24,mac=02:00:00:00:00:64"])
        let frames = try TapFrames(&stack, 0)
        let isThereAnother = stack.takeTap(0) != nil
        #expect(!isThereAnother)
        try stack.configure()
        // RFC 826: who has 192.168.77.100, tell 192.168.77.1.
        let header: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06]
        let question: [UInt8] = [
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 168, 77, 1, 0, 0, 0, 0, 0, 0, 192, 168, 77, 100,
        ]
        try frames.send(header + question)
        let answer = try frames.next { $0.count >= 42 && Array($0[12..<14]) == [8, 6] && $0[21] == 2 }
        #expect(Array(answer[22..<28]) == [2, 0, 0, 0, 0, 0x64])
    }

    @Test(
        "the command's end is reported as it was",
        arguments: [("exit 0", 0, nil), ("exit 7", 7, nil), ("kill -9 $$", 137, 9), ("kill -15 $$", 143, 15)]
    )
    func reportsStatus(script: String, shell: Int32, signal: Int32?) throws {
        var stack = try makeStack()
        try stack.start(["sh", "-c", script])
        let status = try waitForEnd(&stack)
        #expect(status.shellStatus == shell)
        #expect(status.signal == signal)
    }

    @Test(
        "a command that cannot be executed is told from one that is not there",
        arguments: [
            ("etherloom-no-such-command", 127), ("/no/such/command", 127), ("/etc/passwd", 126), ("/etc", 126),
            ("/etc/passwd/x", 126),
        ]
    )
    func reportsExecution(command: String, status: Int32) throws {
        var stack = try makeStack()
        do {
            try stack.start([command])
            Issue.record("\(command) was executed")
        } catch {
            #expect(error.exitStatus == status)
            #expect(error.message.hasPrefix("\(command): "))
        }
    }

    @Test("arguments and environment arrive as given, with the stack's name")
    func passesArguments() throws {
        var stack = try makeStack(name: "arguments-\(getpid())")
        let output = try OutputPipe()
        try stack.start(
            [
                "/bin/sh", "-c", "printf '%s|' \"$@\" \"$A\" \"$ETHERLOOM_STACK\" >\(output.path)", "sh", "", "a b",
                "ä*",
            ],
            environment: ["PATH=/bin:/usr/bin", "A=b c", "ETHERLOOM_STACK=other"]
        )
        #expect(try waitForEnd(&stack).shellStatus == 0)
        #expect(try output.rest() == "|a b|ä*|b c|arguments-\(getpid())|")
    }

    @Test("a signal reaches the command, whose handlers run")
    func passesSignals() throws {
        var stack = try makeStack()
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "trap 'exit 42' USR1; echo ready >\(output.path); sleep 1000 & wait"])
        #expect(try output.line() == "ready")
        stack.send(signal: SIGUSR1)
        #expect(try waitForEnd(&stack).shellStatus == 42)
    }

    @Test("the command starts with no signal blocked and SIGPIPE and SIGCHLD as usual")
    func restoresSignals() throws {
        // A supervisor of ours runs with these blocked, and with SIGPIPE ignored.
        signal(SIGPIPE, SIG_IGN)
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        defer { pthread_sigmask(SIG_SETMASK, &mask, nil) }
        let signals: SignalSet = [SIGTERM, SIGHUP, SIGWINCH]
        signals.block()
        var stack = try makeStack()
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status >\(output.path)"])
        #expect(try waitForEnd(&stack).shellStatus == 0)
        let lines = try output.rest().split(separator: "\n").map { $0.split(separator: "\t")[1] }
        try #require(lines.count == 2)
        #expect(UInt64(lines[0], radix: 16) == 0)
        #expect((UInt64(lines[1], radix: 16) ?? .max) & (1 << 12 | 1 << 16) == 0)
    }

    @Test("what the command left running ends with it")
    func leavesNothing() throws {
        let marker = "86400.\(UInt32.random(in: 0 ... .max))"
        var stack = try makeStack()
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "setsid sleep \(marker) & sleep \(marker) & echo started >\(output.path); wait"])
        #expect(try output.line() == "started")
        // Negative control: until then they are found. (A child may not have called execve yet; the shell has.)
        #expect(try !processes(with: marker).isEmpty)
        stack.send(signal: SIGKILL)
        #expect(try waitForEnd(&stack).shellStatus == 137)
        #expect(try processes(with: marker).isEmpty)
    }

    @Test("a stack that is given up before its command leaves nothing")
    func dropsUnused() throws {
        let name = freshName("dropped")
        do {
            var stack = try makeStack(["x,ip=10.0.0.1/24"], name: name)
            try stack.configure()
            #expect(StackRegistry.names().contains(name))
        }
        #expect(!StackRegistry.names().contains(name))
        // The name is free at once.
        _ = try makeStack(name: name)
    }

    @Test("a resolv.conf that is given whole is taken as it is")
    func takesResolverText() throws {
        try Test.requireResolverFile()
        _ = try makeStack()
        let configuration = try NetworkConfiguration(parsing: "x,dns=10.0.0.1")
        var stack = try NetworkStack.create([configuration], name: freshName(), resolverText: "nameserver 10.9.9.9\n")
        try stack.configure()
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "cat /etc/resolv.conf >\(output.path)"])
        #expect(try waitForEnd(&stack).exitCode == 0)
        #expect(try output.rest() == "nameserver 10.9.9.9\n")
    }

    @Test("a stack may have no network at all")
    func hasLoopbackAlone() throws {
        var stack = try makeStack()
        try stack.configure()
        try stack.configureDynamic()
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "ls /sys/class/net >\(output.path); cat /etc/resolv.conf >/dev/null"])
        #expect(try waitForEnd(&stack).exitCode != nil)
        #expect(try output.rest() == "lo\n")
    }

    @Test("a refused configuration says which interface and why")
    func explainsRefusal() throws {
        var stack = try makeStack(["x,ip=10.0.0.1/24,if=web0"])
        // The address of nobody is refused by the kernel, past our own checks.
        do {
            try stack.netlink!.addRoute(via: [10, 9, 9, 9], interface: 2)
            Issue.record("accepted")
        } catch {
            #expect(error.explanation != nil || error.errno.rawValue != 0)
            #expect(error.description.contains("route"))
        }
    }

    @Test("a host name that is none is refused", arguments: ["", "a b", "a\nb", String(repeating: "a", count: 65)])
    func refusesHostname(hostname: String) {
        do {
            _ = try NetworkStack.create([], name: freshName(), hostname: hostname)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .configuration)
        }
    }
}
