// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Testing

@testable import Runtime

@Suite("What a loop reports while nobody listens")
struct EngineMailboxTests {
    private func mailbox() throws -> EngineMailbox {
        try EngineMailbox(state: try EngineState(configuration: EngineConfiguration(portCount: 4)))
    }

    @Test("is kept up to a number, and counted beyond it; what the books need is kept whatever comes")
    func bounded() throws {
        let mailbox = try mailbox()
        let many = 3 * EngineMailbox.eventLimit
        for number in 0..<many {
            mailbox.post(.forwardingChanged)
            if number == many - 1 { mailbox.post(.endpointEnded(index: 2, generation: 7)) }
        }
        let events = mailbox.takeEvents()
        #expect(events.count == EngineMailbox.eventLimit + 2)
        guard case .endpointEnded(2, 7) = events[EngineMailbox.eventLimit] else {
            Issue.record("the end of an endpoint was not kept")
            return
        }
        guard case .lost(let count) = events.last else {
            Issue.record("what was lost is not told")
            return
        }
        #expect(count == UInt64(many - EngineMailbox.eventLimit))
    }

    @Test("of each peer the latest word is kept, and no more than that")
    func peers() throws {
        let mailbox = try mailbox()
        for _ in 0..<EngineMailbox.eventLimit { mailbox.post(.forwardingChanged) }
        for number in 0..<101 {
            let kind = number % 2 == 0 ? EndpointNotice.Kind.peerDown : .peerUp
            mailbox.post(.notice(EndpointNotice(kind), index: 1, generation: 4))
            mailbox.post(.notice(EndpointNotice(.peerUp), index: 2, generation: 4))
            mailbox.post(.notice(EndpointNotice(.peerMoved), index: 1, generation: 4))
        }
        let peers = mailbox.takeEvents().compactMap { event -> String? in
            guard case .notice(let notice, let index, 4) = event else { return nil }
            return "\(index) \(notice.kind)"
        }
        #expect(peers == ["1 peerDown", "2 peerUp"])
    }

    @Test("has room again when it was taken")
    func roomAgain() throws {
        let mailbox = try mailbox()
        for _ in 0..<(2 * EngineMailbox.eventLimit) { mailbox.post(.forwardingChanged) }
        _ = mailbox.takeEvents()
        #expect(mailbox.takeEvents().isEmpty)
        mailbox.post(.forwardingChanged)
        let events = mailbox.takeEvents()
        #expect(events.count == 1)
        guard case .forwardingChanged = events.first else {
            Issue.record("another event came")
            return
        }
    }
}
