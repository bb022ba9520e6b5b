// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Runtime

/// The cable of a program that is one: two places named by URL, joined until one of them is gone.
final class ProgramCable {
    /// What it joins, and how long.
    struct Ends {
        /// Alternatives of each end, in order.
        var first: [NetworkURL] = []
        var second: [NetworkURL] = []
        /// Ends that go are waited for and plugged in again.
        var isKept = false
        /// What the other sides' consoles show; nil for the usual text.
        var description: String?
        /// What this program wants of the switches at its ends, and lets itself send there.
        var filters: [AttachRequest.Filter] = []
        /// The URLs may name programs to run, and files to read and write.
        var mayRunPrograms = true
        var mayUseFiles = true
    }

    let cable: TransportCable
    private let loop: ControlLoop
    private var transports: [PersistentTransport] = []
    /// Why it has ended by itself.
    private var ending: String?

    init(loop: ControlLoop, isWire: Bool = false) throws {
        self.loop = loop
        do {
            cable = try TransportCable(loop: loop, isWire: isWire)
        } catch {
            throw Failure("cannot start the cable: \(error)")
        }
        cable.onFailure = { [unowned self] in end("the cable has failed: \($0)") }
    }

    private func end(_ reason: String) {
        if ending == nil { ending = reason }
        loop.stop()
    }

    /// Plugs both ends in.
    ///
    /// - Parameter onFinish: called when an end has done all that it was to do.
    func plug(_ ends: Ends, onFinish: @escaping () -> Void = {}) throws {
        let interface = (ends.first + ends.second).first { $0.scheme == "tap" }?.address
        for (host, alternatives) in [(cable.first, ends.first), (cable.second, ends.second)] {
            host.log = { Report.note($0) }
            var context = TransportContext(host: host, description: ends.description ?? Self.describe(interface))
            context.mayWait = true
            context.onFinish = { _ in onFinish() }
            context.filters = ends.filters
            context.mayRunPrograms = ends.mayRunPrograms
            context.mayUseFiles = ends.mayUseFiles
            context.onEnd = { [unowned self] in end($0) }
            do {
                transports.append(try PersistentTransport(alternatives, context, isKept: ends.isKept))
            } catch let error as TransportError {
                throw Failure(error)
            }
        }
    }

    /// Lets frames pass until a signal comes or an end goes: why it went.
    func run(_ process: borrowing ElementProcess) throws -> String? {
        if ending == nil { try process.run() }
        return ending
    }

    func close() {
        for transport in transports { transport.close() }
        transports = []
        cable.stop()
    }

    /// What consoles show of a program of ours.
    static func describe(_ interface: String?) -> String {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        return "etherloom user=\(user) PID=\(CurrentProcess.id)" + (interface.map { " if=\($0)" } ?? "")
    }
}
