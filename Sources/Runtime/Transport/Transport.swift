// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Endpoints
public import LinuxSystem

/// What a URL stands for while it is in use: one connection to a network, or a listener that lets others connect.
///
/// # Theory of operation
///
///     "udp://5000->peer:5000" ──NetworkURL──▶ TransportRegistry ──opener of the scheme──▶ Transport
///                                                                                           │ attach, detach
///                                                               EndpointHost (switch, cable end)
///
/// An opener makes the descriptors, plugs one endpoint (a client) or one for each peer that connects (a listener) into the
/// host, and returns the object that keeps what belongs to them on the control thread. The same URL therefore works on the
/// command line, in a configuration file, at a console, as a cable's end and as a switch's port.
public protocol Transport: AnyObject {
    /// Unplugs everything and removes what was made.
    func close()
    /// The other side has not answered yet; if this ends so, another one may be tried in its place.
    var isConnecting: Bool { get }
    /// Somebody is at the other side, as far as it can tell.
    var hasPeer: Bool { get }
}

extension Transport {
    public var isConnecting: Bool { false }
    public var hasPeer: Bool { true }
}

/// Where and how a transport is to be opened.
public struct TransportContext {
    public let host: any EndpointHost
    /// The port wanted at a switch, 0 for any.
    public var port = 0
    /// What this program wants of a switch's frames, and lets itself send: see `AttachRequest.Filter`.
    public var filters: [AttachRequest.Filter] = []
    /// The program starts: nobody else waits for the control thread, and a refusal is to be known before it goes on.
    public var mayWait = false
    /// What the other side's console shall show of this program: `etherloom user=… PID=…`.
    public var description: String
    /// URLs may name programs to run: not those of a user who is given networks only.
    public var mayRunPrograms = true
    /// URLs may name capture files to read and write: not those of such a user either.
    public var mayUseFiles = true
    /// The other side is gone for good, and why; a transport that reconnects or listens does not call this.
    public var onEnd: (String) -> Void = { _ in }
    /// All that was to be done is done, and what: a file was played to its end. Nothing is to be tried again.
    public var onFinish: (String) -> Void = { _ in }
    /// The other side has come or gone while the transport stays.
    public var onLinkChange: (_ isUp: Bool, _ detail: String) -> Void = { _, _ in }

    public init(host: any EndpointHost, description: String) {
        self.host = host
        self.description = description
    }

    public var loop: ControlLoop { host.loop }
}

/// Why a transport could not be opened.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What the program's exit status says.
    public enum Kind: Sendable, Equatable {
        /// The URL itself is wrong.
        case usage
        /// The other side is not there, or refuses; later it may be there.
        case unreachable
        /// This host lacks something; the message says what.
        case unsupported
        /// Anything else.
        case failed
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
