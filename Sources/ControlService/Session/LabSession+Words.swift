// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Model
import Wire

/// Words to guests; what they change of addresses and routes belongs to the lab.
extension LabSession {
    /// Words for a guest: `network` (ip(8)'s words), `monitor` (a line), `type` (a text).
    public func ask(_ guest: String, _ kind: String, _ words: [String], then: @escaping LinesThen) {
        guard intent.lab.guest(guest) != nil else { return then(.failure(.noGuest(guest, self))) }
        guard ["network", "monitor", "type"].contains(kind) else {
            return then(.failure(.usage("\"\(kind)\": wanted is network, monitor or type")))
        }
        if kind == "network" {
            var lab = intent.lab
            do throws(ControlError) {
                // What will belong to the lab must be possible there.
                if Self.edit(&lab, guest, words) { try LabChange.validate(&lab) }
            } catch {
                return then(.failure(error))
            }
        }
        let request = kind == "network" ? words : [words.joined(separator: " ")]
        keeper.ask([kind, guest] + request) { [weak self] answer in
            switch answer {
            case .failure(let error): then(.failure(ControlError(error)))
            case .success(let answer):
                if kind == "network" { self?.remember(guest, words) }
                then(.success(answer.words))
            }
        }
    }

    /// An address or route that was set from outside belongs to the lab from then on.
    private func remember(_ guest: String, _ words: [String]) {
        guard Self.edit(&intent.lab, guest, words) else { return }
        noteGuestApplied(guest)
        save()
    }

    /// Whether the words change an address or a route that a lab knows.
    private static func edit(_ lab: inout Lab, _ guest: String, _ words: [String]) -> Bool {
        guard words.count >= 3, let index = lab.guests.firstIndex(where: { $0.name == guest }) else { return false }
        let isAddition = words[1] == "add" || words[1] == "a"
        guard isAddition || words[1].hasPrefix("del") else { return false }
        func value(_ key: String) -> String? {
            words.firstIndex(of: key).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        if words[0].hasPrefix("a"), let address = InterfaceAddress(words[2]), let device = value("dev"),
            let place = lab.guests[index].interfaces.firstIndex(where: { $0.name == device })
        {
            lab.guests[index].interfaces[place].addresses.removeAll { $0 == address }
            if isAddition { lab.guests[index].interfaces[place].addresses.append(address) }
            return true
        } else if words[0].hasPrefix("r"), let via = value("via").flatMap({ IPAddress($0) }) {
            let destination = InterfaceAddress(words[2])
            guard words[2] == "default" || destination != nil else { return false }
            let route = Route(destination: destination, via: via)
            lab.guests[index].routes.removeAll { $0 == route }
            if isAddition { lab.guests[index].routes.append(route) }
            return true
        }
        return false
    }

    /// The guest is as its plan says already, and has this plan for its next start.
    private func noteGuestApplied(_ guest: String) {
        let planner = Planner(intent.lab, places: layout, program: program, exists: LabSession.exists)
        guard let desired = try? planner.plan(),
            let resource = desired.resources.first(where: { $0.key == Resource.key(.guest, guest) })
        else { return }
        intent.applied[resource.key] = resource
        keeper.ask(resource.make[0]) { _ in }
    }
}
