// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
public import Runtime

/// The management console of a switch.
///
/// # Theory of operation
///
///     ConsoleServer ──▶ ConsoleSession ──lines──▶ Console.execute ──▶ command table ──▶ Switch, DataPlane
///     (socket of -M)    ConsoleLineReader                │
///     standard streams  ConsoleOutput ◀──answer──────────┘     Console.post ──events──▶ sessions that asked
///
/// The protocol is that of vde_switch, so that its terminals and scripts work: a greeting, a prompt, one command a line,
/// answers framed as `ConsoleAnswer` says, events at any time between answers. The interpreter knows no sockets; a session
/// knows no commands. Everything runs on the control thread and nothing waits: a client that does not read is not read
/// from, and is dropped when it lets its answers lie (`ConsoleSession`).
///
/// A command is an entry of `commands`; a menu of another module adds its entries there and its events to `events`.
public final class Console {
    public let target: Switch
    public let identity: ConsoleIdentity
    public var commands: ConsoleCommandTable
    public var events = ConsoleEventCatalog()
    /// Modules that `plugin/add` has added, in the order of their addition.
    public internal(set) var modules: [ConsoleModule] = []
    /// Sockets that `showinfo` lists: path and permission bits.
    var sockets: [(path: String, mode: UInt32)] = []
    /// How many sessions may hear of events at a time; nil for any number.
    public var debugSessionLimit: Int?
    let startNanoseconds = MonotonicClock.nanoseconds
    private var userNames: [UInt32: String] = [:]
    private(set) var sessions: [ConsoleSession] = []
    private var filterWatch: FilterWatch?

    public init(_ target: Switch, identity: ConsoleIdentity = ConsoleIdentity()) {
        self.target = target
        self.identity = identity
        commands = ConsoleCommandTable()
        commands.add(Self.dataSocketMenu + Self.rootMenu + Self.debugMenu + Self.moduleMenu + Self.hashMenu)
        commands.add(Self.spanningTreeMenu + Self.portMenu + Self.vlanMenu)
        if target.isMultiplexer { commands.add(Self.interfaceMenu) }
        events.add(ConsoleEventCategory.all)
        target.observers.append { [weak self] in self?.show($0) }
    }

    /// The switch is a filter's multiplexer: adds the filter's menu and events.
    public func add(_ filter: FilterElement) {
        commands.add(FilterMenu(element: filter, complain: target.log).commands)
        events.add([.filterDenied])
        filterWatch = FilterWatch(self, filter)
    }

    /// Runs one line. Nil: a blank line or a comment, which has no answer.
    public func execute(_ line: String, from session: (any ConsoleCaller)? = nil) -> ConsoleAnswer? {
        execute(line, ConsoleCall(console: self, session: session))
    }

    func execute(_ line: String, _ call: ConsoleCall) -> ConsoleAnswer? {
        let text = line.drop(while: ConsoleArgument.isBlank)
        if text.isEmpty || text.first == "#" { return nil }
        guard let (command, argument) = commands.match(text) else { return .failure(.notImplemented) }
        return command.run(call, argument)
    }

    /// Tells every session that asked for this category.
    public func post(_ category: ConsoleEventCategory, _ text: String) {
        for session in sessions where session.subscriptions.contains(category.path) {
            session.send(event: category.line(text))
        }
    }

    /// Whether posting this category would reach anyone: asked before a text is made.
    public func isWanted(_ category: ConsoleEventCategory) -> Bool {
        sessions.contains { $0.subscriptions.contains(category.path) }
    }

    func add(_ session: ConsoleSession) { sessions.append(session) }

    func remove(_ session: ConsoleSession) {
        sessions.removeAll { $0 === session }
        subscriptionsChanged()
    }

    /// To be called when sessions may want to hear of other events than before.
    func subscriptionsChanged() {
        target.watchAddresses(isWanted(.hashAdded) || isWanted(.hashRemoved))
        filterWatch?.subscriptionsChanged()
    }

    /// Another session may begin to hear of events.
    var hasRoomForListener: Bool {
        guard let debugSessionLimit else { return true }
        return sessions.filter { !$0.subscriptions.isEmpty }.count < debugSessionLimit
    }

    /// A user's name; asked for once, because name services may be slow.
    func userName(_ userID: UInt32?) -> String {
        guard let userID else { return "NONE" }
        if let name = userNames[userID] { return name }
        let name = CurrentProcess.userName(userID)
        userNames[userID] = name
        return name
    }
}

/// The lines by which a console introduces itself.
public struct ConsoleIdentity: Sendable {
    public var product = "Etherloom switch"
    public var version = "0.1"
    public var copyright = "(C) 2026 The Etherloom authors - Apache-2.0"
    public var prompt = "\nvde$ "

    public init() {}

    /// The first prompt: the greeting ends with an empty line already.
    var greetingPrompt: String { String(prompt.drop { $0 == "\n" }) }

    /// Product and version, copyright, an empty line.
    public var lines: [String] { ["\(product) V.\(version)", copyright, ""] }
}

extension Errno {
    /// Unknown command: `1038 Function not implemented`.
    static var notImplemented: Errno { Errno(rawValue: 38) }
    /// No such address: `1019 No such device`.
    static var noDevice: Errno { Errno(rawValue: 19) }
    /// Nothing there under this number: `1006 No such device or address`.
    static var noSuchDevice: Errno { Errno(rawValue: 6) }
}
