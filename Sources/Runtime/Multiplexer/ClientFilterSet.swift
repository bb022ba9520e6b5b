// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
public import PacketFilter

/// The filters of a client, as the control thread knows them.
public struct ClientFilterSet: Sendable, Equatable {
    /// What it wants to receive. Nil: everything that its port offers.
    public var receive: FilterProgram?
    /// What it lets itself send. Nil: everything.
    public var send: FilterProgram?
    /// Of several clients the one with the higher number is given a frame first.
    public var priority: UInt32 = 0

    public init() {}

    /// As in an attach request or a change. Throws which instruction is wrong, and how.
    mutating func apply(_ filters: [AttachRequest.Filter]) throws(AttachRefusal) {
        for isReceive in [true, false] where filters.count(where: { $0.isReceive == isReceive }) > 1 {
            throw AttachRefusal(code: EINVAL, message: "two \(isReceive ? "receive" : "send") filters: one is possible")
        }
        for filter in filters {
            let program: FilterProgram?
            do {
                program = try filter.program.isEmpty ? nil : FilterProgram(bytes: filter.program)
            } catch {
                throw AttachRefusal(code: EINVAL, message: "\(filter.isReceive ? "receive" : "send") \(error)")
            }
            if filter.isReceive {
                receive = program
                priority = filter.priority
            } else {
                send = program
            }
        }
    }

    /// Nothing is narrowed, and nobody goes first.
    var isEmpty: Bool { receive == nil && send == nil && priority == 0 }
}
