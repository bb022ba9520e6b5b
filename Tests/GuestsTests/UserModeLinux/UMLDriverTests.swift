// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

/// Real kernels; skipped where Scripts/guests has not been called.
@Suite("UML guests", .serialized, .mayRun(seconds: 240), .enabled(if: UMLFixture.kernel != nil))
struct UMLDriverTests {
    @Test func aGuestRunsCommandsAndEndsCleanly() throws {
        let host = try PlainHost()
        try host.start()
        #expect(host.lines == [])
        let run = try host.run(["sh", "-c", "hostname; echo oops >&2; cat; exit 9"], input: "from the host\n")
        #expect(run.output == "alice\nfrom the host\n")
        #expect(run.errors == "oops\n")
        #expect(run.status == 9)
        // Its root is the host's directory, both ways.
        _ = try host.run(["touch", "/root/made-inside"])
        #expect(FileManager.default.fileExists(atPath: host.root + "/root/made-inside"))
        let user = try host.run(["sh", "-c", "id -u; id -G; echo $HOME; tty; stty size"]) {
            $0.user = "u"
            $0.usesTerminal = true
            $0.columns = 100
            $0.rows = 30
        }
        #expect(user.output == "1000\r\n1000 50\r\n/home/u\r\n/dev/pts/0\r\n30 100\r\n")
        #expect(try host.run(["/nothing"]).error == GuestError("/nothing: command not found", status: 127))
        host.driver.stop()
        try host.wait("clean end") { host.status != nil }
        #expect(host.status?.exitCode == 0)
        #expect(host.console.contains("reboot: Power down"))
        #expect(!FileManager.default.fileExists(atPath: host.directory + "/run/alice"))
    }

    @Test func itsRootIsAllThatItSeesOfTheHost() throws {
        let host = try PlainHost()
        try host.start()
        let run = try host.run(["sh", "-c", "mount -t hostfs -o /etc none /root && ls /root; ls /"])
        // `/etc` of a confined kernel is its root's own.
        #expect(run.output.contains("passwd") == true)
        #expect(!run.output.contains("shadow"))
        try host.end()
    }

    @Test func aCommandOfThePlanIsTheGuest() throws {
        let host = try PlainHost {
            $0.command = ["sh", "-c", "echo $COLOUR on console; exit 3"]; $0.environment = ["COLOUR=red"]
        }
        try host.driver.start()
        try host.wait("its end") { host.status != nil }
        #expect(host.status?.exitCode == 3)
        #expect(host.console.contains("red on console"))
    }

    @Test func anInitOfTheRootIsTheFirstProcess() throws {
        let host = try PlainHost()
        let first = host.root + "/sbin/init"
        try FileManager.default.createDirectory(atPath: host.root + "/sbin", withIntermediateDirectories: true)
        let script = """
            #!/bin/sh
            trap 'echo asked; busybox poweroff -f' USR2
            hostname -F /etc/hostname
            echo "$$ is init" >/dev/console
            while :; do sleep 0.02; done
            """
        try script.write(toFile: first, atomically: true, encoding: .utf8)
        chmod(first, 0o755)
        // What it asks to be asked with.
        let asker = host.root + "/sbin/poweroff"
        try "#!/bin/sh\nkill -USR2 1\n".write(toFile: asker, atomically: true, encoding: .utf8)
        chmod(asker, 0o755)
        // A root that is the host's says what that is called, and its init believes it.
        let name = host.root + "/etc/hostname"
        try "the-host\n".write(toFile: name, atomically: true, encoding: .utf8)
        try "127.0.0.1 localhost alice2".write(toFile: host.root + "/etc/hosts", atomically: true, encoding: .utf8)
        try host.start()
        try host.wait("init's word") { host.console.contains("1 is init") }
        #expect(try host.run(["hostname"]).output == "alice\n")
        #expect(try String(contentsOfFile: name, encoding: .utf8) == "the-host\n")
        #expect(try host.run(["cat", "/proc/1/comm"]).output == "init\n")
        // The console is that one's: there is no shell of ours on it.
        let words = try host.run(["sh", "-c", "for file in /proc/[0-9]*/cmdline; do cat $file; echo; done"]).output
        #expect(words.contains("init") && !words.contains("/bin/sh\0-l"))
        // Files that are there are its root's, and not touched.
        #expect(try String(contentsOfFile: host.root + "/etc/hosts", encoding: .utf8) == "127.0.0.1 localhost alice2")
        host.driver.stop()
        try host.wait("its end") { host.status != nil }
        #expect(host.status?.exitCode == 0)
        #expect(host.console.contains("Power down"))
    }

    @Test func anInitThatCannotBeRunLeavesOneAgent() throws {
        let host = try PlainHost()
        try FileManager.default.createDirectory(atPath: host.root + "/sbin", withIntermediateDirectories: true)
        // A program whose interpreter the root has not got.
        try "#!/no/such/shell\n".write(toFile: host.root + "/sbin/init", atomically: true, encoding: .utf8)
        chmod(host.root + "/sbin/init", 0o755)
        try host.start()
        let line = "/sbin/init cannot be run: No such file or directory"
        #expect(host.lines.contains { $0.contains(line) }, "\(host.lines)")
        let names = try host.run(["sh", "-c", "cat /proc/[0-9]*/comm"]).output.split(separator: "\n")
        #expect(names.count { $0 == "init" } == 1, "\(names)")
        host.consoleInput(Array("echo $((40 + 2)) is it\n".utf8))
        try host.wait("the shell in its place") { host.console.contains("42 is it") }
        try host.end()
    }

    @Test func aShellIsOnItsConsole() throws {
        let host = try PlainHost()
        try host.start()
        host.consoleInput(Array("echo $((40 + 2)) is it\n".utf8))
        try host.wait("the shell's answer") { host.console.contains("42 is it") }
        try host.end()
        #expect(host.status?.signal == SIGKILL)
    }

    @Test func addressesAreSetWithoutANetwork() throws {
        let host = try PlainHost()
        try host.start()
        func network(_ text: String) throws -> Result<[String], GuestError>? {
            try host.ask { host.driver.configureNetwork(text.split(separator: " ").map(String.init), then: $0) }
        }
        #expect(try network("addr add 10.9.0.1/24 dev lo") == .success([]))
        #expect(try network("addr add fd00::1/64 dev lo") == .success([]))
        #expect(try network("route add 10.10.0.0/16 via 10.9.0.2") == .success([]))
        let addresses = try network("addr")?.get() ?? []
        #expect(
            addresses.contains("lo inet 10.9.0.1/24 scope global")
                && addresses.contains("lo inet6 fd00::1/64 scope global")
        )
        #expect(try network("route")?.get().contains("10.10.0.0/16 via 10.9.0.2 dev lo") == true)
        #expect(try network("route del 10.10.0.0/16") == .success([]))
        #expect(try network("addr del 10.9.0.1/24 dev lo") == .success([]))
        #expect(try network("addr show dev lo")?.get().contains { $0.contains("10.9.0.1/24") } == false)
        #expect(
            try network("addr add 10.9.0.1/24") == .failure(GuestError("addr add: which interface? add `dev NAME`"))
        )
        try host.end()
    }

    @Test func pausedGuestsDoNothingUntilTheyGoOn() throws {
        let host = try PlainHost()
        try host.start()
        try host.driver.pause()
        // Answered in order: it is paused then.
        _ = try host.ask { host.driver.monitor("version", then: $0) }
        var ended = false
        let running = host.driver.run(
            GuestCommand(["true"]),
            streams: GuestStreams(
                input: try OwnedDescriptor.open("/dev/null", flags: O_RDWR),
                output: try OwnedDescriptor.open("/dev/null", flags: O_RDWR),
                error: try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            )
        ) { _ in ended = true }
        var waited = false
        host.loop.after(milliseconds: 300) {
            waited = true
            host.loop.stop()
        }
        try host.loop.run()
        #expect(waited && !ended)
        try host.driver.resume()
        try host.wait("the command's end") {
            if !ended { host.loop.after(milliseconds: 10) { host.log("tick") } }
            return ended
        }
        _ = running
        host.driver.stop()
        try host.wait("end") { host.status != nil }
        #expect(host.status?.exitCode == 0)
    }

    @Test func mconsoleAnswers() throws {
        let host = try PlainHost()
        try host.start()
        #expect(
            try host.ask { host.driver.monitor("version", then: $0) }?.get().first?.contains("Linux alice 7.") == true
        )
        // In pieces: longer than a datagram.
        let memory = try host.ask { host.driver.monitor("proc meminfo", then: $0) }?.get() ?? []
        #expect(memory.first?.hasPrefix("MemTotal:") == true)
        #expect(memory.joined(separator: "\n").utf8.count > 512)
        #expect(memory.allSatisfy { $0.contains(": ") })
        #expect(try host.ask { host.driver.monitor("nonsense", then: $0) } == .failure(GuestError("Unknown command")))
        try host.end()
    }

    @Test func aResetBeginsAnew() throws {
        let host = try PlainHost()
        try host.start()
        let first = host.processID
        _ = try host.run(["sh", "-c", "echo x >/tmp/gone"])
        try host.driver.reset()
        try host.wait("running again") { host.states == ["started", "started"] || host.status != nil }
        #expect(host.status == nil)
        #expect(host.processID != first)
        #expect(try host.run(["cat", "/tmp/gone"]).status == 1)
        try host.end()
    }

    @Test func panicsAreSaid() throws {
        let host = try PlainHost { $0.arguments = ["panic=1"] }
        try host.start()
        _ = host.driver.run(
            GuestCommand(["sh", "-c", "echo c >/proc/sysrq-trigger"]),
            streams: GuestStreams(
                input: try OwnedDescriptor.open("/dev/null", flags: O_RDWR),
                output: try OwnedDescriptor.open("/dev/null", flags: O_RDWR),
                error: try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            )
        ) { _ in }
        try host.wait("its end") { host.status != nil }
        #expect(
            host.lines.contains { $0.contains("guest alice: its kernel panicked") || $0.contains("kernel panicked: ") }
        )
    }

    @Test func aRootThatIsNotThereIsSaid() throws {
        let host = try PlainHost()
        host.root = host.directory + "/nowhere"
        try host.driver.start()
        try host.wait("its end") { host.status != nil }
        #expect(host.lines.contains { $0.contains("cannot mount the root") })
    }
}

@Suite("What cannot be a UML kernel")
struct UMLKernelTests {
    private func message(_ path: String) -> String {
        do {
            _ = try UMLKernel(inspecting: path)
            return "a kernel"
        } catch {
            return error.message
        }
    }

    @Test func isSaid() throws {
        #expect(message("/no/such").contains("does not exist"))
        #expect(message("/etc").contains("not a file"))
        #expect(message("/etc/passwd").contains("not a program"))
        #expect(message("/bin/true").contains("no User Mode Linux kernel"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: "/bin/true"))
        bytes[18] = 183
        let path = "/tmp/el-elf-\(UUID().uuidString)"
        try bytes.write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        #expect(message(path).hasSuffix("for aarch64, but this host is x86_64"))
    }

    @Test func modulesComeInTheOrderOfTheirNeeds() {
        let text = """
            kernel/net/core/failover.ko:
            kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko
            kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko
            """
        #expect(
            UMLKernel.dependencies(of: "virtio_net", in: text) == [
                "kernel/net/core/failover.ko", "kernel/drivers/net/net_failover.ko.xz",
                "kernel/drivers/net/virtio_net.ko",
            ]
        )
        #expect(UMLKernel.dependencies(of: "nothing", in: text) == [])
    }

    @Test(.enabled(if: UMLFixture.kernel != nil)) func oneIsKnown() throws {
        let kernel = try UMLKernel(inspecting: UMLFixture.kernel ?? "")
        #expect(kernel.release.hasPrefix("7."))
        #expect(kernel.takesSeccomp)
        #expect(!kernel.isTooOldForAMX)
        #expect(
            kernel.networkModules().map { $0.split(separator: "/").last.map(String.init) ?? "" } == [
                "10-failover.ko", "11-net_failover.ko", "12-virtio_net.ko",
            ]
        )
    }

    @Test func aProcessorThatIsTooNewForItIsNamed() throws {
        guard let path = UMLFixture.kernel else { return }
        var kernel = try UMLKernel.at(path)
        kernel.release = "6.1.176"
        let text = Array("[    0.1] Kernel panic - not syncing: no room for registers\r\n".utf8)
        var diagnosis = UMLDiagnosis(kernel: kernel, processorHasAMX: true)
        diagnosis.take(text)
        #expect(diagnosis.reason?.contains("(6.1.176) cannot run on this processor: it has AMX") == true)
        // On another processor, or when it was up already, it is a panic like any other.
        for (hasAMX, isUp) in [(false, false), (true, true)] {
            diagnosis = UMLDiagnosis(kernel: kernel, processorHasAMX: hasAMX)
            diagnosis.isUp = isUp
            diagnosis.take(text)
            #expect(diagnosis.reason == "the guest's kernel panicked: no room for registers")
        }
    }

    @Test func whatTheLoaderSaysIsExplained() throws {
        guard let path = UMLFixture.kernel else { return }
        var diagnosis = UMLDiagnosis(kernel: try UMLKernel.at(path))
        diagnosis.take(Array("linux: /lib/libc.so.6: version `GLIBC_2.38' not found (required by linux)\n".utf8))
        #expect(diagnosis.reason?.contains("needs a newer C library than this host has (GLIBC_2.38)") == true)
    }
}

@Suite("Messages of mconsole")
struct MconsoleMessageTests {
    @Test func requestsAreAsTheKernelReadsThem() throws {
        let bytes = try #require(MconsoleMessage.request("version"))
        #expect(bytes.count == 524)
        #expect(Array(bytes.prefix(20)) == [0xbe, 0xba, 0xfe, 0xca, 2, 0, 0, 0, 7, 0, 0, 0] + Array("version\0".utf8))
        #expect(MconsoleMessage.request(String(repeating: "x", count: 512)) == nil)
    }

    @Test func answersAndNoticesAreRead() {
        let answer: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0] + Array("no..".utf8)
        #expect(
            MconsoleMessage.parse(answer) == .answer(MconsoleMessage.Answer(isError: true, hasMore: false, text: "no"))
        )
        let notice: [UInt8] = [0xbe, 0xba, 0xfe, 0xca, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0] + Array("oops".utf8)
        #expect(MconsoleMessage.parse(notice) == .notice(.panic("oops")))
        for count in 0..<12 { #expect(MconsoleMessage.parse(Array(answer.prefix(count))) == nil) }
        #expect(MconsoleMessage.parse(Array(notice.prefix(15))) == nil)
        // A length beyond the data is cut.
        #expect(
            MconsoleMessage.parse([0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 0x61])
                == .answer(MconsoleMessage.Answer(isError: false, hasMore: true, text: "a"))
        )
    }
}
