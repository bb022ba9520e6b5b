// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Copies of one direction of a port's frames, or of those that a filter wants, go to another port too.
public struct MirrorRule: ~Copyable, Sendable {
    public let source: Int
    /// Frames that come in at the source; else those that leave there.
    public let isInbound: Bool
    public let destination: Int
    public let filter: FilterTable

    public init(source: Int, isInbound: Bool, destination: Int, filter: consuming FilterTable) {
        self.source = source
        self.isInbound = isInbound
        self.destination = destination
        self.filter = filter
    }

    /// A rule that applies to nothing.
    public init() { self.init(source: -1, isInbound: true, destination: -1, filter: FilterTable(nil)) }

    public func applies(port: Int, isInbound: Bool) -> Bool { source == port && self.isInbound == isInbound }
}
