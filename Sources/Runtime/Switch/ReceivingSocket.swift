// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import PacketFilter

/// The end of a channel by which a client's frames come in, where the kernel can run the client's send filter: what the
/// client does not let itself send then does not wake the loop.
final class ReceivingSocket {
    private let descriptor: OwnedDescriptor

    /// Shares the socket; nil when there are no descriptors left.
    init?(_ socket: borrowing OwnedDescriptor) {
        guard let descriptor = try? socket.duplicate() else { return nil }
        self.descriptor = descriptor
    }

    /// Takes over what the kernel can do. Returns the filters that are left to the loop.
    func take(_ filters: ClientFilterSet) -> ClientFilterSet {
        let program = filters.send?.forSocket(headerByteCount: Self.headerByteCount) ?? []
        do throws(Errno) {
            try SocketFilter.set(program, on: descriptor)
        } catch {
            return filters
        }
        var rest = filters
        if !program.isEmpty { rest.send = nil }
        return rest
    }

    /// The virtio-net header before each frame of a channel.
    private static var headerByteCount: Int { 12 }
}
