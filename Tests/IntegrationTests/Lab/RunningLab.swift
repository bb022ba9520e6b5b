// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

/// A lab of a test's host, by the command line as its users have it.
struct RunningLab {
    let host: HostNamespace
    let user: HostNamespace.User
    let directory: String

    /// Two guests of namespaces on a segment, and another segment.
    static let two = """
        guests:
          alice:
            interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
          bob:
            interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
        segments: {lan: {}, wan: {}}
        """

    init(_ host: HostNamespace, as user: HostNamespace.User, _ file: String, name: String = "mesh") throws {
        self.host = host
        self.user = user
        directory = host.data(name)
        try host.check(["mkdir", directory], as: user)
        try write(file)
    }

    /// A lab that is there already.
    init(_ host: HostNamespace, as user: HostNamespace.User, at directory: String) {
        self.host = host
        self.user = user
        self.directory = directory
    }

    /// A lab in a directory of its own, on a host of its own, which is ended after the test and leaves nothing.
    ///
    /// - Parameters:
    ///   - tools: programs without which the test is skipped.
    ///   - master: it has a master of a few programs, and not the host's root; `kernel`: and one for User Mode Linux.
    ///   - seconds: how long the host lives, if longer than usual.
    static func withLab(
        _ file: String = two,
        as user: HostNamespace.User = .ordinary,
        needs tools: [String] = [],
        master: Bool = false,
        kernel: Bool = false,
        seconds: Int? = nil,
        _ body: (RunningLab) throws -> Void
    ) throws {
        try require()
        for tool in tools { try require(tool) }
        var options = HostNamespace.Options()
        if let seconds { options.lifetimeSeconds = seconds }
        try withHost(options) { host in
            let lab = try RunningLab(host, as: user, file)
            if master { try lab.makeMaster(kernel: kernel) }
            try body(lab)
            try lab.end()
            try host.expectNothingLeft()
        }
    }

    /// A kernel that Scripts/guests has fetched.
    static let kernel = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/guests/uml/linux").path
    static var hasKernel: Bool { FileManager.default.isReadableFile(atPath: kernel) }

    /// A master of a few programs, with two files of its own: /etc/issue and /srv/old.
    func makeMaster(kernel: Bool = false) throws {
        try host.check([host.etherloom, "master", "create", "--busybox", directory + "/master"], as: user)
        try shell(
            "mkdir -p \(directory)/master/srv; cd \(directory)/master; echo old >srv/old; echo etherloom >etc/issue"
        )
        if kernel { try shell("ln -s \(Self.kernel) \(directory)/linux") }
    }

    /// A line of the host's shell, by the user.
    @discardableResult
    func shell(_ line: String) throws -> String { try host.check(["sh", "-ec", line], as: user) }

    func write(_ file: String) throws {
        let path = try host.write(file, data: "file")
        try host.check(["cp", path, directory + "/lab.yaml"], as: user)
    }

    /// Runs a verb in the lab's directory.
    ///
    /// - Parameter environment: variables beyond the user's own, `NAME=VALUE`; a daemon that it starts has them too.
    func run(_ words: [String], environment: [String] = [], seconds: Double = 60) throws -> Program {
        let program = try start(words, environment: environment)
        try program.waitForEnd(seconds: seconds)
        return program
    }

    /// Starts a verb.
    ///
    /// - Parameter prefix: a command that runs another one.
    func start(_ words: [String], environment: [String] = [], prefix: [String] = []) throws -> Program {
        let takesDirectory = !["doctor", "daemon"].contains(words.first)
        // Verbs with parts take it behind those.
        let parts = ["guest", "segment", "link", "interface", "forward", "policy", "overlay", "template", "snapshot"]
        let count = parts.contains(words.first ?? "") ? 2 : 1
        let option = takesDirectory ? ["-C", directory] : []
        return try host.start(
            prefix + ["env"] + environment + [host.etherloom] + words.prefix(count) + option + words.dropFirst(count),
            as: user
        )
    }

    /// A verb that must succeed; its output.
    @discardableResult
    func check(_ words: String...) throws -> String {
        let program = try run(words)
        guard program.end == .exited(0) else { throw IntegrationFailure("\(words): \(program.transcript)") }
        return program.output
    }

    func json(_ words: String...) throws -> JSON {
        let program = try run(words)
        guard program.end == .exited(0) else { throw IntegrationFailure("\(words): \(program.transcript)") }
        return try JSON(parsing: program.output)
    }

    func ping(_ guest: String, _ address: String) throws {
        try check("exec", guest, "ping", "-c", "1", "-W", "2", address)
    }

    /// Of the user's daemon.
    var runtime: String { host.path("xdg-\(user)") + "/etherloom" }

    func endDaemon(_ signal: Int32 = SIGTERM) throws {
        guard FileManager.default.fileExists(atPath: runtime + "/daemon.pid") else { return }
        try host.stopDaemon(pidFile: runtime + "/daemon.pid", signal)
    }

    /// Ends the lab and the daemon: nothing may be left then.
    func end() throws {
        try check("down", "--grace", "3")
        try endDaemon()
    }
}

/// A command that ends with a status and one line that says all of this.
func expectError(_ program: Program, _ status: Int32, _ mentions: String...) {
    #expect(program.end == .exited(status), "\(program.transcript)")
    #expect(program.errorLines.count == 1, "\(program.transcript)")
    for text in mentions {
        #expect(program.errorOutput.contains(text), "\"\(text)\" is missing: \(program.transcript)")
    }
}
