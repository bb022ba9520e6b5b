// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Gateway
import Glibc
public import LinuxSystem

/// The host's sockets for a gateway.
///
/// # Theory of operation
///
/// A fixed table of places; a place holds a descriptor, the gateway's token for it and, for TCP, where the kernel's next peek
/// begins. A handle is a place and its generation: a handle that was kept too long finds nothing.
///
/// All sockets are non-blocking and watched edge-triggered by the loop's own epoll instance, for everything at once: nothing
/// is changed there during a socket's life, and closing ends it. The loop tells its words from ours by the prefix:
///
///     epoll word:  | loop's prefix (16) | generation (24) | place (24) |
///
/// Received TCP data is peeked and stays in the kernel until the guest has it. With `SO_PEEK_OFF` (TCP: Linux 6.9) the kernel
/// remembers how far peeking got; older kernels copy what is skipped once more.
///
/// Buffer sizes are never set: setting SO_SNDBUF or SO_RCVBUF would end the kernel's own tuning, which long paths need.
///
/// Thread rule: made by one thread, then used by the loop's alone. Invariant: `places` has `capacity` elements, those below
/// `highWaterMark` are initialised; indices are checked against it.
@safe
public struct HostSockets: ~Copyable {
    /// Bits of an epoll word that are ours; the loop's prefix has the others.
    public static var wordMask: UInt64 { 0xffff_ffff_ffff }

    /// How data behind peeked data is reached.
    public enum PeekMode: Sendable {
        /// As the kernel can.
        case automatic
        /// `SO_PEEK_OFF`.
        case offset
        /// Copying what is skipped, on any kernel.
        case skipping
    }

    enum Kind: UInt8 {
        case free, tcp, udp, listener
    }

    struct Place {
        var descriptor: Int32 = -1
        var generation: UInt32 = 0
        var token: UInt64 = 0
        /// Where the kernel's next peek begins; -1 while SO_PEEK_OFF was never set.
        var peekOffset: Int32 = -1
        var nextFree: Int32 = -1
        var kind = Kind.free
    }

    public let capacity: Int
    /// Sockets now, listening ones included.
    public private(set) var count = 0
    /// Whether peeks use SO_PEEK_OFF.
    public let usesPeekOffset: Bool
    let epoll: Int32
    let wordPrefix: UInt64
    private let places: UnsafeMutablePointer<Place>
    private var highWaterMark = 0
    private var firstFree: Int32 = -1
    /// Handles of the forwards' sockets, by the forwards' numbers.
    var listeners: [HostSocket] = []
    /// Where skipped bytes go.
    var scratch: [UInt8]

    /// Makes the table and binds the forwards.
    ///
    /// - Parameters:
    ///   - epoll: the loop's epoll descriptor, which outlives this value.
    ///   - wordPrefix: upper 16 bits of the epoll words of our sockets; the lower 48 bits must be 0.
    ///   - capacity: sockets at a time, forwards included.
    public init(
        epoll: Int32,
        wordPrefix: UInt64,
        forwards: [PortForward],
        capacity: Int = 24_576,
        peekMode: PeekMode = .automatic
    ) throws(HostSocketsError) {
        precondition(wordPrefix & Self.wordMask == 0 && capacity > 0 && capacity < 1 << 24)
        self.epoll = epoll
        self.wordPrefix = wordPrefix
        self.capacity = capacity
        unsafe places = .allocate(capacity: capacity)
        switch peekMode {
        case .automatic: usesPeekOffset = Self.kernelHasPeekOffset()
        case .offset: usesPeekOffset = true
        case .skipping: usesPeekOffset = false
        }
        scratch = usesPeekOffset ? [] : [UInt8](repeating: 0, count: 64 * 1024)
        for index in forwards.indices { listeners.append(try open(forwards[index], number: index)) }
    }

    deinit {
        for index in 0..<highWaterMark {
            let descriptor = unsafe places[index].descriptor
            if descriptor >= 0 { InternetSocket.close(descriptor) }
        }
        unsafe places.deallocate()
    }

    private static func kernelHasPeekOffset() -> Bool {
        let fd = InternetSocket.makeTCP()
        guard fd >= 0 else { return false }
        defer { InternetSocket.close(fd) }
        return InternetSocket.setPeekOffset(fd, 0) >= 0
    }

    // MARK: Places

    /// Everything that a socket may become ready for.
    private static var watched: Epoll.Events {
        [.readable, .writable, .readHangUp, .urgent, .edgeTriggered]
    }

    private func word(_ index: Int) -> UInt64 {
        let generation = unsafe places[index].generation
        return wordPrefix | UInt64(generation & 0xff_ffff) << 24 | UInt64(index)
    }

    /// Puts a descriptor into the table and watches it. On failure it is closed.
    mutating func add(_ descriptor: Int32, _ kind: Kind, token: GatewayToken) -> HostSocket? {
        let index: Int
        if firstFree >= 0 {
            index = Int(firstFree)
            firstFree = unsafe places[index].nextFree
        } else if highWaterMark < capacity {
            index = highWaterMark
            unsafe (places + index).initialize(to: Place())
            highWaterMark += 1
        } else {
            InternetSocket.close(descriptor)
            return nil
        }
        unsafe places[index].descriptor = descriptor
        unsafe places[index].token = token.rawValue
        unsafe places[index].kind = kind
        unsafe places[index].peekOffset = -1
        count += 1
        let handle = unsafe HostSocket(rawValue: UInt64(places[index].generation) << 32 | UInt64(index))
        guard Epoll.add(to: epoll, descriptor, Self.watched, word: word(index)) >= 0 else {
            InternetSocket.close(descriptor)
            remove(index)
            return nil
        }
        return handle
    }

    private mutating func remove(_ index: Int) {
        unsafe places[index].descriptor = -1
        unsafe places[index].kind = .free
        unsafe places[index].generation &+= 1
        unsafe places[index].nextFree = firstFree
        firstFree = Int32(truncatingIfNeeded: index)
        count -= 1
    }

    /// The place that a handle names, nil when it is used by another socket by now.
    @inline(__always)
    private func index(_ socket: HostSocket) -> Int? {
        let index = Int(truncatingIfNeeded: socket.rawValue & 0xffff_ffff)
        guard index < highWaterMark, unsafe places[index].descriptor >= 0,
            unsafe places[index].generation == UInt32(truncatingIfNeeded: socket.rawValue >> 32)
        else { return nil }
        return index
    }

    /// The handle's descriptor, -1 when there is none: every call on it fails then.
    @inline(__always)
    func descriptor(_ socket: HostSocket) -> Int32 {
        guard let index = index(socket) else { return -1 }
        return unsafe places[index].descriptor
    }

    /// Takes a socket out of the table: its descriptor is the caller's to close.
    mutating func release(_ socket: HostSocket) -> Int32? {
        guard let index = index(socket) else { return nil }
        let descriptor = unsafe places[index].descriptor
        remove(index)
        return descriptor
    }

    /// Where the kernel's next peek begins.
    func peekOffset(_ socket: HostSocket) -> Int32 {
        guard let index = index(socket) else { return -1 }
        return unsafe places[index].peekOffset
    }

    mutating func setPeekOffset(_ socket: HostSocket, _ offset: Int32) {
        guard let index = index(socket) else { return }
        unsafe places[index].peekOffset = offset
    }

    // MARK: Readiness

    /// What the gateway is to be told about an event of the loop's epoll; nil for a socket that is gone.
    public func readiness(word: UInt64, events: Epoll.Events) -> HostReadiness? {
        let index = Int(truncatingIfNeeded: word & 0xff_ffff)
        guard index < highWaterMark, unsafe places[index].descriptor >= 0,
            unsafe UInt64(places[index].generation & 0xff_ffff) == word >> 24 & 0xff_ffff
        else { return nil }
        var told: HostEvents = []
        if events.contains(.readable) { told.insert(.readable) }
        if events.contains(.writable) { told.insert(.writable) }
        if events.contains(.readHangUp) { told.insert(.readHangUp) }
        if events.contains(.urgent) { told.insert(.urgent) }
        if !events.isDisjoint(with: [.error, .hangUp]) { told.insert(.error) }
        return unsafe HostReadiness(token: GatewayToken(rawValue: places[index].token), events: told)
    }

    /// Has everything reported again that is ready now: edges that came before the loop listened are lost otherwise.
    public mutating func rearm() {
        for index in 0..<highWaterMark {
            let descriptor = unsafe places[index].descriptor
            guard descriptor >= 0 else { continue }
            _ = Epoll.modify(in: epoll, descriptor, Self.watched, word: word(index))
        }
    }

    /// The port that a forward's socket is bound to; tells what the kernel chose for port 0.
    public func boundPort(forward number: Int) -> UInt16? {
        InternetSocket.localPort(descriptor(listeners[number]))
    }
}

/// A socket's readiness in the gateway's terms: arguments for `Gateway.hostReady`.
public struct HostReadiness: Sendable {
    public var token: GatewayToken
    public var events: HostEvents

    public init(token: GatewayToken, events: HostEvents) {
        self.token = token
        self.events = events
    }
}
