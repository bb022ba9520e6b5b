// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import PacketFilter

/// What a client wants of the frames that its port offers, and lets itself send. It narrows only: what a port's policy
/// refuses never comes here.
public struct ClientFilters: ~Copyable, Sendable {
    /// What it wants to receive. Nil: everything.
    public let receive: FilterTable
    /// What it lets itself send. Nil: everything.
    public let send: FilterTable
    public let hasReceive: Bool
    public let hasSend: Bool
    /// Of several clients the one with the higher number is given a frame first.
    public let priority: UInt32
    /// What frames must have for the client to want them; nil: that is not known.
    public let keys: [FrameKey]?

    public init(receive: FilterProgram?, send: FilterProgram?, priority: UInt32) {
        self.receive = FilterTable(receive)
        self.send = FilterTable(send)
        hasReceive = receive != nil
        hasSend = send != nil
        self.priority = priority
        keys = receive.flatMap { FilterKeys.find($0) }
    }
}
