// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What runs a guest.
public enum GuestKind: String, Sendable, Codable, CaseIterable {
    /// Namespaces of this host's kernel.
    case process
    /// User Mode Linux.
    case uml
    /// A virtual machine.
    case qemu
}

/// When a guest that has ended is started again.
public enum RestartPolicy: String, Sendable, Codable, CaseIterable {
    case never = "no"
    /// When it ended by itself with another status than 0, or was killed by somebody else.
    case onFailure = "on-failure"
    case always
}

/// How one finds out that a guest is up.
public struct ReadyCheck: Sendable, Equatable {
    public enum Test: Sendable, Equatable {
        /// A command in the guest succeeds.
        case command([String])
        /// This text occurs on the console.
        case console(String)
        /// A TCP port of the guest accepts connections.
        case port(UInt16)
    }

    public var test: Test
    public var interval = TimeSpan.seconds(1)
    public var timeout = TimeSpan.seconds(60)

    public init(_ test: Test) { self.test = test }
}

/// A guest: a kernel or a set of namespaces, a root directory of its own, and interfaces.
public struct Guest: Sendable, Equatable {
    public var name: String
    public var kind = GuestKind.process
    /// The directory below the lab's own that the root is made of, or an absolute one.
    public var master = "master"
    /// Directories laid over the master, the topmost first.
    public var overlays: [String] = []
    /// The kernel's file (`uml`, `qemu`); nil: the lab's `linux`.
    public var kernel: String?
    public var initialRAMDisk: String?
    /// A disk image instead of a root directory (`qemu`).
    public var image: String?
    public var memory: ByteCount?
    public var processors = 1
    /// Words added to the kernel's command line, or the monitor's.
    public var arguments: [String] = []
    /// What a process guest runs; empty: it waits for `exec`.
    public var command: [String] = []
    public var environment: [String: String] = [:]
    public var hostName: String?
    public var user: String?
    public var nameServers: [IPAddress] = []
    public var routes: [Route] = []
    public var interfaces: [Interface] = []
    public var restart = RestartPolicy.never
    /// Guests that must be ready before.
    public var after: [String] = []
    public var ready: ReadyCheck?
    public var labels: [String: String] = [:]

    public init(name: String) { self.name = name }

    public func interface(_ name: String) -> Interface? { interfaces.first { $0.name == name } }
}

/// A way to other networks.
public struct Route: Sendable, Equatable {
    /// Nil: everywhere.
    public var destination: InterfaceAddress?
    public var via: IPAddress

    public init(destination: InterfaceAddress?, via: IPAddress) {
        self.destination = destination
        self.via = via
    }
}

/// A network interface of a guest.
public struct Interface: Sendable, Equatable {
    public var name: String
    public var addresses: [InterfaceAddress] = []
    public var usesDHCP = false
    public var usesAutoconfiguration = false
    /// Default routers.
    public var via: [IPAddress] = []
    public var hardwareAddress: MACAddress?
    public var mtu: Int?
    /// What the guest may send and sees through it.
    public var filter = FilterRules()
    public var impairment = Impairment()

    public init(name: String) { self.name = name }
}
