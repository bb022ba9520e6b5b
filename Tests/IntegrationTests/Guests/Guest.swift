// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A virtual machine with a shell on its console, whatever runs it. `Scripts/guests` fetches what is needed.
final class Guest {
    private let program: Program
    private var commandCount = 0

    /// Where `Scripts/guests` has put everything.
    static let files = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/guests").path

    /// Skips the test where there are no guests.
    static func require() throws {
        if !FileManager.default.fileExists(atPath: files + "/complete") { try skip("no guests: call Scripts/guests") }
    }

    init(_ program: Program) throws {
        self.program = program
        try program.wait(forOutput: "guest is up", seconds: 90)
    }

    /// User Mode Linux of Debian's unstable release; its root is this machine's, read-only.
    ///
    /// - Parameter devices: of the kernel's command line.
    static func startUML(_ host: HostNamespace, _ name: String, _ devices: [String]) throws -> Guest {
        try require()
        let work = host.data(name)
        guard mkdir(work, 0o755) == 0 else {
            throw IntegrationFailure("mkdir \(work): \(String(cString: strerror(errno)))")
        }
        let program = try host.start(
            [
                files + "/uml/linux", "root=/dev/root", "rootfstype=hostfs", "ro", "mem=128M", "con=null",
                "con0=fd:0,fd:1", "umid=\(name)", "uml_dir=\(work)", "init=\(files)/uml/init",
            ] + devices,
            input: .pipe
        )
        return try Guest(program)
    }

    /// QEMU without virtualisation by the processor, with Debian's kernel for clouds.
    ///
    /// - Parameter launcher: the words before its own.
    static func startQEMU(
        _ host: HostNamespace,
        _ name: String,
        _ devices: [String],
        by launcher: [String] = []
    ) throws -> Guest {
        try require()
        try IntegrationTests.require("qemu-system-x86_64")
        let program = try host.start(
            launcher + [
                "qemu-system-x86_64", "-accel", "tcg", "-m", "192", "-nodefaults", "-no-user-config", "-display",
                "none",
                "-serial", "stdio", "-no-reboot", "-name", name, "-kernel", files + "/cloud/vmlinuz", "-initrd",
                files + "/cloud/initrd", "-append", "console=ttyS0 quiet panic=-1 no_timer_check",
            ] + devices,
            input: .pipe
        )
        return try Guest(program)
    }

    /// QEMU's options for a network device by vhost-user that connects to `path`, and again when that goes.
    ///
    /// Without message-signalled interrupts: QEMU 7.2 dereferences a null pointer when it has neither KVM nor a mask of the
    /// device's for them.
    static func vhostOptions(_ path: String, address: String) -> [String] {
        [
            "-object", "memory-backend-memfd,id=memory,size=192M,share=on", "-machine", "q35,memory-backend=memory",
            "-chardev", "socket,id=c0,path=\(path),reconnect=1", "-netdev", "vhost-user,id=n0,chardev=c0", "-device",
            "virtio-net-pci,vectors=0,netdev=n0,mac=\(address)",
        ]
    }

    /// Runs a command line in the guest's shell: what it prints. Throws when it fails.
    @discardableResult
    func run(_ command: String, seconds: Double = 60) throws -> String {
        commandCount += 1
        let mark = "end-\(commandCount)-"
        let start = program.output.utf8.count
        // The mark is put together by the shell, so that the console's echo is none.
        try program.write("{ \(command)\n} 2>&1; echo \"end\"\"-\(commandCount)-$?.\"\n")
        var text = ""
        try wait(for: "\(command): \(program.transcript)", seconds: seconds) {
            text = String(decoding: program.output.utf8.dropFirst(start), as: UTF8.self)
            guard let found = text.range(of: mark) else { return false }
            return text[found.upperBound...].contains(".")
        }
        guard let found = text.range(of: mark) else { return text }
        let status = text[found.upperBound...].prefix { $0 != "." }
        let output = text[..<found.lowerBound].replacingOccurrences(of: "\r", with: "")
        if status != "0" { throw IntegrationFailure("\(command): status \(status): \(output)") }
        return output
    }

    /// Takes the machine away, without asking it.
    func kill() throws {
        // User Mode Linux traces each of its programs, as processes of the host in its group.
        killpg(program.processID, SIGKILL)
        try program.waitForEnd()
    }

    /// Waits until the guest sees the carrier so.
    func waitForCarrier(_ isOn: Bool, _ interface: String = "eth0") throws {
        let wanted = isOn ? "1" : "0"
        try run(
            """
            n=0; while [ "$(cat /sys/class/net/\(interface)/carrier)" != \(wanted) ]; do \
            n=$((n+1)); [ $n -lt 200 ] || break; sleep 0.1; done; [ $n -lt 200 ]
            """
        )
    }
}
