// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import PacketFilter

/// Who hears whom at a multiplexer: every interface hears all others and the uplinks, an uplink hears the interfaces.
///
/// # Theory of operation
///
/// Nothing is learned. Frames do not pass from one uplink to another: a multiplexer shares networks, it does not join them,
/// and two uplinks to the same network are no loop.
///
/// Clients are served in the order of their priorities. One whose filter has keys (`FilterKeys`) stands in an index by
/// them: of hundreds of clients only those are asked about a frame whose keys it has, and the rest cost a look at a word.
/// What a client was not even asked about is counted all the same, as frames that its filter refused: the numbers wait in
/// `skipped` until the client is served, or some time has passed.
///
///     burst ─▶ `mark`: masks of frames by indexed client ─▶ in order: `take` a client's mask ─▶ its filter ─▶ its output
///
/// Numbers of clients are those of the endpoint table.
public struct Multiplexer: ~Copyable {
    /// The bridge's tables are not asked.
    public let isOn: Bool
    /// By port.
    private var uplinks: RigidTable<Bool>
    private var index: DispatchIndex
    private var clients: RigidTable<Client>
    /// Frames of the burst in work that an indexed client may want, one bit each.
    private var masks: RigidTable<UInt64>
    /// Clients in the order in which they are served.
    private var order: RigidTable<Int32>
    public private(set) var count = 0
    private var indexedCount = 0
    /// Frames that indexed clients were not asked about and that are not counted yet.
    public private(set) var hasSkipped = false

    /// What is known of a client.
    struct Client {
        var isIndexed = false
        var priority: UInt32 = 0
        var skipped = 0
    }

    /// Entries of the index for each client, on average.
    private static var keysPerClient: Int { 8 }

    /// - Parameter isOn: else nothing is kept.
    public init(isOn: Bool, portCount: Int, clientCount: Int) {
        self.isOn = isOn
        let clientCount = isOn ? clientCount : 0
        uplinks = RigidTable(count: isOn ? portCount : 0) { _ in false }
        index = DispatchIndex(clientCount: clientCount, entryCount: clientCount * Self.keysPerClient)
        clients = RigidTable(count: clientCount) { _ in Client() }
        masks = RigidTable(count: clientCount) { _ in 0 }
        order = RigidTable(count: clientCount) { _ in -1 }
    }

    // MARK: Who is there

    public mutating func setUplink(port: Int, _ isUplink: Bool) {
        if port < uplinks.count { uplinks[port] = isUplink }
    }

    /// A frame that came in at `origin` goes to `port` too.
    @inline(__always)
    public func reaches(_ port: Int, from origin: Int) -> Bool {
        port != origin && !(uplinks[origin] && uplinks[port])
    }

    /// A client has come, or has other filters.
    public mutating func insert(_ client: Int, priority: UInt32, keys: [FrameKey]?) {
        guard isOn else { return }
        remove(client)
        clients[client].priority = priority
        if let keys, index.insert(client, keys) {
            clients[client].isIndexed = true
            indexedCount += 1
        }
        // Behind those of the same priority.
        var place = count
        while place > 0, clients[Int(order[place - 1])].priority < priority {
            order[place] = order[place - 1]
            place -= 1
        }
        order[place] = Int32(client)
        count += 1
    }

    public mutating func remove(_ client: Int) {
        guard isOn else { return }
        for place in 0..<count where Int(order[place]) == client {
            for later in place..<count - 1 { order[later] = order[later + 1] }
            count -= 1
            if clients[client].isIndexed {
                index.remove(client)
                indexedCount -= 1
            }
            clients[client] = Client()
            masks[client] = 0
            return
        }
    }

    /// The client that is served as number `place`.
    @inline(__always)
    public func client(_ place: Int) -> Int { Int(order[place]) }

    // MARK: Who wants what

    /// Notes which indexed clients may want a frame, which is number `position` of its burst.
    @inline(__always)
    public mutating func mark(_ frame: Span<UInt8>, position: Int) {
        if indexedCount == 0 { return }
        let bit = UInt64(1) << UInt64(position & 63)
        if frame[0] & 1 != 0 { mark(FrameKey(.group, 1), bit) }
        let type = UInt32(frame[12]) << 8 | UInt32(frame[13])
        mark(FrameKey(.etherType, type), bit)
        mark(.destination, frame, bit)
        mark(.source, frame, bit)
        switch type {
        case 0x0800:
            mark(.ipv4Destination, frame, bit)
            mark(.ipv4Source, frame, bit)
        case 0x0806:
            mark(.arpTarget, frame, bit)
            mark(.arpSender, frame, bit)
        case 0x86dd:
            mark(.ipv6Destination, frame, bit)
            mark(.ipv6Source, frame, bit)
        default: break
        }
    }

    @inline(__always)
    private mutating func mark(_ field: FrameField, _ frame: Span<UInt8>, _ bit: UInt64) {
        let offset = field.place.offset
        guard index.has(field), offset + 4 <= frame.count else { return }
        let high = UInt32(frame[offset]) << 24 | UInt32(frame[offset + 1]) << 16
        mark(FrameKey(field, high | UInt32(frame[offset + 2]) << 8 | UInt32(frame[offset + 3])), bit)
    }

    @inline(__always)
    private mutating func mark(_ key: FrameKey, _ bit: UInt64) {
        guard index.has(key.field) else { return }
        var entry = index.first(key)
        while entry >= 0 {
            masks[index.client(entry)] |= bit
            entry = index.next(key, after: entry)
        }
    }

    /// The frames of the burst that a client is to be asked about, of `all`; the next burst begins anew.
    @inline(__always)
    public mutating func take(_ client: Int, of all: UInt64) -> UInt64 {
        guard clients[client].isIndexed else { return all }
        let mask = masks[client] & all
        masks[client] = 0
        return mask
    }

    /// An indexed client was not asked about so many frames that reached it.
    @inline(__always)
    public mutating func skip(_ client: Int, _ frameCount: Int) {
        clients[client].skipped &+= frameCount
        hasSkipped = true
    }

    /// How many those are since the last call.
    @inline(__always)
    public mutating func takeSkipped(_ client: Int) -> Int {
        let count = clients[client].skipped
        clients[client].skipped = 0
        return count
    }

    /// All of them are counted now.
    public mutating func endSkipped() { hasSkipped = false }
}
