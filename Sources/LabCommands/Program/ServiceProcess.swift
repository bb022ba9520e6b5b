// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// A server as a process: going to the background, the pid file, telling that it is ready, ending by signal. The server itself
/// runs in tasks; the main thread waits here.
enum ServiceProcess {
    /// How the program shall live.
    struct Options: Sendable {
        var isDaemon = false
        var pidFile: String?
        /// A descriptor to write a line to, and to close, when the server is ready.
        var readyDescriptor: Int32?
    }

    /// What the server's task says to the main thread.
    enum News: Sendable {
        /// It serves; the text is for standard output.
        case ready(String)
        case failed(Failure)
        /// There is nothing more to do.
        case done
    }

    /// Where a server's task leaves its news.
    final class Mailbox: Sendable {
        private let news = Mutex<[News]>([])
        private let event: EventFD
        init() throws(Errno) { event = try EventFD() }

        var descriptor: Int32 { event.rawDescriptor }

        func put(_ item: News) {
            news.withLock { $0.append(item) }
            event.signal()
        }

        func take() -> [News] {
            event.drain()
            return news.withLock { list in
                defer { list = [] }
                return list
            }
        }
    }

    /// Runs `server` until a signal ends it or it fails. To be called first: no thread may exist yet.
    static func run(
        _ options: Options,
        _ server: @escaping @Sendable (_ mailbox: Mailbox) async throws -> Void
    ) throws {
        if let descriptor = options.readyDescriptor, fcntl(descriptor, F_GETFD) < 0 {
            throw Failure("--ready-fd \(descriptor): not an open descriptor", status: ExitStatus.usage)
        }
        ResourceLimits.raiseDescriptorLimit()
        var report: Daemon.ReadyReport?
        do {
            if options.isDaemon { report = Optional(try Daemon.detach()) }
        } catch {
            throw Failure("cannot go to the background: \(error)")
        }
        do {
            // Blocked here, before there are threads, so that they are blocked in all of them.
            let signals = try SignalFD([SIGTERM, SIGINT, SIGHUP, SIGPIPE])
            let mailbox = try Mailbox()
            Task.detached {
                do {
                    try await server(mailbox)
                    mailbox.put(.failed(Failure("the server ended")))
                } catch {
                    mailbox.put(.failed(error as? Failure ?? Failure("cannot serve: \(error)")))
                }
            }
            serving: while true {
                let ready = try Poll.readable([signals.rawDescriptor, mailbox.descriptor], deadline: nil)
                if ready[0], hasEnd(signals) { break }
                if ready[1] {
                    for item in mailbox.take() {
                        switch item {
                        case .failed(let failure): throw failure
                        case .done: break serving
                        case .ready(let text):
                            StandardStreams.writeOutput(text)
                            try tellReady(options)
                            if let waiting = report.take() {
                                Daemon.detachStandardStreams()
                                waiting.send(exitStatus: 0)
                            }
                        }
                    }
                }
            }
        } catch {
            // The message goes to the caller's terminal while that process waits for this status.
            let failure = error as? Failure ?? Failure("cannot set up: \(error)")
            if let waiting = report.take() {
                StandardStreams.writeError("etherloom: \(failure.message)\n")
                waiting.send(exitStatus: UInt8(truncatingIfNeeded: failure.status))
                exit(failure.status)
            }
            throw failure
        }
        if let pidFile = options.pidFile { try? FileSystem.remove(pidFile) }
    }

    private static func hasEnd(_ signals: borrowing SignalFD) -> Bool {
        while let signal = signals.next() {
            if signal.number == SIGTERM || signal.number == SIGINT { return true }
        }
        return false
    }

    private static func tellReady(_ options: Options) throws {
        if let pidFile = options.pidFile {
            do {
                let file = try OwnedDescriptor.open(pidFile, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
                try file.writeAll("\(CurrentProcess.id)\n".utf8)
            } catch {
                throw Failure("\(pidFile): cannot write the process number: \(error)")
            }
        }
        notifyManager()
        if let descriptor = options.readyDescriptor {
            _ = try? OwnedDescriptor(adopting: descriptor).write("ready\n".utf8)
        }
    }

    /// The service manager's readiness protocol, sd_notify(3), to a socket with a path.
    private static func notifyManager() {
        guard let path = CurrentProcess.environment("NOTIFY_SOCKET"), !path.hasPrefix("@"),
            let address = UnixSocketAddress(path: path), let socket = try? UnixSocket.make(.datagram),
            (try? UnixSocket.connect(socket, to: address)) != nil
        else { return }
        _ = try? socket.write("READY=1".utf8)
    }
}
