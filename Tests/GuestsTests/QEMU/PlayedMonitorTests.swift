// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import TestTraits
import Testing
import Wire

@testable import Guests

/// A machine whose monitor the test plays: slow, or with a mind of its own.
private final class PlayedMonitor {
    let host: PlayedHost
    let driver: QEMUGuest
    private let end: OwnedDescriptor
    private var token: ControlLoop.Token?
    private var input: [UInt8] = []
    /// Names of commands, in their order, with the identifier they are about.
    private(set) var commands: [String] = []
    /// Objects that the machine has.
    private(set) var channels: Set<String> = ["vhost0"]
    /// Milliseconds until the answer.
    var delay: (String) -> UInt64 = { _ in 1 }
    /// Commands that are answered with this error.
    var refusals: [String: String] = [:]
    /// Milliseconds until the guest lets go of a device.
    var removal: UInt64 = 1
    var jobs = "[]"

    init() throws {
        var plan = GuestPlan(name: "dave", runDirectory: "/tmp")
        plan.kind = .qemu
        plan.interfaces = [InterfacePlan(name: "eth0", hardwareAddress: MACAddress("52:54:00:00:00:01")!)]
        host = try PlayedHost(plan)
        driver = QEMUGuest(host: host)
        let pair = try UnixSocket.pair(.stream)
        end = try pair.second.duplicate()
        let client = try QMPClient(pair.takeFirst(), loop: host.loop)
        client.event = { [weak driver] in driver?.take(event: $0, $1) }
        driver.monitor = client
        driver.diskPath = "/disk"
        driver.places = ["eth0": 0]
        driver.attachments = ["eth0": .vhost(path: "/socket")]
        driver.plugged = ["eth0"]
        token = try host.loop.watch(end.rawValue) { [weak self] _ in self?.read() }
        say(#"{"QMP": {}}"#)
    }

    deinit {
        driver.monitor?.close()
        if let token { host.loop.cancel(token) }
    }

    private func say(_ line: String) { try? end.writeAll(Array((line + "\n").utf8)) }

    private func read() {
        input += (try? end.read(atMost: 65536)) ?? []
        while let place = input.firstIndex(of: 0x0a) {
            let line = Array(input[..<place])
            input.removeFirst(place + 1)
            if let command = try? JSONValue(parsing: line) { take(command) }
        }
    }

    private func take(_ command: JSONValue) {
        let name = command["execute"]?.string ?? ""
        let about = command["arguments"]?["id"]?.string ?? ""
        let number = command["id"]?.integer ?? 0
        if name != "qmp_capabilities" && name != "set_link" {
            commands.append(about.isEmpty ? name : "\(name) \(about)")
        }
        var error = refusals[name]
        if name == "chardev-add", !channels.insert(about).inserted {
            error = "Chardev with id '\(about)' already exists"
        }
        if name == "chardev-remove", error == nil, channels.remove(about) == nil {
            error = "Chardev '\(about)' not found"
        }
        if name == "device_del", error == nil {
            host.loop.after(milliseconds: removal) { [weak self] in
                self?.say(#"{"event": "DEVICE_DELETED", "data": {"device": "\#(about)"}}"#)
            }
        }
        let returned = name == "query-jobs" ? jobs : "{}"
        let answer = error.map { #""error": {"class": "GenericError", "desc": "\#($0)"}"# } ?? "\"return\": \(returned)"
        host.loop.after(milliseconds: delay(name)) { [weak self] in self?.say("{\"id\": \(number), \(answer)}") }
        if name == "snapshot-save", error == nil, let job = command["arguments"]?["job-id"]?.string {
            jobs = jobs.replacing("JOB", with: job)
            host.loop.after(milliseconds: 20) { [weak self] in
                self?.say(#"{"event": "JOB_STATUS_CHANGE", "data": {"status": "concluded", "id": "\#(job)"}}"#)
            }
        }
    }

    func wait(_ what: String, until isSo: () -> Bool) throws {
        let deadline = MonotonicClock.nanoseconds + 10_000_000_000
        while !isSo() {
            host.loop.after(milliseconds: 5) { [loop = host.loop] in loop.stop() }
            try host.loop.run()
            try #require(MonotonicClock.nanoseconds < deadline, "\(what): \(commands) \(host.lines)")
        }
    }
}

@Suite("Machines whose monitor takes its time", .mayRun(seconds: 60))
struct PlayedMonitorTests {
    @Test("whoever wants an interface that is just being put in waits for it, and nothing is made twice")
    func once() throws {
        let machine = try PlayedMonitor()
        machine.jobs = #"[{"id": "JOB"}]"#
        var ends: [String] = []
        machine.driver.saveMemory("one") { ends.append($0?.message ?? "one") }
        // The interface is on its way back when the next one asks.
        machine.delay = { $0 == "netdev_add" ? 300 : 1 }
        try machine.wait("the interface's return") { machine.commands.contains("netdev_add net0") }
        machine.jobs = #"[{"id": "JOB"}]"#
        machine.driver.saveMemory("two") { ends.append($0?.message ?? "two") }
        try machine.wait("both snapshots") { ends.count == 2 }
        #expect(ends == ["one", "two"])
        let about = machine.commands.filter { $0.hasPrefix("chardev-") || $0.hasPrefix("snapshot") }
        #expect(
            about == [
                "chardev-remove vhost0", "snapshot-save", "chardev-add vhost0", "chardev-remove vhost0",
                "snapshot-save", "chardev-add vhost0",
            ]
        )
        #expect(machine.driver.plugged == ["eth0"])
        #expect(machine.host.lines == [])
    }

    @Test("a device that a guest lets go of too late is put in again")
    func late() throws {
        let machine = try PlayedMonitor()
        machine.driver.removalLimit = 50
        machine.removal = 400
        var error: GuestError?
        machine.driver.saveMemory("one") { error = $0 }
        try machine.wait("the error") { error != nil }
        #expect(error?.message == "eth0: the guest does not let go of it; is its kernel up?")
        #expect(error?.status == 3)
        try machine.wait("its return") {
            machine.commands.last == "device_add nic0" && machine.driver.plugged == ["eth0"]
        }
        let commands = [
            "device_del nic0", "netdev_del net0", "chardev-remove vhost0", "chardev-add vhost0", "netdev_add net0",
            "device_add nic0",
        ]
        #expect(machine.commands == commands)
        #expect(machine.channels == ["vhost0"])
    }

    @Test("what could not be taken away is taken away before it is made anew")
    func leftovers() throws {
        let machine = try PlayedMonitor()
        machine.refusals["chardev-remove"] = "Chardev 'vhost0' is busy"
        var error: GuestError?
        machine.driver.saveMemory("one") { error = $0 }
        try machine.wait("the error") { error != nil }
        #expect(error?.message == "eth0: chardev-remove: Chardev 'vhost0' is busy")
        #expect(machine.driver.plugged.isEmpty)
        // Later it can be.
        machine.refusals = [:]
        var isIn = false
        machine.driver.plugInAll { isIn = true }
        try machine.wait("its return") { isIn }
        #expect(machine.driver.plugged == ["eth0"])
        #expect(!machine.host.lines.contains { $0.contains("already exists") }, "\(machine.host.lines)")
    }

    @Test("a snapshot whose end nothing is known of has not been saved; one that failed says why")
    func unknownEnd() throws {
        for (jobs, message) in [
            ("[]", "how it ended is not known"), (#"[{"id": "JOB", "error": "no space"}]"#, "no space"),
        ] {
            let machine = try PlayedMonitor()
            machine.jobs = jobs
            var error: GuestError?
            var isOver = false
            machine.driver.saveMemory("one") {
                error = $0
                isOver = true
            }
            try machine.wait("its end") { isOver }
            #expect(error?.message == message)
            // The guest has its interface all the same.
            #expect(machine.driver.plugged == ["eth0"])
        }
    }

    @Test("a reset that the monitor refuses is said")
    func reset() throws {
        let machine = try PlayedMonitor()
        machine.refusals["system_reset"] = "no"
        try machine.driver.reset()
        try machine.wait("the refusal") { machine.host.lines == ["system_reset: no"] }
    }
}
