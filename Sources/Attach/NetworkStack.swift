// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
public import Wire

// Theory of Operation
//
// A stack is a set of namespaces (user, network, mount, UTS, PID) with taps in it, and a command that runs there. It
// belongs to a supervisor, this process, and ends with the command or with the supervisor, whichever ends first; however
// the supervisor ends, even by SIGKILL, nothing is left: the namespaces' init dies with it, and the kernel then kills every
// process of the PID namespace and frees the rest. A stack leaves no file but the socket by which others join it, and the
// next stack sweeps that.
//
//     supervisor ── network ── switch             (frames: the caller's business)
//        │  └── netlink, DHCP ───────────┐
//        └── control ── init ── command  │         (namespaces: clinux_namespace.h)
//                         └── vd0, vd1 … ┘
//
// From one thread, in this order; the thread must live as long as the command (the kernel ties the init to it):
//
//     let signals = try SignalForwarding()                     // before other threads are started
//     var stack = try NetworkStack.create(configurations, name: "web")
//     for index in 0..<stack.interfaceCount {
//         let tap = stack.takeTap(index)!                      // join it to stack.configuration(index).network
//     }
//     try stack.configure()                                    // links up, static addresses, routes, resolv.conf
//     try stack.configureDynamic(signals)                      // DHCP and SLAAC, once frames flow
//     try stack.start(["sh", "-c", "ip addr"])
//     let status = try stack.supervise(signals)                // leases renewed, joins answered, signals passed on
//     exit(status.shellStatus)
//
// Every error is a `StackError` with its `exitStatus`. A program with a loop of its own polls `descriptors` until
// `nextDeadline` and calls `handleEvents()` instead of `supervise`.

/// A network stack of its own for a command.
public struct NetworkStack: ~Copyable {
    private(set) var interfaces: [Interface]
    private var taps = DescriptorList()
    var packetSockets = DescriptorList()
    /// Set once `create` has returned.
    var netlink: Netlink?
    /// Tells of changes; `netlink` is for requests.
    private(set) var events: Netlink?
    var dynamic = DynamicConfiguration()
    let hostname: String?
    private var resolver: OwnedDescriptor?
    private var resolverText: String?
    private var processDirectory: OwnedDescriptor?
    /// Until the command has ended.
    private var registration: StackRegistration?
    /// The name by which others join it.
    public let name: String
    /// Until the command is started; then `supervision` has it.
    private var process: NamespaceProcess?
    private var supervision: CommandSupervision?

    /// One interface of the stack.
    struct Interface: Sendable {
        var configuration: NetworkConfiguration
        let name: String
        var index: Int32 = 0
        var hardwareAddress = MACAddress.zero
    }

    /// How long the namespaces may take to come up, in nanoseconds. They take milliseconds.
    private static let creationPatience: UInt64 = 10_000_000_000

    /// Makes the namespaces and the taps; configures nothing yet.
    ///
    /// - Parameters:
    ///   - configurations: one for each interface; none makes a stack with loopback alone.
    ///   - name: by which others join; nil takes the supervisor's process id.
    ///   - hostname: nil keeps the host's.
    ///   - resolverText: the stack's resolv.conf as it shall be, whatever configurations and networks say.
    ///   - capabilities: what the command may do in its namespaces when it is not root.
    public static func create(
        _ configurations: [NetworkConfiguration],
        name: String? = nil,
        hostname: String? = nil,
        resolverText: String? = nil,
        capabilities: CapabilitySet = .network
    ) throws(StackError) -> NetworkStack {
        let names: [String]
        do {
            for configuration in configurations { try configuration.validate() }
            names = try NetworkConfiguration.names(of: configurations)
        } catch {
            throw StackError(error)
        }
        if let hostname, !ResolverFile.isDomain(hostname) || hostname.utf8.count > 64 {
            throw StackError(
                .configuration,
                "\"\(hostname)\" is no host name",
                hint: "at most 64 letters, digits, - and ."
            )
        }
        let interfaces = zip(configurations, names).map { Interface(configuration: $0, name: $1) }
        let request = NamespaceProcess.Request(
            interfaces: interfaces.map { ($0.name, needs(of: $0.configuration)) },
            hostname: hostname,
            replacesResolverFile: resolverText != nil || configurations.contains(where: \.saysNameServers),
            capabilities: capabilities
        )
        let registration = try StackRegistration.listen(name: name ?? String(CurrentProcess.id))
        var stack = try build(interfaces, registration, hostname, from: try makeProcess(request))
        stack.resolverText = resolverText
        return stack
    }

    private static func makeProcess(_ request: NamespaceProcess.Request) throws(StackError) -> NamespaceProcess {
        do {
            return try NamespaceProcess.create(request)
        } catch {
            throw StackError.noNamespaces(error)
        }
    }

    private static func build(
        _ interfaces: [Interface],
        _ registration: consuming StackRegistration,
        _ hostname: String?,
        from process: consuming NamespaceProcess
    ) throws(StackError) -> NetworkStack {
        var stack = NetworkStack(interfaces: interfaces, registration: registration, hostname: hostname)
        try stack.assemble(process)
        stack.process = consume process
        return stack
    }

    private init(interfaces: [Interface], registration: consuming StackRegistration, hostname: String?) {
        self.interfaces = interfaces
        self.hostname = hostname
        name = registration.name
        self.registration = consume registration
    }

    private static func needs(of configuration: NetworkConfiguration) -> NamespaceProcess.InterfaceNeeds {
        var needs: NamespaceProcess.InterfaceNeeds = []
        if configuration.usesDHCP { needs.insert(.packetSocket) }
        if configuration.usesAutoconfiguration { needs.insert(.autoconfiguration) }
        return needs
    }

    /// Takes from the process inside what it opened there.
    private mutating func assemble(_ process: borrowing NamespaceProcess) throws(StackError) {
        let deadline = MonotonicClock.nanoseconds + Self.creationPatience
        while try !receiveOne(from: process, deadline: deadline) {}
        do {
            let links = try netlink!.links()
            for index in interfaces.indices {
                guard let link = links.first(where: { $0.name == interfaces[index].name }) else {
                    throw StackError(.failed, "\(interfaces[index].name) is not in its namespace")
                }
                interfaces[index].index = link.index
                interfaces[index].hardwareAddress =
                    link.address.count == 6 ? MACAddress(link.address.span, at: 0) : .zero
            }
        } catch let error as StackError {
            throw error
        } catch {
            throw StackError(.failed, "\(error)")
        }
    }

    /// Handles one message of the process inside: whether it was the last.
    private mutating func receiveOne(
        from process: borrowing NamespaceProcess,
        deadline: UInt64
    ) throws(StackError) -> Bool {
        do {
            guard try Poll.isReadable(process.rawDescriptor, deadline: deadline) else {
                throw StackError(.failed, "the namespaces did not come up in time")
            }
            guard var message = try process.receive() else {
                throw StackError(.failed, "the stack's first process ended, killed by somebody")
            }
            switch message.kind {
            case .hello:
                if let directory = message.attachment.takeDescriptor() {
                    try IdentityMap.write(process: directory)
                    processDirectory = consume directory
                }
                try process.sendMapped()
            case .sockets:
                if let socket = message.attachment.takeDescriptor() { netlink = Netlink(adopting: socket) }
                if let socket = message.attachment.takeDescriptor() { events = Netlink(adopting: socket) }
                resolver = message.attachment.takeDescriptor()
            case .interface:
                taps.append(message.attachment.takeDescriptor())
                packetSockets.append(message.attachment.takeDescriptor())
            case .failed(let step, let error):
                throw StackError.failedStep(step, error, command: nil)
            case .ready: return true
            case .started, .exited, .stopped, .continued: break
            }
            return false
        } catch let error as StackError {
            throw error
        } catch let error as Errno {
            throw StackError.powerlessNamespace("cannot set up the user namespace", error)
        } catch {
            throw StackError(.failed, "\(error)")
        }
    }

    public var interfaceCount: Int { interfaces.count }
    /// What was asked for an interface.
    public func configuration(_ index: Int) -> NetworkConfiguration { interfaces[index].configuration }
    /// Gives an interface the address that its network has for it, unless it was given one: to be called before
    /// `configure()`.
    public mutating func offerHardwareAddress(_ index: Int, _ address: MACAddress) {
        if interfaces[index].configuration.hardwareAddress == nil {
            interfaces[index].configuration.hardwareAddress = address
        }
    }
    /// The name of an interface inside.
    public func interfaceName(_ index: Int) -> String { interfaces[index].name }

    /// The tap of an interface (with a virtio-net header, see `Tap`), the caller's from now on: nil once it was taken. The
    /// interface is there for as long as somebody holds it.
    public mutating func takeTap(_ index: Int) -> OwnedDescriptor? { taps.take(index) }

    /// Whether the stack has a resolv.conf of its own. It has none where nothing says which name servers there are, or
    /// where the host has no /etc/resolv.conf that could be covered.
    public var hasResolverFile: Bool { resolver != nil }

    /// Writes the stack's resolv.conf anew, in place: its file is what is mounted.
    func writeResolverFile(servers: [IPAddress], domains: [String]) {
        switch resolver {
        case .some(let file):
            let text = resolverText ?? ResolverFile.text(servers: servers, domains: domains)
            try? file.replaceContents(text.utf8)
        case .none: break
        }
    }

    /// Starts the command; returns once it has been executed.
    ///
    /// - Parameters:
    ///   - command: the program, found in PATH, and its arguments.
    ///   - environment: as `NAME=value`; nil takes the caller's. `ETHERLOOM_STACK` is set to the stack's name.
    public mutating func start(_ command: [String], environment: [String]? = nil) throws(StackError) {
        let image = try commandImage(command, environment: environment, stack: name)
        guard let process = self.process.take() else { throw StackError(.failed, "the stack has a command already") }
        do {
            try process.sendGo(image)
        } catch {
            throw StackError(.failed, "cannot hand the command over: \(error)")
        }
        var supervision = CommandSupervision(process: process, command: command[0])
        try supervision.waitForStart()
        self.supervision = consume supervision
        // A short command may have ended by the time that its start is noticed.
        if status != nil { end() }
    }

    /// How the command ended, once it has.
    public var status: WaitStatus? {
        switch supervision {
        case .some(let supervision): supervision.status
        case .none: nil
        }
    }

    /// Sends a signal to the command.
    public func send(signal: Int32) {
        switch supervision {
        case .some(let supervision): supervision.send(signal: signal)
        case .none: break
        }
    }

    /// Passes on what somebody sent this process: to be called when the signals' descriptor is readable. After a ^Z this
    /// process stops too, in here or in `handleEvents()`, as soon as the command has stopped.
    public mutating func forward(_ signals: borrowing SignalForwarding) {
        if supervision != nil { supervision!.forward(signals) }
    }

    /// What to wait for: when one is readable, `handleEvents()` has work.
    public var descriptors: [Int32] {
        var list = dynamicDescriptors
        switch registration {
        case .some(let registration): list.append(registration.rawDescriptor)
        case .none: break
        }
        switch supervision {
        case .some(let supervision): list.append(supervision.rawDescriptor)
        case .none: break
        }
        return list
    }

    /// Does what is due, without waiting: command's end, joins, leases.
    public mutating func handleEvents() throws(StackError) {
        answerJoins()
        handleDynamicEvents()
        if supervision != nil { try supervision!.handleEvents() }
        if status != nil { end() }
    }

    private func answerJoins() {
        switch registration {
        case .some(let registration):
            switch processDirectory {
            case .some(let directory): registration.answer(processDirectory: directory)
            case .none: break
            }
        case .none: break
        }
    }

    /// Gives back what the stack had outside of itself.
    private mutating func end() {
        registration = nil
        releaseLeases()
        Terminal.reclaim()
    }

    /// Waits for the command's end, doing all that is due and passing signals on.
    public mutating func supervise(_ signals: borrowing SignalForwarding) throws(StackError) -> WaitStatus {
        while true {
            if let status { return status }
            do {
                _ = try Poll.readable(descriptors + [signals.rawDescriptor], deadline: nextDeadline)
            } catch {
                throw StackError(.failed, "cannot wait for the command: \(error)")
            }
            forward(signals)
            try handleEvents()
        }
    }
}

extension NetworkConfiguration {
    /// Whether it says, or may learn, which name servers there are.
    fileprivate var saysNameServers: Bool {
        usesDHCP || usesAutoconfiguration || !nameServers.isEmpty || !searchDomains.isEmpty
    }
}
