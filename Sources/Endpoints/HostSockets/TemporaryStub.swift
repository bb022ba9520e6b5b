// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Stands in until the real conformance lands in this directory; delete this file then (keep `rearm`: it re-registers every
// socket with EPOLL_CTL_MOD, because edges that came before the loop listened are lost).
public import Gateway
extension HostSockets: GatewayHost {
    public mutating func rearm() {}
    public mutating func connectTCP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection { fatalError() }
    public mutating func connectionResult(_ socket: HostSocket) -> HostConnection { fatalError() }
    public mutating func accept(listener: Int, token: GatewayToken) -> HostAcceptance { fatalError() }
    public mutating func send(_ socket: HostSocket, _ bytes: Span<UInt8>) -> HostTransfer { fatalError() }
    public mutating func peek(_ socket: HostSocket, offset: Int, into buffer: inout MutableSpan<UInt8>) -> HostTransfer { fatalError() }
    public mutating func discard(_ socket: HostSocket, byteCount: Int) {}
    public mutating func shutdownWrite(_ socket: HostSocket) {}
    public mutating func close(_ socket: HostSocket) {}
    public mutating func reset(_ socket: HostSocket) {}
    public mutating func openUDP(to endpoint: HostEndpoint, token: GatewayToken) -> HostConnection { fatalError() }
    public mutating func sendDatagram(_ socket: HostSocket, _ bytes: Span<UInt8>, segmentByteCount: Int) -> HostTransfer { fatalError() }
    public mutating func receiveDatagram(_ socket: HostSocket, into buffer: inout MutableSpan<UInt8>) -> HostTransfer { fatalError() }
    public mutating func receiveDatagram(listener: Int, into buffer: inout MutableSpan<UInt8>) -> HostDatagram { fatalError() }
    public mutating func sendDatagram(listener: Int, _ bytes: Span<UInt8>, to endpoint: HostEndpoint) -> HostTransfer { fatalError() }
}
