// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Guests that end, and the order in which they begin.
    @Suite("Supervised guests")
    struct Supervision {
        private func withLab(_ file: String, _ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(file, needs: ["ping", "busybox"], master: true, body)
        }

        private func process(_ lab: RunningLab, _ guest: String) throws -> pid_t {
            let number = try lab.json("inspect", guest)["pid"]?.integer ?? 0
            guard number > 0 else { throw IntegrationFailure("\(guest) does not run") }
            return pid_t(number)
        }

        @Test("a guest that is killed is seen at once, and treated by its policy", arguments: LabRoots.kinds)
        func killed(kind: String) throws {
            if kind == "uml", !RunningLab.hasKernel { try skip("no UML kernel: Scripts/guests fetches one") }
            let file = """
                defaults: {kind: \(kind)}
                guests:
                  never: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  failure: {restart: on-failure, interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}
                  always: {restart: always, interfaces: {eth0: {segment: lan, address: 10.1.0.3/24}}}
                segments: {lan: {}}
                """
            try withLab(file) { lab in
                if kind == "uml" { try lab.shell("ln -s \(RunningLab.kernel) \(lab.directory)/linux") }
                try lab.check("up")
                let events = try lab.start(["events"])
                try events.wait(forOutput: "snapshot")
                for (guest, isBack) in [("never", false), ("failure", true), ("always", true)] {
                    try lab.check("exec", guest, "--", "sh", "-c", "echo \(guest) >/srv/kept")
                    let before = try process(lab, guest)
                    let start = Date()
                    kill(before, SIGKILL)
                    try events.wait(forOutput: #""guest":"\#(guest)","state":"stopped""#)
                    #expect(Date().timeIntervalSince(start) < 2, "\(guest): seen late")
                    guard isBack else {
                        let report = try lab.json("inspect", guest)
                        #expect(report["state"]?.text == "stopped")
                        #expect(report["error"]?.text?.contains("signal 9") == true, "\(report)")
                        continue
                    }
                    // Until its time has come again it is stopped.
                    try wait(for: "\(guest) to run again", seconds: 30) {
                        let report = try lab.json("inspect", guest)
                        return report["ready"]?.flag == true && report["pid"]?.integer != Int(before)
                    }
                    #expect(try lab.check("exec", guest, "cat", "/srv/kept") == "\(guest)\n")
                    #expect(try lab.json("inspect", guest)["restarts"]?.integer == 1)
                }
                try wait(for: "the way from one to the other") {
                    try lab.run(["exec", "always", "ping", "-c", "1", "-W", "1", "10.1.0.2"]).end == .exited(0)
                }
                // Who was stopped stays so, whatever his policy.
                try lab.check("guest", "stop", "always")
                #expect(try lab.json("inspect", "always")["state"]?.text == "stopped")
                // What ended is started by the next up.
                try lab.check("up")
                #expect(try lab.check("exec", "never", "cat", "/srv/kept") == "never\n")
                try events.stop()
            }
        }

        @Test("a daemon that starts again treats who has ended meanwhile by his policy")
        func endedUnseen() throws {
            try withLab("guests: {never: {}, always: {restart: always}}") { lab in
                try lab.check("up")
                let (never, always) = (try process(lab, "never"), try process(lab, "always"))
                try lab.endDaemon(SIGKILL)
                for process in [never, always] { kill(process, SIGKILL) }
                try wait(for: "their end") { [never, always].allSatisfy { kill($0, 0) != 0 } }
                try lab.check("ps")
                try lab.check("guest", "wait", "always", "--state", "running", "--timeout", "10")
                #expect(try process(lab, "always") != always)
                #expect(try lab.json("inspect", "never")["state"]?.text == "stopped")
            }
        }

        @Test("guests begin when those before them are ready, by each sort of check")
        func order() throws {
            let file = """
                guests:
                  third:
                    after: second
                    command: "cat /proc/uptime >/srv/time; sleep 1000"
                    ready: {port: 7000, interval: 50ms}
                  second:
                    after: first
                    command: "cat /proc/uptime >/srv/time; sleep 0.5; cat /proc/uptime >/srv/ready; echo I am up; sleep 1000"
                    ready: {console: "I am up", interval: 50ms}
                  first:
                    command: "sleep 0.5; cat /proc/uptime >/srv/ready; touch /srv/up; sleep 1000"
                    ready: {command: "test -e /srv/up", interval: 50ms}
                  late:
                    after: first
                    ready: {command: "test -e /srv/never", interval: 50ms, timeout: 1s}
                  last: {after: late}
                """
            try withLab(file) { lab in
                let up = try lab.start(["up"])
                try wait(for: "third to run") {
                    let guests = try? lab.json("ps", "--format", "json").list
                    return guests?.contains { $0["name"]?.text == "third" && $0["state"]?.text == "running" } == true
                }
                #expect(up.poll() == nil)
                let third = try lab.json("inspect", "third")
                #expect(third["ready"]?.flag == false)
                func time(_ guest: String, _ file: String) throws -> Double {
                    let text = try lab.check("exec", guest, "cat", "/srv/\(file)")
                    return Double(text.split(separator: " ").first ?? "") ?? -1
                }
                try wait(for: "third's file") {
                    try lab.run(["exec", "third", "test", "-s", "/srv/time"]).end == .exited(0)
                }
                #expect(try time("first", "ready") <= time("second", "time"))
                #expect(try time("second", "ready") <= time("third", "time"))
                // One that never gets ready is said so; who waits for it is not started.
                try up.waitForEnd()
                #expect(up.end == .exited(1), "\(up.transcript)")
                let errors = up.errorLines.filter { $0.hasPrefix("etherloom: ") }
                #expect(errors.count == 1 && errors[0].contains("\"late\" is not ready after 1s"), "\(errors)")
                #expect(try lab.json("inspect", "last")["state"]?.text == "stopped")
                // A port is open when somebody listens.
                let listener = try lab.start(["exec", "third", "nc", "-l", "-p", "7000"])
                try wait(for: "third to be ready") { try lab.json("inspect", "third")["ready"]?.flag == true }
                try lab.check("guest", "kill", "third")
                try listener.waitForEnd()
            }
        }
    }
}
