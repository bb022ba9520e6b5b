// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// A small generator for choices that need not be secret beyond their seed (Steele, Lea and Flood, 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

/// What a socket belongs to, told by its token: kind (2 bits), generation (30), index (32).
extension GatewayToken {
    enum Kind: UInt64 {
        case tcp = 0
        case udp = 1
        case forward = 2
    }

    init(_ kind: Kind, index: Int, generation: UInt32) {
        self.init(
            rawValue: kind.rawValue << 62 | UInt64(generation & 0x3fff_ffff) << 32
                | UInt64(UInt32(truncatingIfNeeded: index))
        )
    }

    /// The token of a forward's listening socket.
    public static func forward(_ index: Int) -> GatewayToken { GatewayToken(.forward, index: index, generation: 0) }

    var kind: Kind { Kind(rawValue: rawValue >> 62) ?? .forward }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) & 0x3fff_ffff }
    var index: Int { Int(UInt32(truncatingIfNeeded: rawValue)) }
}

/// Numbers of timers in the wheel: TCP flows, UDP flows, address questions, forwards.
enum TimerNumber {
    static func count(_ configuration: GatewayConfiguration) -> Int {
        forward(configuration.forwards.count + configuration.spareForwardCount, configuration.limits)
    }

    static func udp(_ index: Int, _ limits: GatewayLimits) -> Int { limits.tcpFlowCount &+ index }

    static func resolution(_ index: Int, _ limits: GatewayLimits) -> Int { udp(limits.udpFlowCount, limits) &+ index }

    static func forward(_ index: Int, _ limits: GatewayLimits) -> Int {
        resolution(GatewayTunables.resolutionCount, limits) &+ index
    }
}

extension Gateway {
    /// Acts on one timer.
    mutating func fire<Host: GatewayHost & ~Copyable>(
        _ number: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let limits = configuration.limits
        if number < TimerNumber.udp(0, limits) {
            tcp.beginWrite(number)
            tcpTimeout(number, pool: &pool, host: &host, output: &output, now: now)
            tcp.endWrite(number)
        } else if number < TimerNumber.resolution(0, limits) {
            udpTimeout(number &- TimerNumber.udp(0, limits), pool: &pool, host: &host, output: &output, now: now)
        } else if number < TimerNumber.forward(0, limits) {
            let index = number &- TimerNumber.resolution(0, limits)
            resolutionTimeout(index, pool: &pool, host: &host, output: &output, now: now)
        } else {
            forwards.setReady(number &- TimerNumber.forward(0, limits))
        }
    }
}
