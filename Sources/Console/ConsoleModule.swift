// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A part of the console that `plugin/add` brings and `plugin/del` takes away: what vde_switch has as a plugin, built in.
public struct ConsoleModule {
    /// `dump`: the menu's name, by which it is listed and taken away.
    public let name: String
    public let help: String
    /// The menu's heading first.
    public let commands: [ConsoleCommand]
    public let events: [ConsoleEventCategory]
    /// Runs when it is taken away: whatever it does ends.
    public let onRemoval: () -> Void
    /// Runs when the switch gets SIGHUP: time to open log files anew.
    public let onHangUp: () -> Void

    public init(
        name: String,
        help: String,
        commands: [ConsoleCommand],
        events: [ConsoleEventCategory] = [],
        onRemoval: @escaping () -> Void = {},
        onHangUp: @escaping () -> Void = {}
    ) {
        self.name = name
        self.help = help
        self.commands = commands
        self.events = events
        self.onRemoval = onRemoval
        self.onHangUp = onHangUp
    }
}

/// A module that there is, and how it is made.
public struct ConsoleModuleMaker {
    /// `dump.so`: the last part of the path that `plugin/add` names, with or without `.so`.
    public let library: String
    public let make: (Console) -> ConsoleModule

    public init(library: String, make: @escaping (Console) -> ConsoleModule) {
        self.library = library
        self.make = make
    }
}

extension Console {
    /// Every module that this program has; each family adds its own here.
    static var moduleMakers: [ConsoleModuleMaker] {
        [DumpModule.maker, CaptureFileModule.maker, AddressLogModule.maker]
    }

    /// Adds a module by the name or the path of the original's library. ENOENT for one that there is not, EEXIST for one that
    /// is there already.
    func addModule(library: String) throws(Errno) {
        guard !library.isEmpty else { throw .invalid }
        let file = library.split(separator: "/").last.map(String.init) ?? library
        guard let maker = Self.moduleMakers.first(where: { $0.library == file || $0.library == file + ".so" }) else {
            throw .noEntry
        }
        let module = maker.make(self)
        guard !modules.contains(where: { $0.name == module.name }) else {
            // What it has begun already ends: nobody keeps it.
            module.onRemoval()
            throw .exists
        }
        modules.append(module)
        commands.add(module.commands)
        events.add(module.events)
    }

    /// The switch got SIGHUP: tells the modules, as the original's event does.
    public func hangUp() {
        for module in modules { module.onHangUp() }
    }

    /// The switch ends: what modules have begun is finished, and their files are whole.
    public func end() {
        for module in modules { module.onRemoval() }
        modules = []
    }

    /// Takes the first module away whose name begins so.
    func removeModule(prefix: String) throws(Errno) {
        guard !prefix.isEmpty, let index = modules.firstIndex(where: { $0.name.utf8.starts(with: prefix.utf8) }) else {
            throw .noEntry
        }
        let module = modules.remove(at: index)
        for command in module.commands { commands.remove(path: command.path) }
        for event in module.events { events.remove(path: event.path) }
        module.onRemoval()
        subscriptionsChanged()
    }

    static var moduleMenu: [ConsoleCommand] {
        [
            .menu("plugin", "PLUGINS MENU"),
            ConsoleCommand(
                "plugin/list",
                "",
                "list plugins",
                .text { call, prefix in
                    let modules = call.console.modules.filter { $0.name.utf8.starts(with: prefix.utf8) }
                    let heading = ["NAME                   HELP", "------------           ----"]
                    return .data(
                        heading + modules.map { "\(alignedLeft($0.name, 22)) \($0.help)" },
                        error: modules.isEmpty ? .noEntry : nil
                    )
                }
            ),
            ConsoleCommand(
                "plugin/add",
                "library",
                "load a plugin",
                .text { call, library in
                    try call.console.addModule(library: library)
                    return .success
                }
            ),
            ConsoleCommand(
                "plugin/del",
                "name",
                "unload a plugin",
                .text { call, name in
                    try call.console.removeModule(prefix: name)
                    return .success
                }
            ),
        ]
    }
}
