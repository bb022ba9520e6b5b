// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import Wire

/// `pcap://FILE`: a capture file as a network. It is played, once, in the time in which it was recorded; or, with `write`, what
/// comes from the network is written to it.
///
///     file ◀─▶ thread ◀─ socket pair, a frame a message ─▶ endpoint of the host
///
/// The thread begins when the control loop has its first turn: whoever is to get the frames has been plugged in by then. It ends
/// when it reads the pair's end, and tells by its own end that the file has been played.
final class CaptureFileTransport: Transport {
    private let context: TransportContext
    private let name: String
    private let report: CaptureFileReport
    private let identifier: Int32
    private var thread: Thread.Handle?
    /// Of the host's end of the pair: what says good-bye to the thread.
    private let line: OwnedDescriptor
    private var isOpen = true
    private var start: ControlLoop.Token?

    /// The address names a file, not an interface: it has a directory, or a capture file's ending.
    static func isFile(_ url: NetworkURL) -> Bool {
        url.address.contains("/") || [".pcap", ".pcapng", ".cap"].contains { url.address.hasSuffix($0) }
    }

    /// What waits in queues when a file is at its end has so long to leave.
    private static var farewellMilliseconds: UInt64 { 200 }

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        try url.refuseOptions(except: ["write", "fast", "speed"])
        guard context.mayUseFiles else { throw TransportError(.usage, "\(url): no files are used here") }
        self.context = context
        name = "\(url)"
        let report = CaptureFileReport()
        self.report = report
        let speed = try Self.speed(url)
        let (near, far) = try Self.ends(url)
        guard let near = near.take(), let far = far.take() else { throw TransportError(.failed, "\(url): no socket") }
        identifier = near.rawValue
        line = try Self.copy(near, url)
        UnixSocket.setSendBuffer(near, byteCount: 1 << 20)
        UnixSocket.setSendBuffer(far, byteCount: 1 << 20)
        let path = url.address
        let work: @Sendable () -> Void
        if url.has("write") {
            let recorder = Box(
                CaptureRecorder(
                    try Self.make(url),
                    socket: far,
                    name: name,
                    isPcapng: path.hasSuffix(".pcapng")
                )
            )
            work = { if var recorder = recorder.take() { report.set(recorder.run(path)) } }
        } else {
            var reader = CaptureFileReader()
            let file = try Self.open(url, &reader)
            let player = Box(try CapturePlayer(file, reader, socket: far, speed: speed))
            work = { if var player = player.take() { report.set(player.run(path)) } }
        }
        var newcomer = Newcomer(
            identifier: identifier,
            module: "pcap",
            description: name,
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.ended() }
        newcomer.port = context.port
        do throws(AttachRefusal) {
            try context.host.attach(.datagram(DatagramEndpoint(near, isConnection: true)), newcomer)
        } catch {
            throw TransportError(.failed, "\(url): \(error.message)")
        }
        start = context.loop.after(milliseconds: 0) { [weak self] in self?.begin(work) }
    }

    private func begin(_ work: @escaping @Sendable () -> Void) {
        start = nil
        do throws(Errno) {
            thread = try Thread.start(name: "capture-file", work)
        } catch {
            report.set(.failed("\(name): no thread: \(error)"))
            context.host.detach(identifier: identifier)
        }
    }

    private static func speed(_ url: NetworkURL) throws(TransportError) -> Double? {
        guard !url.has("write") || !url.has("fast") && !url.has("speed") else {
            throw TransportError(
                .usage,
                "\(url): what is written has no speed: fast and speed= are for files that are played"
            )
        }
        if url.has("fast") { return nil }
        guard let text = url.value("speed") else { return url.has("speed") ? nil : 1 }
        guard let speed = Double(text), speed > 0, speed <= 1e6 else {
            throw TransportError(
                .usage,
                "\(url): speed=\(text): wants a number such as 2 or 0.5, twice or half as fast"
            )
        }
        return speed
    }

    private static func ends(_ url: NetworkURL) throws -> (near: Box<OwnedDescriptor>, far: Box<OwnedDescriptor>) {
        do throws(Errno) {
            let pair = try UnixSocket.pair(.sequencedPacket)
            return (Box(try pair.first.duplicate()), Box(try pair.second.duplicate()))
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }

    private static func copy(_ socket: borrowing OwnedDescriptor, _ url: NetworkURL) throws -> OwnedDescriptor {
        do throws(Errno) {
            return try socket.duplicate()
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }

    /// Has the thread end, and waits for it: what it still has to write is written then.
    private func endThread() {
        if let start { context.loop.cancel(start) }
        start = nil
        InternetSocket.shutdownWrite(line.rawValue)
        thread.take()?.join()
    }

    /// Opens a file to be played; its first bytes show that it is a capture.
    private static func open(_ url: NetworkURL, _ reader: inout CaptureFileReader) throws -> OwnedDescriptor {
        do {
            let file = try OwnedDescriptor.open(url.address, flags: O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard try FileStatus(file).isRegularFile else {
                throw TransportError(.usage, "\(url): not a regular file, which a capture to be played is")
            }
            reader.append(try file.read(atMost: 4096))
            var trial = reader
            _ = try trial.next()
            return file
        } catch let error as TransportError {
            throw error
        } catch let damage as CaptureFileReader.Damage {
            guard case .malformed(let offset) = damage else {
                throw TransportError(.usage, "\(url): no capture file: neither pcap nor pcapng")
            }
            throw TransportError(.failed, "\(url): the capture is damaged at byte \(offset)")
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }

    private static func make(_ url: NetworkURL) throws -> OwnedDescriptor {
        do {
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW
            let file = try OwnedDescriptor.open(url.address, flags: flags, mode: 0o600)
            guard try FileStatus(file).isRegularFile else {
                throw TransportError(.usage, "\(url): exists and is no regular file")
            }
            return file
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.failed, "\(url): cannot write there: \(error)")
        }
    }

    /// The endpoint has gone: the thread has ended, or somebody has unplugged it.
    private func ended() {
        guard isOpen else { return }
        isOpen = false
        endThread()
        switch report.value {
        case .unplugged: context.onEnd("\(name) was unplugged")
        case .failed(let reason): context.onEnd(reason)
        case .played(let frames, let leftOut):
            let rest = leftOut == 0 ? "" : "; \(leftOut) were cut, too large or no Ethernet, and were left out"
            context.host.log("\(name): played \(frames) frames\(rest)")
            let (context, name) = (context, name)
            context.loop.after(milliseconds: Self.farewellMilliseconds) {
                context.onFinish("\(name): played to its end")
            }
        }
    }

    func close() {
        isOpen = false
        context.host.detach(identifier: identifier)
        endThread()
    }
}
