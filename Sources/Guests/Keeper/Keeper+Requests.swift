// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Model
import Wire

extension Keeper {
    typealias Outcome = Result<KeeperAnswer, GuestError>

    /// Grace of `stop` and `down`, in milliseconds.
    static var defaultGrace: UInt64 { 10_000 }

    /// Does what a request says; `then` is called once, perhaps later.
    func perform(_ words: [String], then: @escaping (Outcome) -> Void) throws(GuestError) {
        var rest = RequestWords(words)
        switch rest.verb {
        case "hello": then(.success(KeeperAnswer(hello)))
        case "state": then(.success(KeeperAnswer(state.words)))
        case "define":
            let name = try rest.next("a guest's name")
            try define(try plan(name, rest.all()), then: then)
        case "start", "stop", "kill", "pause", "resume", "reset":
            try changeState(&rest)
            then(.success(KeeperAnswer()))
        case "delete":
            let name = try rest.next("a guest's name")
            let files = rest.flag("files")
            try rest.end()
            try delete(name, files: files, then: then)
        case "layers": try changeLayers(&rest, then: then)
        case "interface-add", "interface-remove": try changeInterface(&rest, then: then)
        case "plug", "unplug", "carrier": try rewire(words, &rest, then: then)
        case "network":
            let guest = try guest(try rest.next("a guest's name"))
            try guest.running("configure").configureNetwork(rest.all()) { then(Self.shown($0)) }
        case "console": try openConsole(&rest, then: then)
        case "console-size":
            let guest = try guest(try rest.next("a guest's name"))
            let size = try Self.size(try rest.next("COLUMNSxROWS"))
            try rest.end()
            guest.resizeConsole(size)
            then(.success(KeeperAnswer()))
        case "type":
            let guest = try guest(try rest.next("a guest's name"))
            let text = try rest.next("a text")
            try rest.end()
            guard guest.state == .running || guest.state == .starting else {
                throw GuestError("\(guest.name) is \(guest.state.rawValue): nobody reads its console")
            }
            guest.consoleInput(Array(text.utf8))
            then(.success(KeeperAnswer()))
        case "monitor":
            let guest = try guest(try rest.next("a guest's name"))
            let line = rest.all().joined(separator: " ")
            try guest.running("ask").monitor(line) { then(Self.shown($0)) }
        case "fabric": try passOn(rest.all(), then: then)
        case "element-start", "element-stop": try changeElement(&rest, then: then)
        case "bridge-add", "bridge-remove": try changeBridge(&rest, then: then)
        case "companion-add", "companion-remove": try changeCompanion(&rest, then: then)
        case "listen": try listen(&rest, then: then)
        case "snapshot-save", "snapshot-restore", "snapshot-remove", "snapshots": try snapshot(words, then: then)
        case "down":
            let grace = try rest.milliseconds("grace") ?? Self.defaultGrace
            try rest.end()
            end(grace: grace) { then(.success(KeeperAnswer())) }
        default: throw GuestError("\(rest.verb): unknown request; see etherloom-keeper(1)", status: 2)
        }
    }

    /// Most bytes of a guest's lines in one answer. Who asks is let go when more waits for him than a connection keeps, and what a guest
    /// has (routes, say) is the guest's choice.
    private static let shownLimit = 1 << 20

    /// Lines of a guest's, to be shown.
    private static func shown(_ lines: Result<[String], GuestError>) -> Outcome {
        lines.flatMap { lines in
            let byteCount = lines.reduce(0) { $0 + $1.utf8.count + 1 }
            guard byteCount <= shownLimit else {
                return .failure(
                    GuestError(
                        "the guest's answer has \(lines.count) lines, \(byteCount) bytes; the limit is \(shownLimit): ask inside, with exec"
                    )
                )
            }
            return .success(KeeperAnswer(lines.map(\.withoutControls)))
        }
    }

    private var hello: [String] {
        [
            "version=1", "lab=\(settings.lab)", "directory=\(settings.directory)", "pid=\(CurrentProcess.id)",
            "fabric=\(fabric.processID.map { String($0) } ?? "-")", "holder=\(holder.processID)",
            "users=\(holder.identities.hasManyUsers ? "many" : "one")",
        ]
    }

    private func plan(_ name: String, _ words: [String]) throws(GuestError) -> GuestPlan {
        guard Self.isName(name) else {
            throw GuestError(
                "\"\(name)\" is no name for a guest: letters, digits, -, _ and ., a letter or digit first",
                status: 2
            )
        }
        do {
            let plan = try GuestPlan(name: name, words: words)
            for interface in plan.interfaces { try Self.check(interface: interface.name) }
            let names = plan.interfaces.map(\.name)
            if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
                throw GuestError("define \(name): interface \"\(twice)\" is there twice", status: 2)
            }
            guard plan.runDirectory.hasPrefix("/") else {
                throw GuestError("define \(name): run=\(plan.runDirectory): an absolute path is wanted", status: 2)
            }
            return plan
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("define \(name): \(error)", status: 2)
        }
    }

    /// A name becomes a directory and a part of sockets' names.
    static func isName(_ name: String) -> Bool { LabName.objection(to: name) == nil }

    /// A name of an interface inside of a guest.
    static func check(interface name: String) throws(GuestError) {
        if let objection = LabName.objection(toInterface: name) {
            throw GuestError("\"\(name)\" is no name for an interface: \(objection)", status: 2)
        }
    }

    private func changeState(_ rest: inout RequestWords) throws(GuestError) {
        let guest = try guest(try rest.next("a guest's name"))
        switch rest.verb {
        case "start":
            try rest.end()
            try guest.start()
        case "stop":
            let grace = try rest.milliseconds("grace") ?? Self.defaultGrace
            try rest.end()
            try guest.stop(grace: grace)
        case "kill": try guest.kill()
        case "pause": try guest.pause()
        case "resume": try guest.resume()
        default: try guest.reset()
        }
    }

    /// `wait`, which may take for ever: what is returned gives up.
    func wait(_ words: [String], then: @escaping (Outcome) -> Void) throws(GuestError) -> () -> Void {
        var rest = RequestWords(words)
        let guest = try guest(try rest.next("a guest's name"))
        let word = try rest.next("a state")
        guard let state = GuestState(rawValue: word) else {
            let known = GuestState.allCases.map(\.rawValue).joined(separator: ", ")
            throw GuestError("wait: \"\(word)\" is no state; these are: \(known)", status: 2)
        }
        let timeout = try rest.milliseconds("timeout")
        try rest.end()
        return guest.wait(for: state, milliseconds: timeout) { error in
            then(error.map { .failure($0) } ?? .success(KeeperAnswer()))
        }
    }

    private func changeLayers(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let guest = try guest(try rest.next("a guest's name"))
        guard guest.state == .stopped else {
            throw GuestError("\(guest.name) is \(guest.state.rawValue): its layers can be changed when it is stopped")
        }
        var layers: [String] = []
        while let layer = rest.value("layer") { layers.append(layer) }
        try rest.end()
        guard guest.plan.root != nil else { throw GuestError("\(guest.name) has no root of its own", status: 2) }
        try checkIsFree(guest)
        guest.plan.root?.layers = layers
        guest.withRoot { error in then(error.map { .failure($0) } ?? .success(KeeperAnswer())) }
    }

    private func openConsole(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let guest = try guest(try rest.next("a guest's name"))
        let history = rest.value("history")
        let size = try rest.value("size").map { (text) throws(GuestError) in try Self.size(text) }
        let word = rest.optional() ?? "read"
        try rest.end()
        guard let access = GuestConsole.Access(rawValue: word) else {
            throw GuestError("console: \"\(word)\": read, write or steal is wanted", status: 2)
        }
        guard let count = Int(history ?? "0"), count >= 0 else {
            throw GuestError("console: history=\(history ?? ""): a number of bytes is wanted", status: 2)
        }
        let stream = try guest.console.attach(access, history: count)
        if let size { guest.resizeConsole(size) }
        then(.success(KeeperAnswer(descriptors: [stream])))
    }

    private static func size(_ text: String) throws(GuestError) -> TerminalSize {
        guard let size = TerminalSize(text) else {
            throw GuestError("\(text): COLUMNSxROWS is wanted, each from 1 to 65535", status: 2)
        }
        return size
    }

    /// A request for the fabric. Ports of guests are the keeper's own to make.
    private func passOn(_ words: [String], then: @escaping (Outcome) -> Void) throws(GuestError) {
        guard let verb = words.first else { throw GuestError("fabric: what?", status: 2) }
        try Self.checkIsOthers(words)
        if words.count > 1, verb == "port-add" || verb == "port-remove", let port = try? interface(words[1]) {
            throw GuestError("\(words[1]) is an interface of the guest \(port.guest.name)", status: 2)
        }
        if ["plug", "unplug", "carrier"].contains(verb), words.count > 1, (try? interface(words[1])) != nil {
            return try perform(words, then: then)
        }
        if words.count > 1, (try? interface(words[1])) != nil, fabric.isWaiting(port: words[1]) {
            // The guest does not run: its port will be so when it does.
            fabric.remember(words)
            return then(.success(KeeperAnswer()))
        }
        let segment = verb == "segment-remove" && words.count > 1 ? words[1] : nil
        fabric.request(words) { [weak self] outcome in
            if case .success = outcome, let self, let segment { leave(segment: segment) }
            then(outcome)
        }
    }

    private func leave(segment: String) {
        for guest in guests.values {
            for (name, interface) in guest.interfaces where interface.segment == segment {
                guest.interfaces[name]?.segment = nil
                guest.tellInterface(name)
            }
        }
    }

    private func changeElement(_ rest: inout RequestWords, then: @escaping (Outcome) -> Void) throws(GuestError) {
        let name = try rest.next("an element's name")
        if rest.verb == "element-stop" {
            try rest.end()
            guard let element = elements[name] else { throw GuestError("no element \"\(name)\"", status: 2) }
            element.end { [weak self] in
                if self?.elements[name] === element { self?.elements[name] = nil }
                then(.success(KeeperAnswer()))
            }
            return
        }
        guard elements[name] == nil else { throw GuestError("element \"\(name)\" runs already") }
        if isEnding { throw GuestError("the lab is going down") }
        var words = rest.all()
        let saysReady = words.first == "ready"
        if saysReady { words.removeFirst() }
        guard !words.isEmpty else { throw GuestError("element-start \(name): no command", status: 2) }
        let element = KeptElement(name, words, saysReady: saysReady, keeper: self)
        elements[name] = element
        do throws(GuestError) {
            try element.start { [weak self] error in
                guard let error else { return then(.success(KeeperAnswer())) }
                if self?.elements[name] === element { self?.elements[name] = nil }
                then(.failure(error))
            }
        } catch {
            elements[name] = nil
            throw error
        }
    }
}
