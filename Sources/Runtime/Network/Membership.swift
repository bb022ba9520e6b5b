// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Endpoints
import Glibc
public import LinuxSystem
public import Wire

/// A program's place at a switch: from joining until the switch or the program ends.
///
/// Our own switches are joined by `attach`, so that super-frames stay whole; all others by VDE.
public struct Membership: ~Copyable {
    /// Readable (end of file) when the switch is gone; closing it leaves the switch.
    public private(set) var control: OwnedDescriptor?
    /// What frames go through here; nil when the switch serves a passed tap itself.
    public private(set) var endpoint: Endpoint?

    /// The address that an interface of a multiplexer has: who attaches is to use it.
    public let address: MACAddress?

    init(address: MACAddress? = nil, control: consuming OwnedDescriptor, endpoint: consuming Endpoint?) {
        self.address = address
        self.control = Optional(consume control)
        self.endpoint = endpoint
    }

    /// Takes the connection out: whoever holds it holds the place at the switch.
    public mutating func takeControl() -> OwnedDescriptor { control.take()! }

    public mutating func takeEndpoint() -> Endpoint? { endpoint.take() }

    /// What a program wants of a switch.
    public struct Wishes: Sendable {
        /// Port number, 0 for any.
        public var port: Int
        /// Interface of a multiplexer; empty: the port says which.
        public var interface: String
        /// Only switches of ours take any.
        public var filters: [AttachRequest.Filter] = []

        public init(port: Int = 0, interface: String = "") {
            self.port = port
            self.interface = interface
        }

        func apply(to request: inout AttachRequest) {
            request.port = port
            request.name = interface
            request.filters = filters
        }
    }

    /// Why a network could not be joined.
    public struct JoinError: Error, Sendable, CustomStringConvertible {
        public let description: String
        /// The switch is not there (yet, or any more): joining later may work.
        public let mayComeBack: Bool
    }

    /// Joins a switch so that its frames come to this process.
    public static func join(
        directory: String,
        _ wishes: Wishes = Wishes(),
        description: (_ socketPath: String) -> String
    ) throws(JoinError) -> Membership {
        var request = AttachRequest(transport: .channel, description: description(directory + "/attach"))
        wishes.apply(to: &request)
        do {
            var client = try AttachClient(directory: directory, request: request)
            guard let channel = client.takeChannel() else {
                throw JoinError(description: "\(directory): the switch sent no channel", mayComeBack: false)
            }
            return Membership(
                address: client.address,
                control: client.takeControl(),
                endpoint: .channel(ChannelEndpoint(channel))
            )
        } catch let error as AttachClient.JoinError {
            guard case .notOurs = error else { throw Self.error(directory, error) }
        } catch let error as JoinError {
            throw error
        } catch {
            throw JoinError(description: "\(directory): \(error)", mayComeBack: false)
        }
        return try joinVDE(directory: directory, wishes, description: description(directory))
    }

    /// Joins a switch with a tap, which a switch of ours serves itself. The tap's descriptor stays the caller's.
    /// With another switch nothing is served: the result's endpoint is to be joined with the tap by a `Cable`.
    public static func join(
        directory: String,
        _ wishes: Wishes = Wishes(),
        tap: borrowing OwnedDescriptor,
        description: String
    ) throws(JoinError) -> Membership {
        var request = AttachRequest(transport: .descriptor, description: description)
        wishes.apply(to: &request)
        do {
            var client = try AttachClient(directory: directory, request: request, descriptor: tap.rawValue)
            return Membership(address: client.address, control: client.takeControl(), endpoint: nil)
        } catch {
            guard case .notOurs = error else { throw Self.error(directory, error) }
        }
        return try joinVDE(directory: directory, wishes, description: description)
    }

    private static func joinVDE(
        directory: String,
        _ wishes: Wishes,
        description: String
    ) throws(JoinError) -> Membership {
        guard wishes.filters.isEmpty else {
            throw JoinError(description: "\(directory): a switch of another make takes no filters", mayComeBack: false)
        }
        do {
            // The socket of an interface's own, as vdeplug4 looks for it.
            let place = wishes.interface.isEmpty ? directory : directory + "/" + wishes.interface
            var client = try VDEClient(directory: place, port: wishes.port, description: description)
            let data = client.takeData()
            return Membership(control: client.takeControl(), endpoint: .datagram(DatagramEndpoint(data)))
        } catch {
            throw JoinError(
                description: error.description,
                mayComeBack: error.reason == .nobodyListens || error.reason == .notASwitch
            )
        }
    }

    private static func error(_ directory: String, _ error: AttachClient.JoinError) -> JoinError {
        switch error {
        case .nobodyListens:
            JoinError(
                description: "\(directory): its switch is dead (connection refused); start it again",
                mayComeBack: true
            )
        case .refused(_, let message):
            JoinError(description: "\(directory): the switch refused: \(message)", mayComeBack: false)
        case .noAnswer:
            JoinError(description: "\(directory): the switch does not answer", mayComeBack: false)
        case .system(let errno): JoinError(description: "\(directory): \(errno)", mayComeBack: false)
        case .notOurs: JoinError(description: "\(directory): not a switch of ours", mayComeBack: false)
        }
    }
}
