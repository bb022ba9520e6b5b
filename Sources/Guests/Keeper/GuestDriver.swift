// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// The five states of a guest, as Dumm had them.
public enum GuestState: String, Sendable, CaseIterable {
    case stopped, starting, running, paused, stopping
}

/// Something a guest was asked for failed: one line for people, and the exit status that a command ends with.
public struct GuestError: Error, Equatable, CustomStringConvertible {
    public let message: String
    /// 1: failed, 2: the request is wrong, 3: took too long, 4: this host cannot.
    public let status: Int32
    public init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }
    public var description: String { message }
}

/// A command to run in a guest.
public struct GuestCommand: Sendable, Equatable {
    public var words: [String]
    public var user: String?
    public var directory: String?
    /// `NAME=VALUE`, beyond the guest's own.
    public var environment: [String] = []
    /// Its standard input is a terminal, which it is to control.
    public var usesTerminal = false
    /// The terminal's size when it starts: columns, rows.
    public var columns = 80
    public var rows = 24
    public init(_ words: [String]) { self.words = words }
}

/// What runs one guest of one kind. The keeper's thread calls; nothing blocks; what takes time is told to `GuestHost`.
public protocol GuestDriver: AnyObject {
    /// Begins to start. `GuestHost.hasStarted` tells when the guest takes commands, `hasEnded` when it has ended.
    func start() throws(GuestError)
    /// Asks it to end by itself.
    func stop()
    /// Ends it, whatever it does.
    func kill()
    func pause() throws(GuestError)
    func resume() throws(GuestError)
    /// Starts it anew without a clean end. Tells `hasStarted` again.
    func reset() throws(GuestError)

    /// Adds an interface to the running guest; `plan.interfaces` has it already.
    func add(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void)
    func removeInterface(_ name: String, then: @escaping (GuestError?) -> Void)
    /// Interfaces of the running guest that show it a carrier whatever they are plugged into.
    var interfacesWithoutCarrier: [String] { get }
    /// The fabric died, and another one has the same ports. It could not go on with the connections of these interfaces, if
    /// they had any: what was connected connects again.
    func fabricHasRestarted(interfaces: [String])
    /// Addresses and routes of the running guest, in the words of ip(8): `addr add 10.0.0.1/24 dev eth0`, `route`, `link
    /// set eth0 mtu 1400`. Answers with lines to show.
    func configureNetwork(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void)

    /// Runs a command with these standard streams: descriptors that the driver owns from now on.
    func run(
        _ command: GuestCommand,
        streams: GuestStreams,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) -> (any RunningCommand)?

    /// A line for the kernel's or the machine's monitor: mconsole, QMP.
    func monitor(_ line: String, then: @escaping (Result<[String], GuestError>) -> Void)

    /// An interface's cable was pulled or put in: for kinds whose guests do not learn it from the fabric itself.
    func carrierChanged(interface: String, isUp: Bool)

    /// Saves what the running guest has in its memory, together with its disk as it is now, under a name; it goes on then.
    func saveMemory(_ name: String, then: @escaping (GuestError?) -> Void)
    /// Saves the running or paused guest's disk alone.
    func saveDisk(_ name: String, then: @escaping (GuestError?) -> Void)
    /// Forgets what was saved under a name, of a running or paused guest.
    func removeMemory(_ name: String, then: @escaping (GuestError?) -> Void)
    /// Begins to start where `saveMemory` was, disk included, instead of booting.
    func start(from name: String) throws(GuestError)
}

extension GuestDriver {
    /// What guests of most kinds answer: their memory is of the host's kernel, or nothing can take it up again.
    private static var noMemory: GuestError {
        GuestError("the memory of guests of this kind cannot be saved, only their files", status: 4)
    }
    public func carrierChanged(interface: String, isUp: Bool) {}
    public func saveMemory(_ name: String, then: @escaping (GuestError?) -> Void) { then(Self.noMemory) }
    public func saveDisk(_ name: String, then: @escaping (GuestError?) -> Void) { then(Self.noMemory) }
    public func removeMemory(_ name: String, then: @escaping (GuestError?) -> Void) { then(Self.noMemory) }
    public func start(from name: String) throws(GuestError) { throw Self.noMemory }
}

extension GuestDriver {
    public var interfacesWithoutCarrier: [String] { [] }
    public func fabricHasRestarted(interfaces: [String]) {}
}

/// Standard input, output and error of a command; with a terminal they are one and the same.
public final class GuestStreams {
    public let input, output, error: OwnedDescriptor
    public init(
        input: consuming OwnedDescriptor,
        output: consuming OwnedDescriptor,
        error: consuming OwnedDescriptor
    ) {
        self.input = input
        self.output = output
        self.error = error
    }
}

/// A command that runs in a guest.
public protocol RunningCommand: AnyObject {
    func send(signal: Int32)
    func resize(columns: Int, rows: Int)
    /// Ends it and forgets it: whoever asked for it is gone.
    func cancel()
}

/// What the keeper does for a driver.
public protocol GuestHost: AnyObject {
    var loop: ControlLoop { get }
    var plan: GuestPlan { get }
    /// It is up and takes commands.
    func hasStarted(processID: Int32)
    /// The kernel's end, or its init's.
    func hasEnded(_ status: WaitStatus)
    /// Why it does not come up, or has ended: shown with its state until its next start.
    func fail(_ error: GuestError)
    /// One line for the lab's log, where the guest's name is put before it.
    func log(_ line: String)

    /// What the guest writes to its console, from the first byte: goes to the log and to whoever watches.
    func consoleWrote(_ bytes: [UInt8])
    /// Called with what the one writer of the console types.
    var consoleInput: ([UInt8]) -> Void { get set }
    var consoleResized: (_ columns: Int, _ rows: Int) -> Void { get set }

    /// Gives the fabric the tap of an interface; the keeper keeps a copy as long as the guest lives.
    func plugTap(_ tap: consuming OwnedDescriptor, interface: String, then: @escaping (GuestError?) -> Void)
    /// Makes an interface in a guest's network namespace whose other end is on its plan's bridge.
    func plugPair(_ interface: InterfacePlan, namespace: Int32) throws(GuestError)
    /// Gives the fabric a socket on which frames are datagrams; the keeper keeps a copy as long as the guest lives.
    func plugSocket(_ socket: consuming OwnedDescriptor, interface: String, then: @escaping (GuestError?) -> Void)
    /// Has the fabric wait on a vhost-user socket for an interface; answers with its path.
    func openVhost(interface: String, then: @escaping (Result<String, GuestError>) -> Void)
    /// Has the fabric listen on a socket of whole frames (SOCK_SEQPACKET, as User Mode Linux's `bess` connects to) for an
    /// interface without carrier; answers with its path.
    func openMessages(interface: String, then: @escaping (Result<String, GuestError>) -> Void)
    /// The interface's port is closed.
    func unplug(interface: String)

    /// Where sockets of this guest may lie: a short path, seen from inside the lab's namespaces too, and removed with it.
    var socketDirectory: String { get }
    /// The merged root as the guest's kernel finds it, from inside the lab's namespaces and from outside of them
    /// (through /proc); nil without a root.
    var mergedRoot: (inside: String, outside: String)? { get }
    /// Starts a program of the host for this guest (a kernel, a monitor), inside of the lab's namespaces or outside of
    /// them, with these descriptors as its 0, 1, 2, 3 …; its process is a child of the keeper and dies with it.
    func spawn(
        _ words: [String],
        environment: [String],
        descriptors: [Int32],
        insideNamespaces: Bool
    ) throws(GuestError) -> SpawnedProgram
}

extension GuestHost {
    public var socketDirectory: String { plan.runDirectory }

    public func fail(_ error: GuestError) { log(error.message) }

    public func plugPair(_ interface: InterfacePlan, namespace: Int32) throws(GuestError) {
        throw GuestError("\(interface.name): there are no bridges here", status: 4)
    }
    public func plugSocket(
        _ socket: consuming OwnedDescriptor,
        interface: String,
        then: @escaping (GuestError?) -> Void
    ) { then(GuestError("\(interface): sockets cannot be plugged in here", status: 4)) }

    public func openMessages(interface: String, then: @escaping (Result<String, GuestError>) -> Void) {
        then(.failure(GuestError("\(interface): interfaces cannot be added to this guest while it runs", status: 4)))
    }
}

/// A program that runs for a guest.
public final class SpawnedProgram {
    public let processID: Int32
    public let handle: ProcessHandle
    public init(processID: Int32, handle: consuming ProcessHandle) {
        self.processID = processID
        self.handle = handle
    }
}
