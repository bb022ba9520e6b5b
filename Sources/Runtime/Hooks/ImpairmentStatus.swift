// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization

/// What is in one direction of an impaired wire.
public struct ImpairmentStatus: Sendable, Equatable {
    public var byteCount = 0
    public var frameCount = 0
}

/// Carries a status from the loop to whoever asked.
final class ImpairmentQuery: Sendable {
    private let status = Mutex(ImpairmentStatus())

    func fill(_ direction: ImpairedDirection?) {
        guard let direction else { return }
        status.withLock {
            $0.byteCount = direction.byteCount
            $0.frameCount = direction.frameCount
        }
    }

    var result: ImpairmentStatus { status.withLock { $0 } }
}

extension DataPlane {
    /// What waits in an impairment now.
    public func impairmentStatus(port: Int, isInbound: Bool) -> ImpairmentStatus {
        guard port >= 0, port < state.table.portCount else { return ImpairmentStatus() }
        let query = ImpairmentQuery()
        mailbox.perform(.hooks(.query(port: port, isInbound: isInbound, query)))
        return query.result
    }
}
