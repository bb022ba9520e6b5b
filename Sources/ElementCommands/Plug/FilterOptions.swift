// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Endpoints
import PacketFilter

/// What a client wants of a switch's frames, and lets itself send, as users write it.
struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("receive-filter"),
        help: "Receive only frames that this expression wants; see pcap-filter(7)."
    )
    var receiveFilter: String?
    @Option(name: .customLong("send-filter"), help: "Send only frames that this expression wants.")
    var sendFilter: String?
    @Option(
        name: .customLong("priority"),
        help: "Of a switch's clients the one with the higher number is given a frame first."
    )
    var priority: UInt32?

    /// Compiled here, so that a mistake is the user's to see, and the switch loads no library.
    func compiled() throws -> [AttachRequest.Filter] {
        var filters: [AttachRequest.Filter] = []
        if receiveFilter != nil || priority != nil {
            let program = try Self.compile(receiveFilter, option: "--receive-filter")
            filters.append(AttachRequest.Filter(isReceive: true, priority: priority ?? 0, program: program))
        }
        if let sendFilter {
            let program = try Self.compile(sendFilter, option: "--send-filter")
            filters.append(AttachRequest.Filter(isReceive: false, priority: priority ?? 0, program: program))
        }
        return filters
    }

    /// No instructions for no expression.
    private static func compile(_ expression: String?, option: String) throws -> [UInt8] {
        guard let expression else { return [] }
        do {
            return try FilterCompiler.compile(expression).bytes
        } catch {
            if case .noLibrary = error { throw Failure("\(error)", status: ExitStatus.unsupported) }
            throw Failure("\(option): \(error)", status: ExitStatus.usage)
        }
    }
}
