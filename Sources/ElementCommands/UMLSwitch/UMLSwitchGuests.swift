// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem

/// The guests of umls3's server: User Mode Linux kernels as its children, with their consoles and mconsoles.
final class UMLSwitchGuests {
    typealias Answer = UMLSwitchSet.Answer

    private let loop: ControlLoop
    private let directory: String
    private let log: (String) -> Void
    private var guests: [String: BareUMLGuest] = [:]

    static let help = [
        "guest                      shows all guests",
        "guest NAME KERNEL ARGS     starts one: a User Mode Linux kernel and its arguments",
        "killguest NAME             ends one",
        "mconsole NAME COMMAND      asks its kernel",
        "attach NAME TEXT           types a line at its console",
        "term NAME                  shows what its console has said last",
    ]

    /// - Parameter directory: for the kernels' mconsole sockets; made with the first guest.
    init(directory: String, loop: ControlLoop, log: @escaping (String) -> Void) {
        self.directory = directory
        self.loop = loop
        self.log = log
    }

    /// Nil: no command for guests.
    func perform(_ command: String, _ arguments: [String]) -> Answer? {
        switch command {
        case "guest": return arguments.count > 1 ? start(arguments) : show(arguments.first)
        case "killguest": return kill(arguments)
        case "mconsole":
            guard arguments.count > 1 else { return Answer(mistake: "mconsole: wants a guest and a command") }
            return with(arguments[0]) { guest throws(GuestError) in
                Answer(lines: try guest.monitor(arguments.dropFirst().joined(separator: " ")))
            }
        case "attach":
            guard arguments.count > 1 else { return Answer(mistake: "attach: wants a guest and a text") }
            return with(arguments[0]) { guest throws(GuestError) in
                guest.type(Array((arguments.dropFirst().joined(separator: " ") + "\n").utf8))
                return Answer()
            }
        case "term":
            guard arguments.count == 1 else { return Answer(mistake: "term: wants a guest") }
            return with(arguments[0]) { guest throws(GuestError) in Answer(lines: Self.lines(guest.history)) }
        default: return nil
        }
    }

    private func start(_ arguments: [String]) -> Answer {
        let name = arguments[0]
        guard guests[name] == nil else {
            return Answer(mistake: "guest \(name): runs already; end it first: killguest \(name)")
        }
        let isName = name.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ",")
        }
        guard isName, !name.isEmpty, name.utf8.count <= 32, !name.hasPrefix(".") else {
            return Answer(mistake: "guest \(name): a name has 1 to 32 letters, digits and signs but \"/\" and \",\"")
        }
        do {
            try? FileSystem.makeDirectory(directory, mode: 0o700)
            let guest = try BareUMLGuest(
                name: name,
                words: Array(arguments.dropFirst()),
                directory: directory,
                loop: loop
            )
            guest.ended = { [weak self] status in
                let how = status.signal.map { "signal \($0)" } ?? "status \(status.exitCode ?? 0)"
                self?.log("guest \(name): ended with \(how)")
                self?.guests[name] = nil
            }
            guests[name] = guest
            return Answer()
        } catch {
            return Answer(mistake: "guest \(name): \(error.message)")
        }
    }

    private func show(_ name: String?) -> Answer {
        if let name { return with(name) { guest throws(GuestError) in Answer(lines: [Self.summary(guest)]) } }
        return Answer(lines: guests.keys.sorted().compactMap { guests[$0].map(Self.summary) })
    }

    private static func summary(_ guest: BareUMLGuest) -> String { "\(guest.name): process \(guest.processID)" }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    private func kill(_ arguments: [String]) -> Answer {
        guard arguments.count == 1 else { return Answer(mistake: "killguest: wants a name") }
        guard let guest = guests.removeValue(forKey: arguments[0]) else {
            return Answer(mistake: "killguest \(arguments[0]): no such guest")
        }
        guest.close()
        return Answer()
    }

    private func with(_ name: String, _ use: (BareUMLGuest) throws(GuestError) -> Answer) -> Answer {
        guard let guest = guests[name] else { return Answer(mistake: "guest \(name): no such guest") }
        do throws(GuestError) {
            return try use(guest)
        } catch {
            return Answer(mistake: "guest \(name): \(error.message)")
        }
    }

    func closeAll() {
        for guest in guests.values { guest.close() }
        guests = [:]
        for name in (try? FileSystem.names(in: directory)) ?? [] { try? FileSystem.remove("\(directory)/\(name)") }
        try? FileSystem.removeDirectory(directory)
    }
}
