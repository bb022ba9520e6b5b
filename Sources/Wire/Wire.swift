// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Theory of Operation
//
// Wire knows how frames look: it reads and writes the headers of Ethernet, ARP, IPv4, IPv6, ICMP, TCP, UDP, DHCP and
// DNS, computes checksums, and cuts super-frames into segments. It does no I/O, keeps no state and has no unsafe code.
//
//      bytes ──▶ view    `EthernetFrame`: a span whose length was checked once; accessors cannot fail
//      bytes ──▶ value   `IPv4Header.parse(span, at:)`: the fields of one header, or nil: the frame is malformed
//      value ──▶ bytes   `header.emit(into: &span, at:)`: the length written, or nil: it does not fit
//
// Offsets go from layer to layer. The Ethernet view tells where the payload begins; the IP header is read there and tells
// where, and how long, the transport header and its data are; each layer trusts the length that the layer below allowed
// and nothing that the wire says beyond it.
//
//      | virtio-net | Ethernet | tags | IP header, options | TCP header, options | payload | padding |
//                   0          payloadOffset              +headerByteCount                 totalByteCount
//
// Hostile input. Anybody may send any bytes. A malformed frame is a value (nil), never a trap: parsers compare lengths
// before they read, arithmetic on lengths from the wire wraps or is bounded by the span's count, and every loop over
// options or headers moves on in each turn and has a bound that `WireTunables` names. What is wrong with a frame is not told
// apart here: callers count one drop.
//
// Speed. Values on the frame path are frozen structs with inlinable members, so that other modules compile them in. Bytes
// are read through bounds-checked spans; the checks of neighbouring bytes are merged by the optimiser. Nothing on the
// frame path allocates; DHCP and DNS make arrays and strings, as they handle a few messages per second.
//
// Threads. There is no shared state; everything is `Sendable` or a view that cannot escape.
