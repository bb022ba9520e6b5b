// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Endpoints
public import LinuxSystem

/// What a new endpoint brings along.
public struct Newcomer {
    /// Port number wanted; 0 for any.
    public var port = 0
    /// Name of the interface wanted at a multiplexer; empty when it is the number that says which.
    public var interface = ""
    /// Wants port 0 of a switch, the management port.
    public var isManagement = false
    /// What the client wants of the port's frames.
    public var filters = ClientFilterSet()
    /// Unique among living endpoints of the process: the number of a descriptor that lives as long.
    public var identifier: Int32
    /// `unix prog`, `tuntap`: the kind as consoles show it.
    public var module: String
    public var description: String
    /// Who attached it; nil for the program's own.
    public var userID: UInt32?
    public var processID: Int32
    /// Whether the other side is there; nil where the transport cannot tell. Changes come by `setPeer`.
    public var peer: PeerState?
    /// Runs when the endpoint goes, whoever ended it: closes its connection, removes its socket file.
    public var onRemoval: () -> Void
    /// Runs when the endpoint has something to say.
    public var onNotice: (EndpointNotice) -> Void = { _ in }

    public init(
        identifier: Int32,
        module: String,
        description: String,
        userID: UInt32?,
        processID: Int32,
        onRemoval: @escaping () -> Void = {}
    ) {
        self.identifier = identifier
        self.module = module
        self.description = description
        self.userID = userID
        self.processID = processID
        self.onRemoval = onRemoval
    }
}

/// Where a transport's endpoints are plugged in: a switch (each on a port), or one end of a cable.
public protocol EndpointHost: AnyObject {
    var loop: ControlLoop { get }
    var log: (String) -> Void { get }
    /// Plugs an endpoint in. Returns the port's number.
    @discardableResult
    func attach(_ endpoint: consuming Endpoint, _ newcomer: Newcomer) throws(AttachRefusal) -> Int
    /// Unplugs the endpoint with this identifier, if it is still there; its `onRemoval` runs.
    func detach(identifier: Int32)
    /// Has the endpoint with this identifier change: carrier, keys, rings.
    func configure(identifier: Int32, _ change: consuming EndpointChange)
    /// Somebody is at the other side of the endpoint with this identifier, or is not any more.
    func setPeer(identifier: Int32, _ state: PeerState)
    /// The carrier is another end's: nobody has pulled a cable when there is none yet.
    var isCable: Bool { get }
}

extension EndpointHost {
    public var isCable: Bool { false }
}
