// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// The service manager's readiness protocol, sd_notify(3): one datagram to the socket named by NOTIFY_SOCKET.
enum ServiceManager {
    static func notifyReady() {
        guard let path = CurrentProcess.environment("NOTIFY_SOCKET"), let socket = try? UnixSocket.make(.datagram)
        else { return }
        let address =
            path.hasPrefix("@")
            ? UnixSocketAddress(abstract: String(path.dropFirst())) : UnixSocketAddress(path: path)
        guard let address, (try? UnixSocket.connect(socket, to: address)) != nil else { return }
        try? UnixSocket.send(Array("READY=1".utf8), to: socket)
    }
}
