// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The process between a supervisor and a command that runs in other namespaces: the init of a new stack, or the helper
/// that enters an existing one. The C side (clinux_namespace.h) says what it does and what the messages mean.
///
/// It dies with the *thread* that made it: call from a thread that lives as long as the command shall.
public struct NamespaceProcess: ~Copyable, Sendable {
    /// In the caller's PID namespace.
    public let processID: Int32
    private let control: OwnedDescriptor
    private var hasEnded = false

    /// What an interface of a new stack needs besides its tap.
    public struct InterfaceNeeds: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A packet socket, still of no protocol.
        public static var packetSocket: InterfaceNeeds { InterfaceNeeds(rawValue: UInt8(CEL_INTERFACE_PACKET_SOCKET)) }
        /// Stateless address autoconfiguration switched on (RFC 4862).
        public static var autoconfiguration: InterfaceNeeds { InterfaceNeeds(rawValue: UInt8(CEL_INTERFACE_AUTOCONF)) }
    }

    /// A stack to be made.
    public struct Request: Sendable {
        /// Names (1 to 15 bytes) and needs of the interfaces, in order.
        public var interfaces: [(name: String, needs: InterfaceNeeds)]
        /// Nil keeps the caller's.
        public var hostname: String?
        /// Whether /etc/resolv.conf becomes a file of the stack's own.
        public var replacesResolverFile: Bool
        public var capabilities: CapabilitySet

        public init(
            interfaces: [(name: String, needs: InterfaceNeeds)],
            hostname: String?,
            replacesResolverFile: Bool,
            capabilities: CapabilitySet
        ) {
            self.interfaces = interfaces
            self.hostname = hostname
            self.replacesResolverFile = replacesResolverFile
            self.capabilities = capabilities
        }
    }

    /// Makes the namespaces of a stack and their init, clone(2).
    public static func create(_ request: Request) throws(Errno) -> NamespaceProcess {
        var names: [CChar] = []
        for interface in request.interfaces {
            let name = interface.name.utf8.map { CChar(bitPattern: $0) }
            guard name.count < Int(CEL_INTERFACE_NAME_SIZE) else { throw .nameTooLong }
            names += name + [CChar](repeating: 0, count: Int(CEL_INTERFACE_NAME_SIZE) - name.count)
        }
        let flags = request.interfaces.map(\.needs.rawValue)
        var control: Int32 = -1
        let hostname: [CChar] = request.hostname.map { Array($0.utf8CString) } ?? []
        let options = request.replacesResolverFile ? UInt32(CEL_STACK_OPTION_RESOLVER) : 0
        // The pointers are used by the child's copy of this memory, and live on there when the parent has gone on.
        let result = unsafe hostname.withUnsafeBufferPointer { hostname in
            unsafe names.withUnsafeBufferPointer { names in
                unsafe flags.withUnsafeBufferPointer { flags in
                    var raw = unsafe cel_stack_request(
                        hostname: hostname.isEmpty ? nil : hostname.baseAddress,
                        names: names.baseAddress,
                        flags: flags.baseAddress,
                        count: Int32(flags.count),
                        options: options,
                        capabilities: request.capabilities.rawValue
                    )
                    return unsafe cel_stack_create(&raw, &control)
                }
            }
        }
        guard result >= 0 else { throw Errno(rawValue: -result) }
        return NamespaceProcess(processID: result, control: OwnedDescriptor(adopting: control))
    }

    /// The namespaces of a stack, as /proc/PID/ns has them.
    public struct Namespaces: ~Copyable, Sendable {
        public let user, mount, uts, network, process: OwnedDescriptor
        public init(
            user: consuming OwnedDescriptor,
            mount: consuming OwnedDescriptor,
            uts: consuming OwnedDescriptor,
            network: consuming OwnedDescriptor,
            process: consuming OwnedDescriptor
        ) {
            self.user = user
            self.mount = mount
            self.uts = uts
            self.network = network
            self.process = process
        }
    }

    /// Starts a command inside existing namespaces, setns(2).
    public static func join(
        _ namespaces: borrowing Namespaces,
        image: CommandImage,
        directory: String?,
        capabilities: CapabilitySet
    ) throws(Errno) -> NamespaceProcess {
        var control: Int32 = -1
        let path: [CChar] = directory.map { Array($0.utf8CString) } ?? []
        let (user, mount, uts) = (namespaces.user.rawValue, namespaces.mount.rawValue, namespaces.uts.rawValue)
        let (network, process) = (namespaces.network.rawValue, namespaces.process.rawValue)
        let result = unsafe path.withUnsafeBufferPointer { path in
            unsafe image.bytes.withUnsafeBytes { bytes in
                var raw = unsafe cel_join_request(
                    user: user,
                    mount: mount,
                    uts: uts,
                    network: network,
                    process: process,
                    directory: path.isEmpty ? nil : path.baseAddress,
                    image: bytes.baseAddress,
                    image_size: bytes.count,
                    capabilities: capabilities.rawValue
                )
                return unsafe cel_stack_join(&raw, &control)
            }
        }
        guard result >= 0 else { throw Errno(rawValue: -result) }
        return NamespaceProcess(processID: result, control: OwnedDescriptor(adopting: control))
    }

    /// Opens the namespaces of a process by its /proc directory.
    public static func namespaces(
        ofProcessAt directory: borrowing OwnedDescriptor
    ) throws(Errno) -> Namespaces {
        let path = "/proc/self/fd/\(directory.rawValue)/ns/"
        return Namespaces(
            user: try .open(path + "user", flags: O_RDONLY),
            mount: try .open(path + "mnt", flags: O_RDONLY),
            uts: try .open(path + "uts", flags: O_RDONLY),
            network: try .open(path + "net", flags: O_RDONLY),
            process: try .open(path + "pid", flags: O_RDONLY)
        )
    }

    private init(processID: Int32, control: consuming OwnedDescriptor) {
        self.processID = processID
        self.control = control
    }

    /// Becomes readable when a message, or the end, has come.
    public var rawDescriptor: Int32 { control.rawValue }

    /// One message from inside, with its descriptors.
    public struct Message: ~Copyable {
        public enum Kind: Sendable, Equatable {
            case hello, sockets, interface, ready, started
            case exited(WaitStatus)
            /// By this signal.
            case stopped(Int32)
            case continued
            case failed(Step, Errno)
        }
        public let kind: Kind
        /// An errno that is no failure of the whole.
        public let value: Int32
        public var attachment: ReceivedMessage
    }

    /// Where it failed, for a message that says what to do about it.
    public enum Step: UInt32, Sendable {
        case openProc = 1
        case isolateMounts, setHostname, openNetlink, openTun, createTap, openPacketSocket, readCommand,
            keepCapabilities
        case execute, fork, joinUserNamespace, joinNamespaces
    }

    /// The next message; nil when the process has ended without one. Throws `wouldBlock` when none waits.
    public func receive() throws(Errno) -> Message? {
        let message: ReceivedMessage
        do {
            message = try UnixSocket.receive(from: control, limit: MemoryLayout<cel_stack_message>.size)
        } catch .connectionReset {
            return nil
        }
        let bytes = message.bytes[...]
        guard let kind = bytes.integer(at: 0, byteCount: 4), let step = bytes.integer(at: 4, byteCount: 4),
            let word = bytes.integer(at: 8, byteCount: 4)
        else { return nil }
        let value = Int32(truncatingIfNeeded: word)
        guard let kind = Self.kind(Int32(truncatingIfNeeded: kind), UInt32(truncatingIfNeeded: step), value) else {
            return nil
        }
        return Message(kind: kind, value: value, attachment: message)
    }

    private static func kind(_ kind: Int32, _ step: UInt32, _ value: Int32) -> Message.Kind? {
        switch kind {
        case CEL_STACK_HELLO: .hello
        case CEL_STACK_SOCKETS: .sockets
        case CEL_STACK_INTERFACE: .interface
        case CEL_STACK_READY: .ready
        case CEL_STACK_STARTED: .started
        case CEL_STACK_EXITED: .exited(WaitStatus(rawValue: value))
        case CEL_STACK_STOPPED: .stopped(value >> 8 & 0xff)
        case CEL_STACK_CONTINUED: .continued
        case CEL_STACK_FAILED: Step(rawValue: step).map { .failed($0, Errno(rawValue: value)) }
        default: nil
        }
    }

    /// The id maps are written: it may go on.
    public func sendMapped() throws(Errno) { try UnixSocket.send([UInt8(ascii: "M")], to: control) }

    /// Continues the command if it is stopped.
    public func sendContinue() throws(Errno) { try UnixSocket.send([UInt8(ascii: "C")], to: control) }

    /// Starts the command.
    public func sendGo(_ image: CommandImage) throws(Errno) {
        let file = try MemoryFile.create(name: "etherloom-command", byteCount: image.bytes.count)
        try file.writeAll(image.bytes)
        try UnixSocket.send([UInt8(ascii: "G")], descriptors: [file.rawValue], to: control)
    }

    /// Stops the calling process, all its threads, until somebody continues it: SIGSTOP.
    public static func stopSelf() { _ = kill(getpid(), SIGSTOP) }

    /// Waits for the process, and for an init with it for everything in its namespaces, to end; then forgets it.
    public consuming func wait() throws(Errno) -> WaitStatus {
        hasEnded = true
        return try ProcessHandle.wait(child: processID)
    }

    deinit {
        // Whoever drops it wants it gone. The end of the control socket would tell it too, but not when it is stuck.
        if !hasEnded {
            _ = kill(processID, SIGKILL)
            _ = try? ProcessHandle.wait(child: processID)
        }
    }
}
