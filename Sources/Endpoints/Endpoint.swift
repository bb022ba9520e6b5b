// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem

/// Where frames enter and leave the process.
///
/// # Theory of operation
///
/// An endpoint is a descriptor, or a few, and the way frames are read from and written to it. It has no queue and no
/// counter of its own: it fills frames of the pool it is given and says how many there were; what it could not send stays
/// with the caller. Nothing waits: "would block" is a count like any other.
///
/// Descriptors are known by their **channel**, a small number; most kinds have only channel 0. The engine registers
/// `descriptor(channel:)` for each with the events that `interest` names, and asks `roles` what an event means. An endpoint
/// that does something by the clock says when (`nextDeadline`) and is called then (`expire`). What it has to tell the
/// control thread it leaves in `takeNotice`; what the control thread wants changed comes by `apply`.
///
/// State that changes lies in an `OwnedState`, so that all calls borrow the endpoint where it is and nothing is moved.
///
///     datagram   one plain frame a datagram (VDE, `ctl`)
///     tap        virtio-net header and frame by read and write (a tap device)
///     channel    virtio-net header and frame a message (our `attach` socket's SOCK_SEQPACKET pair)
///     vhost      virtio-net header and frame in the rings of a virtual machine's memory (vhost-user)
///     stream     length and frame on a byte stream (QEMU, vde_plug's standard streams, trunks of ours)
///     multicast  one plain frame a datagram of a UDP group (QEMU's mcast)
///     uplink     frames of a real interface, by a packet socket
///     overlay    a frame a UDP datagram, perhaps behind a header, to one peer or to many
///     tunnel     many frames, sealed, in UDP datagrams to another host
///
/// Kinds are cases of one non-copyable enumeration: dispatch is a jump, not a witness table, and nothing is retained.
public enum Endpoint: ~Copyable, Sendable {
    case datagram(DatagramEndpoint)
    case tap(TapEndpoint)
    case channel(ChannelEndpoint)
    case vhost(VhostEndpoint)
    case stream(StreamEndpoint)
    case multicast(MulticastEndpoint)
    /// Takes everything and gives nothing.
    case null
    case overlay(OverlayEndpoint)
    case tunnel(TunnelEndpoint)
    case uplink(UplinkEndpoint)

    /// What became of a burst's reading.
    @frozen
    public enum ReceiveResult: Sendable, Equatable {
        /// Nothing more waits at the moment.
        case drained
        /// The burst is full; more may wait.
        case more
        /// The other end is gone for good.
        case ended
    }

    /// Why sending stopped before the end of a burst.
    @frozen
    public enum SendResult: Sendable, Equatable {
        /// All frames went or were dropped for a cause that was counted.
        case done
        /// The rest, from this index on, has to wait until the descriptor is writable.
        case blocked(from: Int)
    }

    /// How many channels there are.
    public var channelCount: Int {
        switch self {
        case .vhost(let endpoint): endpoint.channelCount
        case .stream(let endpoint): endpoint.channelCount
        case .multicast(let endpoint): endpoint.channelCount
        case .overlay(let endpoint): endpoint.channelCount
        case .tunnel(let endpoint): endpoint.channelCount
        default: 1
        }
    }

    /// The descriptor of a channel, -1 when there is none at the moment.
    public func descriptor(channel: Int) -> Int32 {
        switch self {
        case .datagram(let endpoint): endpoint.descriptor.rawValue
        case .tap(let endpoint): endpoint.descriptor.rawValue
        case .channel(let endpoint): endpoint.descriptor.rawValue
        case .vhost(let endpoint): endpoint.descriptor(channel: channel)
        case .stream(let endpoint): endpoint.descriptor(channel: channel)
        case .multicast(let endpoint): endpoint.descriptor(channel: channel)
        case .null: -1
        case .overlay(let endpoint): endpoint.descriptor(channel: channel)
        case .tunnel(let endpoint): endpoint.descriptor(channel: channel)
        case .uplink(let endpoint): endpoint.descriptor.rawValue
        }
    }

    /// What to wait for on a channel.
    ///
    /// - Parameters:
    ///   - isRead: frames are wanted from this endpoint; not while its senders are paused.
    ///   - isBlocked: frames wait to be sent to it.
    public func interest(channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        switch self {
        case .vhost(let endpoint): return endpoint.interest(channel: channel, isRead: isRead, isBlocked: isBlocked)
        case .stream(let endpoint):
            return endpoint.interest(channel: channel, isRead: isRead, isBlocked: isBlocked)
        case .multicast(let endpoint):
            return endpoint.interest(channel: channel, isRead: isRead, isBlocked: isBlocked)
        case .tunnel(let endpoint):
            return endpoint.interest(channel: channel, isRead: isRead, isBlocked: isBlocked)
        default: break
        }
        var events: Epoll.Events = isRead ? .readable : []
        if isBlocked { events.insert(.writable) }
        return events
    }

    /// What an event on a channel means.
    public func roles(channel: Int, _ events: Epoll.Events) -> Roles {
        switch self {
        case .vhost(let endpoint): return endpoint.roles(channel: channel)
        default: break
        }
        var roles: Roles = []
        if events.contains(.writable) { roles.insert(.takesFrames) }
        if !events.isDisjoint(with: [.readable, .hangUp, .error]) { roles.insert(.hasFrames) }
        return roles
    }

    /// What an event stands for.
    @frozen
    public struct Roles: OptionSet, Sendable {
        public let rawValue: UInt8
        @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// `receive` has something to do.
        @inlinable public static var hasFrames: Roles { Roles(rawValue: 1) }
        /// `send` may go on where it was blocked.
        @inlinable public static var takesFrames: Roles { Roles(rawValue: 2) }
    }

    /// The endpoint does things by the clock.
    public var hasTimers: Bool {
        switch self {
        case .vhost: true
        case .stream: true
        case .tunnel: true
        case .uplink: true
        default: false
        }
    }

    /// Frames wait in the endpoint itself: `receive` has something to do although no descriptor says so.
    public var holdsFrames: Bool {
        switch self {
        case .stream(let endpoint): endpoint.holdsFrames
        case .overlay(let endpoint): endpoint.holdsFrames
        case .tunnel(let endpoint): endpoint.holdsFrames
        default: false
        }
    }

    /// Nobody is there to take frames: what is sent is dropped and counted, and nothing need wait.
    public var isDeserted: Bool {
        switch self {
        case .vhost(let endpoint): endpoint.isDeserted
        default: false
        }
    }

    /// Gives the slots of frames that wait in the endpoint back: it is about to end. How many frames these were.
    public func releaseFrames(_ pool: inout FramePool) -> Int {
        switch self {
        case .overlay(let endpoint): endpoint.releaseFrames(&pool)
        default: 0
        }
    }

    /// When `expire` wants to be called, in monotonic nanoseconds; `.max`: never.
    public var nextDeadline: UInt64 {
        switch self {
        case .tunnel(let endpoint): endpoint.nextDeadline
        default: .max
        }
    }

    /// The time asked for has come.
    public func expire(now: UInt64, drops: inout DropTally) {
        switch self {
        case .tunnel(let endpoint): endpoint.expire(now: now, drops: &drops)
        default: break
        }
    }

    /// Something the control thread should hear of; nil when there is nothing (more).
    public func takeNotice() -> EndpointNotice? {
        switch self {
        case .tap(let endpoint): endpoint.takeNotice()
        case .vhost(let endpoint): endpoint.takeNotice()
        case .stream(let endpoint): endpoint.takeNotice()
        case .tunnel(let endpoint): endpoint.takeNotice()
        case .uplink(let endpoint): endpoint.takeNotice()
        default: nil
        }
    }

    /// What `interest` says of some channel is not what it was, by the endpoint's own doing. True once.
    public func takeInterestChange() -> Bool {
        switch self {
        case .tunnel(let endpoint): endpoint.takeInterestChange()
        case .vhost(let endpoint): endpoint.takeInterestChange()
        default: false
        }
    }

    /// Carries out what the control thread wants changed. Descriptors may be others afterwards.
    public func apply(_ change: consuming EndpointChange) {
        switch consume change {
        case .carrier(let isOn):
            switch self {
            case .tap(let endpoint): endpoint.setCarrier(isOn)
            case .vhost(let endpoint): endpoint.setCarrier(isOn)
            default: break
            }
        case .vhost(let change):
            switch self {
            case .vhost(let endpoint): endpoint.apply(change)
            default: break
            }
        case .tunnelStream(let descriptor):
            switch self {
            case .tunnel(let endpoint): endpoint.adopt(descriptor)
            default: break
            }
        case .speed(let megabits):
            switch self {
            case .tap(let endpoint): endpoint.setSpeed(megabits: megabits)
            case .vhost(let endpoint): endpoint.setSpeed(megabits: megabits)
            default: break
            }
        }
    }

    /// Number of the kind, as the state memory keeps it.
    public var kind: EndpointKind {
        switch self {
        case .datagram: .datagram
        case .tap: .tap
        case .channel: .channel
        case .vhost: .vhost
        case .stream: .stream
        case .multicast: .multicast
        case .null: .null
        case .overlay: .overlay
        case .tunnel: .tunnel
        case .uplink: .uplink
        }
    }

    /// What frames this endpoint takes as they are.
    public var capabilities: PortCapabilities {
        switch self {
        case .datagram: []
        case .tap(let endpoint): endpoint.capabilities
        case .channel: .all
        case .vhost(let endpoint): endpoint.capabilities
        case .stream(let endpoint): endpoint.capabilities
        case .multicast: []
        case .null: .all
        case .overlay: []
        case .tunnel(let endpoint): endpoint.capabilities
        case .uplink: [.checksum, .tso4, .tso6]
        }
    }

    /// Fills `burst` with frames that wait, at most `Tunables.burstFrameCount` and about `Tunables.burstByteCount` bytes.
    /// Each frame has one holder, the caller. What arrived damaged is dropped and counted.
    ///
    /// - Parameters:
    ///   - channel: where the event was.
    ///   - now: monotonic nanoseconds at the latest wake-up.
    public func receive(
        channel: Int = 0,
        now: UInt64 = 0,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> ReceiveResult {
        switch self {
        case .datagram(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .tap(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .channel(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .vhost(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        case .stream(let endpoint):
            endpoint.receive(channel: channel, into: &burst, pool: &pool, drops: &drops)
        case .multicast(let endpoint):
            endpoint.receive(channel: channel, into: &burst, pool: &pool, drops: &drops)
        case .null: .drained
        case .overlay(let endpoint):
            endpoint.receive(channel: channel, now: now, into: &burst, pool: &pool, drops: &drops)
        case .tunnel(let endpoint):
            endpoint.receive(channel: channel, now: now, into: &burst, pool: &pool, drops: &drops)
        case .uplink(let endpoint): endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        }
    }

    /// Sends the frames of `burst` from index `first` on. The frames' holds stay with the caller.
    public func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        now: UInt64 = 0,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> SendResult {
        switch self {
        case .datagram(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .tap(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .channel(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .vhost(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .stream(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .multicast(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        case .null: .done
        case .overlay(let endpoint): endpoint.send(burst, from: first, now: now, pool: pool, drops: &drops)
        case .tunnel(let endpoint): endpoint.send(burst, from: first, now: now, pool: pool, drops: &drops)
        case .uplink(let endpoint): endpoint.send(burst, from: first, pool: pool, drops: &drops)
        }
    }
}

/// Kinds of endpoints, as numbered in the state memory.
@frozen
public enum EndpointKind: UInt32, Sendable {
    case datagram = 1
    case tap = 2
    case channel = 3
    /// The gateway inside the process: no descriptor.
    case gateway = 4
    /// A virtual machine's shared memory.
    case vhost = 10
    case stream = 20
    case multicast = 21
    case null = 22
    case overlay = 30
    /// An encrypted tunnel to another host.
    case tunnel = 40
    case uplink = 31
}
