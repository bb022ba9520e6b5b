// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Endpoints
public import LinuxSystem

/// A capture of a switch that is another program.
public final class CaptureClient {
    /// Readable at its end: the switch is gone.
    public let control: OwnedDescriptor
    public let reader: CaptureReader
    /// What ports were called when the capture began.
    public let portNames: [Int: String]

    /// Why there is no capture, in one line.
    public struct CaptureError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// - Parameter directory: the switch's.
    public init(directory: String, _ request: CaptureRequest) throws(CaptureError) {
        func failure(_ text: String) -> CaptureError { CaptureError(description: "\(directory): \(text)") }
        guard let address = UnixSocketAddress(path: directory + "/attach") else {
            throw failure("too long for a socket's path")
        }
        do {
            let socket = try UnixSocket.connection(.sequencedPacket, to: address)
            try UnixSocket.send(request.encoded(), to: socket)
            guard try Readiness.wait(socket, milliseconds: 5_000) else { throw failure("the switch does not answer") }
            var message = try UnixSocket.receive(from: socket, limit: AttachMessage.maximumByteCount)
            let answer = try AttachAnswer.parse(message.bytes)
            guard answer.status == 0 else {
                throw failure("the switch says no: \(answer.message)")
            }
            guard let memory = message.takeDescriptor(), let wakeUp = message.takeDescriptor() else {
                throw failure("the switch gave no frames' memory")
            }
            reader = try CaptureReader(memory: memory, wakeUp: wakeUp)
            portNames = answer.portNames
            control = socket
        } catch let error as CaptureError {
            throw error
        } catch let error as Errno {
            switch error {
            case .noEntry, .notADirectory:
                throw failure("no switch of Etherloom is here; start one: etherloom switch -s \(directory)")
            case .connectionRefused: throw failure("nobody serves this switch any more")
            default: throw failure("\(error)")
            }
        } catch {
            throw failure("the switch's answer is malformed")
        }
    }
}
