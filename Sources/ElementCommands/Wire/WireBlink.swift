// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// `--blink`: each frame that leaves a wire is told to a datagram socket, as `name direction length`. Who is too slow to listen
/// hears less.
final class WireBlink {
    private var watch: FrameWatch?
    private let socket: OwnedDescriptor

    init(_ wire: ImpairedWire, path: String, name: String) throws {
        guard let address = UnixSocketAddress(path: path) else {
            throw Failure("--blink \(path): too long for a socket's path")
        }
        let identifier = name.isEmpty ? "\(CurrentProcess.id)" : name
        do {
            let socket = try UnixSocket.connection(.datagram, to: address)
            self.socket = socket
            watch = try wire.watchFrames { [weak self] direction, byteCount in
                let way = direction == .leftToRight ? "LR" : "RL"
                self?.tell("\(identifier) \(way) \(byteCount)\n")
            }
        } catch {
            throw Failure("--blink \(path): nobody listens there: \(error)")
        }
    }

    private func tell(_ text: String) { try? UnixSocket.send(Array(text.utf8), to: socket) }

    func close() { watch?.cancel() }
}
