// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import NIOCore
import NIOPosix

/// A console's socket.
struct ConsoleAddress: Sendable {
    typealias Channel = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let path: String
    let group: any EventLoopGroup

    /// Longest line that a console takes, without its line feed.
    static let longestLine = 127

    init(path: String, group: any EventLoopGroup) throws(Failure) {
        guard UnixSocketAddress(path: path) != nil else {
            let limit = UnixSocketAddress.maximumPathByteCount
            throw Failure(
                "--socket \(path): not a path of a socket: it has 1 to \(limit) bytes",
                status: ExitStatus.usage
            )
        }
        self.path = path
        self.group = group
    }

    /// A new session of the console.
    func connect() async throws -> Channel {
        do {
            return try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Channel(wrappingChannelSynchronously: channel)
                }
            }
        } catch {
            throw Failure("\(path): \(Self.reason(error, path))")
        }
    }

    private static func reason(_ error: any Error, _ path: String) -> String {
        guard let number = (error as? IOError)?.errnoCode else { return "cannot connect: \(error)" }
        let status = try? FileStatus(path: path)
        switch Errno(rawValue: number) {
        case .noEntry: return "no console is there; a switch makes one with -M \(path)"
        case .connectionRefused where status?.isSocket == true:
            return "nobody serves this socket any more; is the switch running?"
        case .connectionRefused where status?.isDirectory == true:
            return "a directory; the console's socket is wanted, the path given with -M"
        case .connectionRefused: return "not a socket"
        case let other: return "cannot connect: \(other)"
        }
    }
}
