// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import Synchronization
public import Wire

/// Who this bridge is in its spanning trees.
public struct SpanningTreeConfiguration: Sendable, Equatable {
    /// Lower is preferred as the root; 0x8000 unless set.
    public var priority: UInt16
    /// The bridge's own address: source of its BPDUs, and the lower part of its identifier.
    public var address: MACAddress

    public init(address: MACAddress, priority: UInt16 = 0x8000) {
        self.address = address
        self.priority = priority
    }

    /// Priority in the upper 16 bits, the address below.
    public var identifier: UInt64 { UInt64(priority) << 48 | address.rawValue }
}

/// A change of the spanning trees, or a look at them.
enum SpanningTreeChange: Sendable {
    case turn(SpanningTreeConfiguration?)
    case settings(vlan: UInt16, SpanningTree.Settings)
    case report(Answer<[SpanningTree.Report]>)
}

/// What a spanning tree has decided.
public enum SpanningTreeEvent: Sendable, Equatable {
    /// A port takes part, or does not any more.
    case added(vlan: UInt16, port: Int)
    case removed(vlan: UInt16, port: Int)
    case state(vlan: UInt16, port: Int, PortStates.State)
    case role(vlan: UInt16, port: Int, SpanningTree.Role)
    /// Identifier of the new root, and the port that leads there; nil when this bridge is the root.
    case root(vlan: UInt16, UInt64, port: Int?)
}

/// Carries an answer back from the loop.
final class Answer<Content: Sendable>: Sendable {
    private let content = Mutex<Content?>(nil)
    func set(_ value: Content) { content.withLock { $0 = value } }
    func take() -> Content? { content.withLock { $0.take() } }
}

/// Spanning tree (`SpanningTree` says what it does): one for each VLAN that a port is configured to be in, and for VLAN 0.
extension DataPlane {
    /// Turns it on, or off with nil. BPDUs are consumed while it is on and pass as any frame while it is off.
    public func setSpanningTree(_ configuration: SpanningTreeConfiguration?) {
        mailbox.perform(.setSpanningTree(.turn(configuration)))
    }

    /// Edge ports and the preferred port of one VLAN. They may be set before the ports and the VLAN are there, and while
    /// the spanning tree is off.
    public func setSpanningTree(vlan: UInt16, _ settings: SpanningTree.Settings) {
        mailbox.perform(.setSpanningTree(.settings(vlan: vlan & 0xfff, settings)))
    }

    /// The trees as they are now, in order of their VLANs; none while it is off.
    public func spanningTreeReports() -> [SpanningTree.Report] {
        let answer = Answer<[SpanningTree.Report]>()
        mailbox.perform(.setSpanningTree(.report(answer)))
        return answer.take() ?? []
    }
}
