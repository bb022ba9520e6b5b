// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import Gateway
public import PacketFilter

/// What a fabric is asked, understood word by word: etherloom-fabric(1) lists the words.
///
/// Everything that can be known without looking at the fabric is checked here, so that a request that parses is at least
/// possible.
public enum FabricRequest: Sendable, Equatable {
    case hello
    case state
    case watch
    case segmentAdd(String, FabricSegmentSettings)
    case segmentSet(String, FabricSegmentSettings)
    case segmentRemove(String)
    case portAdd(String, FabricPortKind)
    case portRemove(String)
    /// Part of what a machine at this port and an earlier fabric had come to; its descriptors come with the request.
    case portKeep(String, VhostNote)
    /// All of that has come: the port goes on from there.
    case portTakeUp(String)
    case plug(String, segment: String, downFor: UInt64?)
    case unplug(String)
    case carrier(String, Bool)
    case impair(String, FabricImpairment)
    /// What passes in a second, at most; zeroes: any number.
    case rate(String, FabricDirections, SwitchHooks.Rate)
    /// Of a port, or of all ports of a segment. Empty rules: none any more.
    case filter(String, FilterRules)
    case patchAdd(String, String, String)
    case patchRemove(String)
    case gatewayAdd(String, segment: String, GatewayConfiguration)
    case gatewayRemove(String)
    case forwardAdd(String, PortForward)
    case forwardRemove(String, PortForward)
}

/// What a segment is set to; nil: as it is, or as it is by default.
public struct FabricSegmentSettings: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case `switch`, hub, multiplexer
    }

    public var kind: Kind?
    /// Largest packet that its guests are to send, told to guests that ask: 68 to 65,535.
    public var mtu: Int?
    public var usesSpanningTree: Bool?
    /// Directory in which the segment can be joined as any switch.
    public var listen: String?
    /// Highest port number.
    public var portCount: Int?

    public init() {}
}

/// What a port is made of.
public enum FabricPortKind: Sendable, Equatable {
    /// A tap whose descriptor comes with the request.
    case tap
    /// A socket of any type whose descriptor comes with the request: QEMU's `-netdev stream`, a channel, User Mode Linux's `fd`.
    case descriptor
    /// A socket that a virtual machine's monitor connects to. `isKept`: a monitor that shows its guest no carrier of ours
    /// stays connected nevertheless, because somebody else tells it.
    case vhost(path: String, mtu: UInt16?, isKept: Bool)
    case url(String)
}

/// Ways through a port, as its client's network sees them.
public struct FabricDirections: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Frames from the port's client.
    public static var inbound: FabricDirections { FabricDirections(rawValue: 1) }
    /// Frames to it.
    public static var outbound: FabricDirections { FabricDirections(rawValue: 2) }
    public static var both: FabricDirections { [.inbound, .outbound] }

    init?(word: String) {
        switch word {
        case "in": self = .inbound
        case "out": self = .outbound
        case "both": self = .both
        default: return nil
        }
    }

    /// True for each way in, false for each way out.
    var ways: [Bool] { [true, false].filter { contains($0 ? .inbound : .outbound) } }
}

/// What a wire at a port is to do to frames.
public struct FabricImpairment: Sendable, Equatable {
    public var directions = FabricDirections.both
    /// What is not named is nothing; else it stays as it is.
    public var replaces = false
    /// A kind of link, to begin with.
    public var preset: ImpairmentPreset?
    public var changes: [Change] = []

    public struct Change: Sendable, Equatable {
        public let key: ImpairmentKey
        public let value: ImpairmentValue
    }

    public init() {}

    /// What comes of settings.
    func applied(to settings: ImpairmentSettings) -> ImpairmentSettings {
        var result = replaces ? ImpairmentSettings() : settings
        if let preset { result = preset.settings }
        for change in changes { result[change.key] = change.value }
        return result
    }
}
