// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
public import Wire

/// Joins a switch of ours by its `attach` socket.
public struct AttachClient: ~Copyable {
    /// The handshake's connection. Closing it ends the port; its end of file says that the switch is gone.
    public private(set) var control: OwnedDescriptor?
    /// One end of a channel, when a channel was asked for.
    public private(set) var channel: OwnedDescriptor?
    /// The port's number.
    public let port: Int
    /// The address that the interface has, at a multiplexer.
    public let address: MACAddress?

    public enum JoinError: Error, Sendable {
        /// No `attach` socket: not a switch of ours. VDE is to be tried.
        case notOurs
        /// The switch said no: errno and words.
        case refused(Errno, String)
        case nobodyListens
        case noAnswer
        case system(Errno)
    }

    /// - Parameters:
    ///   - directory: the switch's directory.
    ///   - descriptor: a tap for the switch to serve, when the request says so; it stays the caller's.
    public init(directory: String, request: AttachRequest, descriptor: Int32? = nil) throws(JoinError) {
        guard let address = UnixSocketAddress(path: directory + "/attach") else { throw .system(.nameTooLong) }
        do {
            let socket = try UnixSocket.connection(.sequencedPacket, to: address)
            try UnixSocket.send(request.encoded(), descriptors: descriptor.map { [$0] } ?? [], to: socket)
            guard try Readiness.wait(socket, milliseconds: VDEClient.answerMilliseconds) else {
                throw JoinError.noAnswer
            }
            var message = try UnixSocket.receive(from: socket, limit: 4096)
            let answer = try AttachAnswer.parse(message.bytes)
            guard answer.status == 0 else {
                throw JoinError.refused(Errno(rawValue: answer.status), answer.message)
            }
            let passed = message.takeDescriptor()
            if request.transport == .channel, passed == nil { throw JoinError.system(.invalid) }
            channel = passed
            port = answer.port
            self.address = answer.address
            control = Optional(consume socket)
        } catch let error as JoinError {
            throw error
        } catch let error as Errno {
            switch error {
            // A path below a plain socket (the layout of uml_switch) is no directory.
            case .noEntry, .notADirectory: throw .notOurs
            case .connectionRefused: throw .nobodyListens
            case .connectionReset, .brokenPipe: throw .refused(error, "the switch closed the connection")
            default: throw .system(error)
            }
        } catch {
            throw .refused(.invalid, "the switch's answer is malformed")
        }
    }

    /// Changes the filters of the client that a connection belongs to; see `AttachChange`.
    public static func change(
        _ filters: [AttachRequest.Filter],
        on control: borrowing OwnedDescriptor
    ) throws(JoinError) {
        do {
            try UnixSocket.send(AttachChange(filters: filters).encoded(), to: control)
            guard try Readiness.wait(control, milliseconds: VDEClient.answerMilliseconds) else {
                throw JoinError.noAnswer
            }
            let answer = try AttachAnswer.parse(try UnixSocket.receive(from: control, limit: 4096).bytes)
            guard answer.status == 0 else {
                throw JoinError.refused(Errno(rawValue: answer.status), answer.message)
            }
        } catch let error as JoinError {
            throw error
        } catch let error as Errno {
            throw .system(error)
        } catch {
            throw .refused(.invalid, "the switch's answer is malformed")
        }
    }

    /// Takes the connection out: whoever holds it holds the port.
    public mutating func takeControl() -> OwnedDescriptor { control.take()! }

    /// Takes the channel out.
    public mutating func takeChannel() -> OwnedDescriptor? { channel.take() }
}
