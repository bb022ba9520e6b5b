// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// A cable as a program.
enum PlugProcess {
    struct Setup {
        var ends: ProgramCable.Ends
        /// An end that goes ends the cable as planned, without a word, as in vde_plug.
        var isEndSuccess = false
        /// Is shown the beginning of every frame that comes from the second end.
        var inspect: ((Span<UInt8>) -> Void)?
        var process = ElementProcess.Options()

        init(first: [NetworkURL], second: [NetworkURL]) {
            ends = ProgramCable.Ends(first: first, second: second)
        }
    }

    static func run(_ setup: Setup) throws {
        let places = setup.ends.first + setup.ends.second
        guard setup.ends.filters.isEmpty || places.contains(where: { $0.scheme == "vde" }) else {
            throw Failure("filters are for a switch, and neither end is one", status: ExitStatus.usage)
        }
        try ElementProcess.perform(setup.process) { process in
            if !setup.ends.isKept, try HandedTap.run(setup, &process) { return }
            let loop = process.loop
            let cable = try ProgramCable(loop: loop)
            defer { cable.close() }
            try cable.plug(setup.ends) { loop.stop() }
            var watch: FrameWatch?
            if let inspect = setup.inspect {
                let ends = cable.cable
                watch = try? ends.watchFrames(
                    ends.second,
                    byteCount: PlugAddressLog.frameByteCount,
                    handler: inspect
                )
            }
            defer { watch?.cancel() }
            try process.ready()
            if let ending = try cable.run(process), !setup.isEndSuccess { throw Failure(ending) }
        }
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
