// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A User Mode Linux kernel without a lab around it, as umls3 runs one: its words are its user's, and so is its root; we have
/// its console and its mconsole. It ends with its owner.
public final class BareUMLGuest {
    public let name: String
    public let processID: Int32
    private let program: ChildProgram
    private let loop: ControlLoop
    private let directory: String
    private var console: ByteChannel?
    private var token: ControlLoop.Token?
    /// What it wrote last.
    public private(set) var history: [UInt8] = []
    /// Called with what it writes.
    public var wrote: ([UInt8]) -> Void = { _ in }
    /// Called once, from the loop.
    public var ended: (WaitStatus) -> Void = { _ in }

    private static let historyLimit = 16_384

    /// - Parameters:
    ///   - words: the kernel, then its arguments; what they do not say of console and mconsole is added.
    ///   - directory: where its mconsole is to be; exists.
    public init(name: String, words: [String], directory: String, loop: ControlLoop) throws(GuestError) {
        guard let path = words.first else { throw GuestError("which kernel?", status: 2) }
        let kernel = try UMLKernel.at(path)
        self.name = name
        self.loop = loop
        self.directory = directory
        var all = [kernel.path, "umid=\(name)", "uml_dir=\(directory)"]
        if !words.contains(where: { $0.hasPrefix("con=") }) { all.append("con=null") }
        if !words.contains(where: { $0.hasPrefix("con0=") }) { all.append("con0=fd:0,fd:1") }
        all += words.dropFirst()
        do {
            let pair = try UnixSocket.pair(.stream)
            let end = pair.second.rawValue
            program = try ChildProgram(all, input: end, output: end)
            processID = program.processID
            console = try ByteChannel(pair.takeFirst(), loop: loop) { [weak self] in self?.take($0) }
            token = try loop.watch(program.rawDescriptor) { [weak self] _ in self?.processEnded() }
        } catch {
            throw GuestError("\(path): \(error)")
        }
    }

    deinit { close() }

    private func take(_ bytes: [UInt8]) {
        history += bytes
        if history.count > Self.historyLimit { history.removeFirst(history.count - Self.historyLimit) }
        wrote(bytes)
    }

    /// Text to its console, as if typed.
    public func type(_ bytes: [UInt8]) { console?.send(bytes) }

    /// Asks its mconsole, and waits for the answer, at most five seconds.
    public func monitor(_ line: String) throws(GuestError) -> [String] {
        var result: Result<[String], GuestError>?
        do {
            // A loop of its own: the caller's has the server's clients, whose turn is not now.
            let own = try ControlLoop()
            let client = try MconsoleClient(
                path: "\(directory)/\(name).client",
                kernelPath: "\(directory)/\(name)/mconsole",
                loop: own
            )
            client.send(line) {
                result = $0
                own.stop()
            }
            if result == nil { try own.run() }
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("\(error)")
        }
        guard let result else { throw GuestError("the kernel's mconsole does not answer") }
        return try result.get()
    }

    private func processEnded() {
        guard let status = program.poll() else { return }
        console?.drain()
        release()
        ended(status)
    }

    /// Ends it now. `ended` is not called.
    public func close() {
        guard token != nil else { return }
        release()
        program.end()
    }

    private func release() {
        if let token { loop.cancel(token) }
        token = nil
        console?.close()
        console = nil
        for name in ["mconsole", "pid"] { try? FileSystem.remove("\(directory)/\(self.name)/\(name)") }
        try? FileSystem.removeDirectory("\(directory)/\(name)")
    }
}
