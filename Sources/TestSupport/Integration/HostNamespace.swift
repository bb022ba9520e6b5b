// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// Theory of Operation
//
// A test's host is a network namespace and a mount namespace that belong to the test alone, held by a shell that waits for
// the end of its standard input. All programs of the test are started in there: switches, gateways, servers, clients. So
// no port of the real host is taken, no packet leaves, and /etc/resolv.conf or /dev/net/tun may be other ones.
//
// Every program carries a mark in its environment, which its children inherit, daemons included. By it `end()` finds what
// a program has left behind, and the shell kills whatever is there when its input ends, which is also when the tests are
// killed, or after `lifetimeSeconds`: nothing survives a run of the tests.
//
// Root gets plain namespaces; anybody else gets them in a user namespace where he is root.

/// A host of a test's own.
public final class HostNamespace {
    /// What the host shall look like.
    public struct Options: Sendable {
        /// Addresses on its loopback interface beside 127.0.0.1, with prefix length.
        public var addresses = ["192.168.0.100/24"]
        /// Contents of its /etc/resolv.conf.
        public var resolverFile = "nameserver 127.0.0.1\n"
        public var hasTunDevice = true
        /// The whole test must be over by then.
        public var lifetimeSeconds = 240

        public init() {}
    }

    /// Who runs a program.
    public enum User: Sendable {
        /// Who runs the tests; if that is not root, root of the host's user namespace.
        case runner
        /// Somebody without privilege.
        case ordinary
    }

    /// Number and name of the ordinary user. He exists in the host's /etc/passwd only.
    public static let ordinaryUserID = 54_321
    static let ordinaryUserName = "weaver"

    let identifier: String
    /// Everything of the test is below it; its path is short, for the sake of sockets.
    let directory: String
    private let holder: Program
    private let holderInput: Int32
    public let isRoot = geteuid() == 0
    var programs: [Program] = []
    /// Programs started so far: each has log files of its own, also when those before it are forgotten.
    var startedCount = 0
    private var initialLinks: [String] = []

    public init(_ options: Options = Options()) throws {
        var template = Array("/tmp/el-XXXXXX\0".utf8CString)
        guard mkdtemp(&template) != nil else { throw IntegrationFailure.system("mkdtemp") }
        directory = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        identifier = String(directory.dropFirst("/tmp/el-".count)) + "-\(getpid())"
        try Self.fill(directory, options)

        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw IntegrationFailure.system("pipe2") }
        let binary = EtherloomBinary.path
        let script = Self.script(
            directory: directory,
            identifier: identifier,
            binary: binary,
            options: options,
            isRoot: isRoot
        )
        let command = ["unshare", "--net", "--mount"] + (isRoot ? [] : ["--user", "--map-root-user"])
        let output = "\(directory)/logs/host.out"
        let process = try Spawn.start(
            command + ["sh", "-euc", script],
            environment: ["PATH=\(Self.searchPath)"],
            sources: [
                0: .descriptor(ends[0]),
                1: .path(output, flags: O_WRONLY | O_CREAT | O_APPEND),
                2: .path("\(directory)/logs/host.err", flags: O_WRONLY | O_CREAT | O_APPEND),
            ]
        )
        close(ends[0])
        holderInput = ends[1]
        holder = Program(
            ["host"],
            processID: process,
            outputPath: output,
            errorPath: "\(directory)/logs/host.err"
        )
        do {
            try holder.wait(forOutput: "ready")
        } catch {
            destroy()
            throw error
        }
        initialLinks = try links()
    }

    public static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private static func fill(_ directory: String, _ options: Options) throws {
        // What the programs under test make is in `run`, and must be gone at the end; what the test makes is in `data`.
        for (name, mode) in [("run", 0o1777), ("data", 0o1777), ("logs", 0o755), ("bin", 0o755), ("compat", 0o755)] {
            try FileSystem.makeDirectory("\(directory)/\(name)", mode: 0o755)
            try FileSystem.setMode("\(directory)/\(name)", UInt32(mode))
        }
        try FileSystem.setMode(directory, 0o755)
        for user in [User.runner, .ordinary] {
            try FileSystem.makeDirectory(runtimeDirectory(directory, user), mode: 0o700)
        }
        if geteuid() == 0 {
            let number = UInt32(ordinaryUserID)
            try FileSystem.setOwner(runtimeDirectory(directory, .ordinary), user: number, group: number)
        }
        try write(options.resolverFile, to: "\(directory)/data/resolv.conf")
        let users = String(decoding: try FileSystem.contents("/etc/passwd"), as: UTF8.self)
        let number = ordinaryUserID
        // The first line of a number has its name.
        try write(
            "\(ordinaryUserName):x:\(number):\(number)::\(directory)/data:/bin/sh\n" + users,
            to: "\(directory)/data/passwd"
        )
        for name in ["etherloom", "etherloom-lab", "etherloom-agent"] { try write("", to: "\(directory)/bin/\(name)") }
        let names = [
            "vde_switch", "slirpvde", "unixterm", "vdeterm", "unixcmd", "vdecmd", "vde_plug", "vde_plug2tap", "dpipe",
            "vdens", "uml_switch", "uml_switch2", "umls3", "wirefilter",
        ]
        for name in names {
            guard symlink("../bin/etherloom", "\(directory)/compat/\(name)") == 0 else {
                throw IntegrationFailure.system("symlink")
            }
        }
    }

    /// Where stacks have their sockets; it may be there at the end, but nothing in it.
    private static func runtimeDirectory(_ directory: String, _ user: User) -> String {
        "\(directory)/run/xdg-\(user)"
    }

    static func write(_ text: String, to path: String) throws {
        let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try file.writeAll(Array(text.utf8))
    }

    private static func script(
        directory: String,
        identifier: String,
        binary: String,
        options: Options,
        isRoot: Bool
    ) -> String {
        """
        mount --make-rprivate /
        mount --bind '\(binary)' \(directory)/bin/etherloom
        ! [ -e '\(binary)-agent' ] || mount --bind '\(binary)-agent' \(directory)/bin/etherloom-agent
        ! [ -e '\(binary)-lab' ] || mount --bind '\(binary)-lab' \(directory)/bin/etherloom-lab
        mount --bind \(directory)/data/resolv.conf /etc/resolv.conf
        mount --bind \(directory)/data/passwd /etc/passwd
        \(options.hasTunDevice ? "" : "mount -t tmpfs none /dev/net")
        ip link set lo up
        \(options.addresses.map { "ip address add \($0) dev lo" }.joined(separator: "\n"))
        echo ready
        timeout \(options.lifetimeSeconds) cat || true
        marked() { grep -lsxzF '\(ProcessTable.mark(identifier))' /proc/[0-9]*/environ | cut -d/ -f3; }
        for round in 1 2 3; do for process in $(marked); do kill -9 $process || true; done; done
        """
    }

    // MARK: Places

    /// A path for something that a program under test makes, and removes.
    public func path(_ name: String) -> String { "\(directory)/run/\(name)" }
    /// A path for something that the test makes.
    public func data(_ name: String) -> String { "\(directory)/data/\(name)" }

    @discardableResult
    public func write(_ text: String, data name: String) throws -> String {
        try Self.write(text, to: data(name))
        return data(name)
    }

    /// Our program, by its own name.
    public var etherloom: String { "\(directory)/bin/etherloom" }
    /// Our program by the name of one that it succeeds.
    public func compatible(_ name: String) -> String { "\(directory)/compat/\(name)" }

    public func userName(_ user: User) -> String {
        user == .ordinary ? Self.ordinaryUserName : "root"
    }

    // MARK: Programs

    /// The words that enter the host, and leave privileges behind.
    func entry(_ user: User) -> [String] {
        let namespaces = "/proc/\(holder.processID)/ns"
        var words = ["nsenter"]
        if !isRoot { words += ["--user=\(namespaces)/user", "--preserve-credentials"] }
        words += ["--net=\(namespaces)/net", "--mount=\(namespaces)/mnt", "--wdns=\(directory)/data", "--"]
        guard user == .ordinary else { return words }
        return words
            + (isRoot
                ? [
                    "setpriv", "--reuid=\(Self.ordinaryUserID)", "--regid=\(Self.ordinaryUserID)", "--clear-groups",
                    "--inh-caps=-all",
                ]
                : [
                    "unshare", "--user", "--map-user=\(Self.ordinaryUserID)", "--map-group=\(Self.ordinaryUserID)",
                    "--",
                ])
    }

    func environment(_ user: User) -> [String] {
        [
            "PATH=\(Self.searchPath)", "HOME=\(directory)/data", "LC_ALL=C.UTF-8", "TERM=dumb", "SHELL=/bin/sh",
            "USER=\(userName(user))", "LOGNAME=\(userName(user))",
            "XDG_RUNTIME_DIR=\(Self.runtimeDirectory(directory, user))",
            ProcessTable.mark(identifier),
        ]
    }

    // MARK: End

    /// The interfaces of the host.
    public func links() throws -> [String] {
        let program = try run(["ip", "-o", "link", "show"])
        programs.removeAll { $0 === program }
        return program.output.split(separator: "\n").map { line in
            String(line.split(separator: " ", maxSplits: 2)[1].prefix { $0 != ":" && $0 != "@" })
        }
    }

    /// Stops what still runs, youngest first, and throws if anything of it remains. To be followed by `destroy()`.
    public func end() throws {
        for program in programs.reversed() where program.poll() == nil {
            program.closeInput()
            do {
                try program.stop()
            } catch {
                throw IntegrationFailure("\(program.name) did not end on SIGTERM: \(program.transcript)")
            }
        }
        try expectNothingLeft()
    }

    /// Throws unless everything that programs have made in this host is gone.
    public func expectNothingLeft() throws {
        var left = ""
        try wait(for: "the end of what was left behind: \(left)", seconds: 15) {
            let processes = ProcessTable.marked(identifier).filter { process in
                !programs.contains { $0.processID == process && $0.end == nil }
            }
            let files = Self.remains(path(""))
            let links = try self.links().filter { !initialLinks.contains($0) }
            left =
                processes.map { "process \($0) \(ProcessTable.commandLine($0))\n" }.joined()
                + files.map { "file \($0)\n" }.joined() + links.map { "interface \($0)\n" }.joined()
            return left.isEmpty
        }
    }

    /// What lies in a directory; the directories in which stacks have their sockets may stay.
    private static func remains(_ path: String) -> [String] {
        ((try? FileSystem.names(in: path)) ?? []).flatMap { name -> [String] in
            let inner = path + name
            let isDirectory = (try? FileStatus(path: inner, followLinks: false))?.isDirectory ?? false
            let isRegistry = ["etherloom", "stacks", "xdg-runner", "xdg-ordinary"].contains(name)
            return isDirectory && isRegistry ? remains(inner + "/") : [inner]
        }
    }

    /// Ends everything at once and removes the directory.
    public func destroy() {
        close(holderInput)
        for program in programs { program.destroy() }
        _ = try? holder.waitForEnd(seconds: 20)
        ProcessTable.kill(marked: identifier)
        holder.destroy()
        RemoveTree.remove(directory)
    }

    /// What all programs have printed, for a failed test.
    public var transcript: String {
        "host: \(holder.transcript)\n" + programs.map { "\($0.name): \($0.transcript)" }.joined(separator: "\n")
    }
}
