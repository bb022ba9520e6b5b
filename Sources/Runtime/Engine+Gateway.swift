// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Wire

extension Engine {
    mutating func runGatewayTimers() {}
    mutating func serveGateway(_ word: UInt64, _ events: Epoll.Events) {}
    mutating func receiveInGateway() {}
    mutating func finishGatewayBurst() {}
    mutating func addGateway(_ element: consuming GatewayElement, at index: Int, generation: UInt32, port: Int) {}
    mutating func setResolvers(_ servers: [IPv4Address]) {}
}
