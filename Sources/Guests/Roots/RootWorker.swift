// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// Has work done on the files of guests, as root of their user namespace: see `RootProgram`.
public final class RootWorker {
    /// Where the work is done.
    public enum Place {
        /// In the namespaces of a lab that runs.
        case lab(RootNamespaces)
        /// In namespaces made for it, of the same maps.
        case own
    }

    /// Where this package's small program is: this one, or beside it, as builds and `make install` have it.
    public static var ownProgram: String {
        guard let own = CurrentProcess.programDirectory else { return "/proc/self/exe" }
        // This very program, also when its file was replaced or removed meanwhile.
        if let name = (try? FileSystem.linkTarget("/proc/self/exe"))?.split(separator: "/").last,
            name == "etherloom" || name == "etherloom (deleted)"
        {
            return "/proc/self/exe"
        }
        let parent = RootDirectories.split(RootDirectories.split(own).parent).parent
        return ["\(own)/etherloom", "\(parent)/bin/etherloom"].first { (try? FileStatus(path: $0)) != nil }
            ?? "/proc/self/exe"
    }

    private let place: Place
    private let program: String

    public init(_ place: Place, program: String = RootWorker.ownProgram) {
        self.place = place
        self.program = program
    }

    /// The words that remove all that a guest has: what it changed, what overlayfs needed for it, and other directories.
    public static func removal(upper: String, others: [String] = []) -> [String] {
        let work = RootDirectories.work(of: upper)
        return ["remove", upper, work] + HostRoot.writable.map { "\(work):\($0)" } + others
    }

    /// The words for a snapshot: `save`, `restore`, `remove`, `recover` (no name).
    public static func snapshot(
        _ verb: String,
        _ name: String?,
        in snapshots: RootSnapshots,
        roots: [RootSnapshots.Root] = []
    ) -> [String] {
        ["snapshot-\(verb)", snapshots.directory] + (name.map { [$0] } ?? []) + roots.map { "\($0.guest)=\($0.upper)" }
    }

    // MARK: With a loop

    /// Does it; the answer's lines, or why not. What is returned ends the work when it is dropped.
    public func run(
        _ words: [String],
        loop: ControlLoop,
        then: @escaping (Result<[String], GuestError>) -> Void
    ) -> RootJob? {
        do throws(GuestError) {
            let job = RootJob(try start(words), loop: loop, then: then)
            try job.watch()
            return job
        } catch {
            then(.failure(error))
            return nil
        }
    }

    // MARK: Without

    /// Does it and waits for it, with this standard input (-1: none). A signal that would end this process ends the work.
    @discardableResult
    public func run(_ words: [String], input: Int32 = -1) throws(GuestError) -> [String] {
        let started = try start(words, input: input)
        var bytes: [UInt8] = []
        let mask = SignalMask()
        defer { mask.restore() }
        do throws(Errno) {
            let signals = try SignalFD([SIGINT, SIGTERM, SIGHUP])
            while true {
                let ready = try Poll.readable([started.output.rawValue, signals.rawDescriptor], deadline: nil)
                if ready[1], signals.next() != nil {
                    started.program.end()
                    throw .interrupted
                }
                let part = try started.output.read(atMost: 65536)
                if part.isEmpty { break }
                bytes += part
            }
        } catch {
            throw GuestError("\(words.first ?? "") was ended: \(error)")
        }
        started.program.wait()
        return try RootJob.answer(bytes).get()
    }

    /// Runs any program there, with these standard streams (-1: /dev/null, for the error stream the caller's own).
    public func start(program: String, _ arguments: [String], streams: [Int32]) throws(GuestError) -> NamespaceProgram {
        do throws(RootMount.Failure) {
            switch place {
            case .lab(let namespaces):
                return try NamespaceProgram(
                    program,
                    arguments,
                    place: .inside(user: namespaces.user.rawValue, mount: namespaces.mount.rawValue),
                    streams: streams
                )
            case .own:
                let maps = IdentityMaps.ofThisProcess()
                return try NamespaceProgram(
                    program,
                    arguments,
                    place: .own { process in (try? maps.write(processID: process)) != nil },
                    streams: streams
                )
            }
        } catch {
            if error.step == .enterNamespace {
                throw GuestError("cannot make a user namespace: \(error.error); see etherloom doctor", status: 4)
            }
            throw GuestError("cannot run \(program): \(error.error)")
        }
    }

    struct Started: ~Copyable {
        let program: NamespaceProgram
        let output: OwnedDescriptor
    }

    private func start(_ words: [String], input: Int32 = -1) throws(GuestError) -> Started {
        let pipe: DescriptorPair
        do throws(Errno) {
            pipe = try OwnedDescriptor.pipe()
        } catch {
            throw GuestError("cannot make a pipe: \(error)")
        }
        // Our copy of the writing end goes with the pair: the program's end shows.
        let program = try start(
            program: program,
            ["etherloom", RootProgram.verb] + words,
            streams: [input, pipe.second.rawValue]
        )
        do throws(Errno) {
            return Started(program: program, output: try pipe.first.duplicate())
        } catch {
            throw GuestError("cannot keep a pipe: \(error)")
        }
    }
}

/// Work that goes on.
public final class RootJob {
    private let program: NamespaceProgram
    private let output: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    private var bytes: [UInt8] = []
    private let then: (Result<[String], GuestError>) -> Void
    /// Itself, as long as there is something to wait for.
    private var isWaiting: RootJob?

    fileprivate init(
        _ started: consuming RootWorker.Started,
        loop: ControlLoop,
        then: @escaping (Result<[String], GuestError>) -> Void
    ) {
        program = started.program
        output = started.output
        self.loop = loop
        self.then = then
    }

    fileprivate func watch() throws(GuestError) {
        do throws(Errno) {
            token = try loop.watch(output.rawValue) { [weak self] _ in self?.read() }
        } catch {
            throw GuestError("cannot wait for work on files: \(error)")
        }
        isWaiting = self
    }

    private func read() {
        if let part = try? output.read(atMost: 65536), !part.isEmpty {
            bytes += part
            return
        }
        if let token { loop.cancel(token) }
        token = nil
        program.wait()
        let answer = Self.answer(bytes)
        isWaiting = nil
        then(answer)
    }

    /// Ends it, wherever it is; nothing is answered.
    public func cancel() {
        if let token { loop.cancel(token) }
        token = nil
        program.end()
        isWaiting = nil
    }

    static func answer(_ bytes: [UInt8]) -> Result<[String], GuestError> {
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        guard let last = lines.popLast() else { return .failure(GuestError("work on files ended without an answer")) }
        if last == "ok" { return .success(lines) }
        let words = last.split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[0] == "error", let status = Int32(words[1]) else {
            return .failure(GuestError("work on files ended early: \(last)"))
        }
        return .failure(GuestError(String(words[2]), status: status))
    }
}
