// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

/// What every element has in common when it is a program of its own: going to the background, the pid file, telling that it
/// is ready, ending by signal.
struct ElementProcess: ~Copyable {
    /// How the program shall live.
    struct Options: Sendable {
        var isDaemon = false
        var pidFile: String?
        /// A descriptor to write a line to, and to close, when the element is ready.
        var readyDescriptor: Int32?
    }

    let loop: ControlLoop
    private let signals: SignalFD
    private var report: Daemon.ReadyReport?
    private let pidFile: String?
    private let readyDescriptor: Int32?

    private init(
        loop: ControlLoop,
        signals: consuming SignalFD,
        report: consuming Daemon.ReadyReport?,
        options: Options
    ) {
        self.loop = loop
        self.signals = signals
        self.report = report
        pidFile = options.pidFile
        readyDescriptor = options.readyDescriptor
    }

    /// Does `body` as such a process. Its failure is told in one line, here and in the exit status of whoever waits in the
    /// foreground.
    static func perform(_ options: Options, _ body: (inout ElementProcess) throws -> Void) throws {
        var process = try start(options)
        do {
            try body(&process)
        } catch let failure as Failure {
            // The one line comes from whoever waits in the foreground's place: this process still has its terminal.
            Report.error(failure.message)
            process.end(status: failure.status)
            throw ExitCodeOnly(status: failure.status)
        }
    }

    /// To be called first: no thread may exist yet. After this the process is the one that stays; a caller in the
    /// foreground waits until `ready` or the end of this process.
    static func start(_ options: Options) throws -> ElementProcess {
        if let descriptor = options.readyDescriptor, fcntl(descriptor, F_GETFD) < 0 {
            throw Failure("--ready-fd \(descriptor): not an open descriptor", status: ExitStatus.usage)
        }
        ResourceLimits.raiseDescriptorLimit()
        var report: Daemon.ReadyReport?
        if options.isDaemon {
            do {
                report = Optional(try Daemon.detach())
            } catch {
                throw Failure("cannot go to the background: \(error)")
            }
        }
        do {
            let signals = try SignalFD([SIGTERM, SIGINT, SIGHUP, SIGPIPE])
            return ElementProcess(loop: try ControlLoop(), signals: signals, report: report, options: options)
        } catch {
            throw Failure("cannot set up the event loop: \(error)")
        }
    }

    /// The element works: whoever waits for it may go on.
    mutating func ready() throws {
        if let pidFile {
            do {
                let file = try OwnedDescriptor.open(pidFile, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
                try file.writeAll("\(CurrentProcess.id)\n".utf8)
            } catch {
                throw Failure("\(pidFile): cannot write the process number: \(error)")
            }
        }
        ServiceManager.notifyReady()
        if let readyDescriptor {
            let descriptor = OwnedDescriptor(adopting: readyDescriptor)
            _ = try? descriptor.write("ready\n".utf8)
        }
        if let report = report.take() {
            Daemon.detachStandardStreams()
            report.send(exitStatus: 0)
        }
    }

    /// Runs until a signal or `loop.stop()`.
    func run(onHangUp: @escaping () -> Void = {}) throws {
        do {
            let signals = signals.rawDescriptor
            try loop.watch(signals) { [loop] _ in
                while let signal = SignalFD.next(from: signals) {
                    switch signal.number {
                    case SIGHUP: onHangUp()
                    case SIGPIPE: break
                    default: loop.stop()
                    }
                }
            }
            try loop.run()
        } catch {
            throw Failure("event loop: \(error)")
        }
        if let pidFile { try? FileSystem.remove(pidFile) }
    }

    /// The background process ends before it was ready: what there was to say went to the caller's terminal; this is the
    /// status there.
    mutating func end(status: Int32) {
        if let report = report.take() { report.send(exitStatus: UInt8(truncatingIfNeeded: status)) }
    }
}

/// The message has been written already; only the status is left.
struct ExitCodeOnly: Error {
    let status: Int32
}
