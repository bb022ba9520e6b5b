// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Whether somebody is at the other side of a transport that can tell: of an encrypted tunnel, by its keepalives.
///
/// A switch shows it to consoles; at the end of a cable nobody there means no carrier for what is at the other end.
public enum PeerState: Sendable, Equatable {
    /// Nobody has answered so far.
    case awaited
    case present
    /// Nothing has come since then, in seconds since 1970.
    case silent(since: Int64)

    public var isPresent: Bool { self == .present }
}
