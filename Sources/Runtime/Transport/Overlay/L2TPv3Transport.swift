// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Wire

extension OverlayOpener {
    /// L2TPv3 over UDP with fixed sessions, the option names being those of User Mode Linux
    /// (`vec0:transport=l2tpv3,udp=1,…`): `rx` is what this side receives.
    static func l2tpv3(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: [
            "rx_session", "tx_session", "rx_cookie", "tx_cookie", "cookie64", "counter", "pin_counter", "udp", "v6",
        ])
        if url.value("udp") == "0" {
            throw TransportError(
                .unsupported,
                "\(url): L2TPv3 directly over IP is not supported; both sides want udp=1"
            )
        }
        guard let receiveSession = try integer("rx_session", upTo: UInt64(UInt32.max), url),
            let sendSession = try integer("tx_session", upTo: UInt64(UInt32.max), url)
        else {
            throw TransportError(
                .usage,
                "\(url): both sessions are needed: /rx_session=NUMBER/tx_session=NUMBER; the other side has them "
                    + "the other way round"
            )
        }
        var framing = L2TPv3Framing(
            receiveSession: UInt32(receiveSession),
            sendSession: UInt32(sendSession)
        )
        let isLong = url.value("cookie64") == "1"
        let limit = isLong ? UInt64.max : UInt64(UInt32.max)
        let receiveCookie = try integer("rx_cookie", upTo: limit, url)
        let sendCookie = try integer("tx_cookie", upTo: limit, url)
        switch (receiveCookie, sendCookie) {
        case (let receive?, let send?):
            framing.cookieByteCount = isLong ? 8 : 4
            framing.receiveCookie = receive
            framing.sendCookie = send
        case (nil, nil): break
        default: throw TransportError(.usage, "\(url): a cookie for each direction or none: rx_cookie and tx_cookie")
        }
        framing.hasCounter = url.value("counter") == "1"
        framing.isCounterPinned = url.value("pin_counter") == "1"
        let (local, peer) = try endpoints(url)
        let socket = try makeSocket(isIPv6: peer.isIPv6, url)
        try bind(socket, to: local, url)
        let configuration = OverlayConfiguration(framing: .l2tpv3(framing), destinations: [peer])
        return try open(socket, group: nil, configuration, url, context)
    }

    /// A number as the kernel's options have it: decimal, or hexadecimal behind `0x`.
    private static func integer(_ name: String, upTo limit: UInt64, _ url: NetworkURL) throws -> UInt64? {
        guard let text = url.value(name) else { return nil }
        let isHexadecimal = text.lowercased().hasPrefix("0x")
        guard let number = isHexadecimal ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text), number <= limit else {
            throw TransportError(.usage, "\(url): \(name)=\(text): wants a number from 0 to \(limit)")
        }
        return number
    }
}
