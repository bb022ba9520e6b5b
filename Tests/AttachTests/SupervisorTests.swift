// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Attach

/// Whether this host allows stacks to the tests' own user; otherwise the test is cancelled with the reason.
private func requireStacks() throws { _ = try makeStack(["x"]) }

/// The processes below `process`, itself included.
private func descendants(of process: Int32) -> [Int32] {
    let path = "/proc/\(process)/task/\(process)/children"
    let children = (try? FileSystem.contents(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return [process] + children.split(separator: " ").compactMap { Int32($0) }.flatMap(descendants)
}

@Suite("A supervisor and its command")
struct SupervisorTests {
    @Test("a supervisor that is killed leaves no process")
    func killLeavesNothing() async throws {
        try requireStacks()
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            limitThisProcess(seconds: 120)
            // The kernel ties a stack to the thread that made it, which for a program is the main one: here one that
            // waits.
            var stack = try NetworkStack.create(
                [NetworkConfiguration(parsing: "x,ip=10.0.0.1/24")],
                name: freshName("kill")
            )
            try stack.configure()
            let output = try OutputPipe()
            try stack.start(["sh", "-c", "setsid sleep 86400 & sleep 86400 & echo ready >\(output.path); wait"])
            let line = try output.line()
            guard line == "ready" else { exit(1) }
            let path = "/proc/self/task/\(gettid())/children"
            let children = String(decoding: try FileSystem.contents(path), as: UTF8.self).split(separator: " ")
            let all = children.compactMap { Int32($0) }.flatMap(descendants)
            print("FAMILY \(all.map(String.init).joined(separator: " "))")
            fflush(nil)
            try? FileSystem.remove(output.path)
            kill(getpid(), SIGKILL)
        }
        let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("FAMILY ") })
        let family = line.split(separator: " ").compactMap { Int32($0) }
        // Init, shell and two sleeps.
        #expect(family.count == 4)
        for process in family {
            // Gone already, or about to go: its handle becomes readable then.
            guard let handle = try? ProcessHandle(process) else { continue }
            let deadline = MonotonicClock.nanoseconds + 20_000_000_000
            #expect(try Poll.isReadable(handle.rawDescriptor, deadline: deadline), "\(process) runs on")
        }
    }

    @Test("signals sent to the supervisor go to the command, and its end is the supervisor's")
    func forwardsSignals() async throws {
        try requireStacks()
        await #expect(processExitsWith: .exitCode(42)) {
            limitThisProcess(seconds: 120)
            let signals = try SignalForwarding()
            var stack = try NetworkStack.create([], name: freshName("forward"))
            let output = try OutputPipe()
            try stack.start(["sh", "-c", "trap 'exit 42' TERM; echo ready >\(output.path); sleep 1000 & wait"])
            _ = try output.line()
            // To this thread, as the test's other threads have not blocked it.
            pthread_kill(pthread_self(), SIGTERM)
            exit(try stack.supervise(signals).shellStatus)
        }
    }

    @Test("a signal that ends programs ends the wait for an address")
    func interruptsWaiting() async throws {
        try requireStacks()
        await #expect(processExitsWith: .exitCode(130)) {
            limitThisProcess(seconds: 120)
            let signals = try SignalForwarding()
            var stack = try NetworkStack.create([NetworkConfiguration(parsing: "x,dhcp")], name: freshName("interrupt"))
            try stack.configure()
            pthread_kill(pthread_self(), SIGINT)
            do throws(StackError) {
                try stack.configureDynamic(signals)
            } catch {
                exit(error.exitStatus)
            }
        }
    }

    @Test(
        "an ordinary user has stacks too, and the command there makes taps, as itself and with no more than its network"
    )
    func worksWithoutRoot() async throws {
        try requireStacks()
        guard getuid() == 0 else { try Test.cancel("every other test here runs without root already") }
        guard access("/dev/net/tun", R_OK) == 0, (try FileStatus(path: "/dev/net/tun").mode & 0o006) == 0o006 else {
            try Test.cancel("/dev/net/tun is not open to everybody")
        }
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            limitThisProcess(seconds: 120)
            setgroups(0, nil)
            guard setresgid(65534, 65534, 65534) == 0, setresuid(65534, 65534, 65534) == 0 else { exit(1) }
            unsetenv("XDG_RUNTIME_DIR")
            let name = freshName("rootless")
            let signals = try SignalForwarding()
            var stack = try NetworkStack.create(
                [NetworkConfiguration(parsing: "x,ip=192.168.77.100/24,gw=192.168.77.2,dns=192.168.77.3")],
                name: name,
                hostname: "guest"
            )
            try stack.configure()
            let script = """
                echo; id -u; id -g; hostname; grep CapAmb /proc/self/status | tr '\\t' ' '; tail -n 1 /etc/resolv.conf
                ip tuntap add dev vd9 mode tap && ip -o link show vd9 | grep -o vd9; sysctl -n net.ipv4.ip_forward
                mount -t tmpfs none /mnt 2>/dev/null || echo no mount
                """
            try stack.start(["sh", "-c", script], environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            let status = try stack.supervise(signals)
            exit(status.shellStatus)
        }
        let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
        #expect(
            text.contains(
                """

                65534
                65534
                guest
                CapAmb: 0000000000003c00
                nameserver 192.168.77.3
                vd9
                """
            )
        )
        #expect(text.contains("no mount"))
    }
}
