// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Model
public import Wire

/// Where a guest's root comes from. All paths are absolute, and of the host.
public struct RootPlan: Sendable, Equatable {
    /// Never written to.
    public var master: String
    /// Directories over the master, the topmost first; never written to, unless `upper` is among them.
    public var layers: [String] = []
    /// What the guest changes.
    public var upper: String
    /// Where the merged tree appears for people of the host.
    public var mountPoint: String

    public init(master: String, upper: String, mountPoint: String) {
        self.master = master
        self.upper = upper
        self.mountPoint = mountPoint
    }
}

/// A guest, as the keeper makes it: everything decided, nothing to look up.
public struct GuestPlan: Sendable, Equatable {
    public var name: String
    public var kind = GuestKind.process
    /// Nil: a guest that boots from `image`, or a process guest on the host's own root, changes kept in `upper` if any.
    public var root: RootPlan?
    /// Pid file, console log, sockets of this guest: `run/<guest>` of the lab.
    public var runDirectory: String
    public var kernel: String?
    public var initialRAMDisk: String?
    public var image: String?
    public var memory: ByteCount?
    public var processors = 1
    public var arguments: [String] = []
    public var command: [String] = []
    /// `NAME=VALUE`.
    public var environment: [String] = []
    public var hostName: String
    public var user: String?
    public var nameServers: [IPAddress] = []
    public var routes: [Route] = []
    public var interfaces: [InterfacePlan] = []

    public init(name: String, runDirectory: String) {
        self.name = name
        self.runDirectory = runDirectory
        hostName = name
    }

    /// Where all is that the guest changes: its root's upper directory, or the one of its disk.
    var changesDirectory: String {
        if let root, !root.upper.isEmpty { return root.upper }
        // run/GUEST and host/GUEST are side by side.
        let lab = runDirectory.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        return "\(lab)/host/\(name)"
    }

    /// The port of the fabric that an interface of a guest is.
    public static func port(guest: String, interface: String) -> String { "\(guest):\(interface)" }

    /// All of it but the name. An interface begins with the word `interface=NAME`; what belongs to it follows.
    public var words: [String] {
        var words = PlanWords()
        words.add("kind", kind.rawValue)
        words.add("run", runDirectory)
        if let root {
            words.add("master", root.master)
            words.add("layer", each: root.layers)
            words.add("upper", root.upper)
            words.add("mount", root.mountPoint)
        }
        words.add("kernel", kernel)
        words.add("initrd", initialRAMDisk)
        words.add("image", image)
        words.add("memory", memory?.description)
        words.add("cpus", String(processors))
        words.add("argument", each: arguments)
        words.add("command", each: command)
        words.add("environment", each: environment)
        words.add("hostname", hostName)
        words.add("user", user)
        words.add("dns", each: nameServers.map(\.description))
        for route in routes { words.add("route", "\(route.destination?.description ?? "default") \(route.via)") }
        var list = words.words
        for interface in interfaces { list += ["interface=\(interface.name)"] + interface.words }
        return list
    }

    public init(name: String, words: some Sequence<String>) throws(PlanError) {
        var made = GuestPlan(name: name, runDirectory: "")
        let words = Array(words)
        let end = words.firstIndex { $0.hasPrefix("interface=") } ?? words.count
        for word in words[..<end] { try made.take(word) }
        var start = end
        while start < words.count {
            let next = words[(start + 1)...].firstIndex { $0.hasPrefix("interface=") } ?? words.count
            let name = String(words[start].dropFirst("interface=".count))
            made.interfaces.append(try InterfacePlan(name: name, words: words[(start + 1)..<next]))
            start = next
        }
        guard !made.runDirectory.isEmpty else { throw PlanError("run=") }
        self = made
    }

    private mutating func take(_ word: String) throws(PlanError) {
        let (key, text) = PlanWords.parts(word)
        guard let text else { throw PlanError(word) }
        if try takeRoot(key, text, word) { return }
        switch key {
        case "kind":
            guard let kind = GuestKind(rawValue: text) else { throw PlanError(word) }
            self.kind = kind
        case "run": runDirectory = text
        case "kernel": kernel = text
        case "initrd": initialRAMDisk = text
        case "image": image = text
        case "memory":
            guard let memory = ByteCount(text) else { throw PlanError(word) }
            self.memory = memory
        case "cpus":
            guard let count = Int(text), count > 0 else { throw PlanError(word) }
            processors = count
        case "argument": arguments.append(text)
        case "command": command.append(text)
        case "environment": environment.append(text)
        case "hostname": hostName = text
        case "user": user = text
        case "dns":
            guard let address = IPAddress(text) else { throw PlanError(word) }
            nameServers.append(address)
        case "route":
            let parts = text.split(separator: " ")
            guard parts.count == 2, let via = IPAddress(parts[1]) else { throw PlanError(word) }
            let destination = parts[0] == "default" ? nil : InterfaceAddress(parts[0])
            guard parts[0] == "default" || destination != nil else { throw PlanError(word) }
            routes.append(Route(destination: destination, via: via))
        default: throw PlanError(word)
        }
    }

    private mutating func takeRoot(_ key: String, _ text: String, _ word: String) throws(PlanError) -> Bool {
        switch key {
        case "master": root = RootPlan(master: text, upper: "", mountPoint: "")
        case "layer", "upper", "mount":
            guard root != nil else { throw PlanError(word) }
            if key == "layer" { root?.layers.append(text) }
            if key == "upper" { root?.upper = text }
            if key == "mount" { root?.mountPoint = text }
        default: return false
        }
        return true
    }
}
