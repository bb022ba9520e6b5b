// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime

/// A port in the words of the original's `port/print`.
struct PortReport {
    struct Endpoint {
        var identifier: Int32
        var module: String
        var description: String
        /// Whether somebody is at the other side, where the endpoint can tell.
        var peer: PeerState?
        var drops: [(cause: DropCause, frames: UInt64)] = []

        /// `unix prog` has 9 letters in a column of 12: programs that read this look for the colon.
        var line: String {
            "  -- endpoint ID \(decimal(identifier, digits: 4)) module \(alignedLeft(module, 12)): \(description)\(peerText)"
        }

        private var peerText: String {
            switch peer {
            case nil, .present: ""
            case .awaited: " (no peer so far)"
            case .silent(let since): " (peer silent since \(WallClock.text(seconds: since)))"
            }
        }
    }

    var number: Int
    var untaggedVLAN: UInt16 = 0
    var isActive = true
    var isAllocatable = true
    var user = "NONE"
    var allowedUser = "NONE"
    var allowedGroup = "NONE"
    var counters = PortCounters()
    var endpoints: [Endpoint] = []

    init(number: Int) { self.number = number }

    init(_ port: SwitchPort, _ console: Console) {
        number = port.number
        untaggedVLAN = port.untaggedVLAN
        isActive = port.isActive
        isAllocatable = port.isAllocatable
        user = console.userName(port.currentUser)
        allowedUser = console.userName(port.allowedUser)
        allowedGroup = port.allowedGroup.map { CurrentProcess.groupName($0) } ?? "NONE"
        let table = console.target.table
        if port.number < table.portCount { counters = table.counters(port: port.number) }
        endpoints = port.endpoints.map { endpoint in
            Endpoint(
                identifier: endpoint.identifier,
                module: endpoint.module,
                description: endpoint.description,
                peer: endpoint.peer,
                drops: DropCause.allCases.map { ($0, table.drops(endpoint: endpoint.place.index, $0)) }
            )
        }
    }

    private var heading: String {
        "Port \(decimal(number, digits: 4)) untagged_vlan=\(decimal(untaggedVLAN, digits: 4))"
            + " \(isActive ? "ACTIVE" : "INACTIVE") - \(isAllocatable ? "" : "NOT ")Unnamed Allocatable"
    }

    var lines: [String] {
        [
            heading,
            " Current User: \(user) Access Control: (User: \(allowedUser) - Group: \(allowedGroup))",
            " IN:  pkts \(alignedRight(counters.inFrames, 10))          bytes \(alignedRight(counters.inBytes, 20))",
            " OUT: pkts \(alignedRight(counters.outFrames, 10))          bytes \(alignedRight(counters.outBytes, 20))",
        ] + endpoints.map(\.line)
    }

    /// The endpoints with what they lost: the sum, then each cause that occurred. Before them what waited for endpoints that
    /// have gone, if there was anything.
    var dropLines: [String] {
        let left = counters.leftFrames
        return ["Port \(decimal(number, digits: 4))"]
            + (left > 0 ? ["     \(alignedLeft("left behind", 14)) pkts \(alignedRight(left, 10))"] : [])
            + endpoints.flatMap { endpoint in
                let sum = endpoint.drops.reduce(UInt64(0)) { $0 &+ $1.frames }
                return [endpoint.line, "     \(alignedLeft("dropped", 14)) pkts \(alignedRight(sum, 10))"]
                    + endpoint.drops.filter { $0.frames > 0 }.map {
                        "     \(alignedLeft("- \($0.cause.consoleName)", 14)) pkts \(alignedRight($0.frames, 10))"
                    }
            }
    }
}

extension DropCause {
    /// One word for each cause, for people and for scripts.
    var consoleName: String {
        switch self {
        case .queueFull: "queue-full"
        case .peerGone: "peer-gone"
        case .tooLarge: "too-large"
        case .noBuffers: "no-buffers"
        case .noFrameMemory: "no-memory"
        case .runt: "runt"
        case .truncated: "truncated"
        case .badHeader: "bad-header"
        case .sameSegment: "same-port"
        case .sendFailed: "send-failed"
        case .wrongVLAN: "wrong-vlan"
        case .portBlocked: "port-blocked"
        case .filtered: "filtered"
        case .rateExceeded: "rate"
        case .impaired: "impaired"
        case .malformed: "malformed"
        case .notAuthentic: "not-authentic"
        case .replayed: "replayed"
        case .wrongPeer: "wrong-peer"
        case .noCarrier: "no-carrier"
        }
    }
}
