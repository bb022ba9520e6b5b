// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Runtime

/// A cable as a program.
struct PlugProcess {
    /// What the cable joins, and how long.
    struct Setup {
        /// Alternatives of each end, in order.
        var first: [NetworkURL]
        var second: [NetworkURL]
        /// Ends that go are waited for and plugged in again.
        var isKept = false
        /// An end that goes ends the cable as planned, without a word, as in vde_plug.
        var isEndSuccess = false
        /// What the other sides' consoles show; nil for the usual text.
        var description: String?
        /// What this program wants of the switches at its ends, and lets itself send there.
        var filters: [AttachRequest.Filter] = []
        /// Is shown the beginning of every frame that comes from the second end.
        var inspect: ((Span<UInt8>) -> Void)?
        var process = ElementProcess.Options()
    }

    static func run(_ setup: Setup) throws {
        guard setup.filters.isEmpty || (setup.first + setup.second).contains(where: { $0.scheme == "vde" }) else {
            throw Failure("filters are for a switch, and neither end is one", status: ExitStatus.usage)
        }
        var process = try ElementProcess.start(setup.process)
        do {
            if !setup.isKept, try HandedTap.run(setup, &process) { return }
            try run(setup, &process)
        } catch let failure as Failure {
            Report.error(failure.message)
            process.fail(status: failure.status)
            throw ExitCodeOnly(status: failure.status)
        }
    }

    private static func run(_ setup: Setup, _ process: inout ElementProcess) throws {
        let loop = process.loop
        var ending: String?
        func end(_ reason: String) {
            if ending == nil { ending = reason }
            loop.stop()
        }
        let cable: TransportCable
        do {
            cable = try TransportCable(loop: loop)
        } catch {
            throw Failure("cannot start the cable: \(error)")
        }
        cable.onFailure = { end("the cable has failed: \($0)") }
        var transports: [PersistentTransport] = []
        defer {
            for transport in transports { transport.close() }
            cable.stop()
        }
        let interface = (setup.first + setup.second).first { $0.scheme == "tap" }?.address
        for (host, alternatives) in [(cable.first, setup.first), (cable.second, setup.second)] {
            host.log = { Report.note($0) }
            var context = TransportContext(host: host, description: setup.description ?? describe(interface))
            context.mayWait = true
            context.onEnd = end
            context.filters = setup.filters
            context.onFinish = { _ in loop.stop() }
            do {
                transports.append(try PersistentTransport(alternatives, context, isKept: setup.isKept))
            } catch let error as TransportError {
                throw Failure(error)
            }
        }
        var watch: FrameWatch?
        if let inspect = setup.inspect {
            watch = try? cable.watchFrames(cable.second, byteCount: PlugAddressLog.frameByteCount, handler: inspect)
        }
        defer { watch?.cancel() }
        try process.ready()
        if ending == nil { try process.run() }
        if let ending, !setup.isEndSuccess { throw Failure(ending) }
    }

    static func describe(_ interface: String?) -> String {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        return "etherloom user=\(user) PID=\(CurrentProcess.id)" + (interface.map { " if=\($0)" } ?? "")
    }
}

extension Failure {
    /// A transport's failure with the exit status for its kind.
    init(_ error: TransportError) {
        let status =
            switch error.kind {
            case .usage: ExitStatus.usage
            case .unsupported: ExitStatus.unsupported
            case .unreachable, .failed: ExitStatus.failure
            }
        self.init(error.description, status: status)
    }
}
