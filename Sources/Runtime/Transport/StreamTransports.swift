// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

extension TransportRegistry {
    /// Frames behind their lengths on a byte stream.
    static var streamSchemes: [TransportScheme] {
        [
            TransportScheme(
                "stream",
                syntax: "stream://PATH[listen] or stream://HOST:PORT",
                open: StreamTransport.open
            ),
            TransportScheme("stdio", syntax: "- or stdio://IN,OUT", open: InheritedStreamsTransport.open),
            TransportScheme("cmd", syntax: "cmd://PROGRAM ARGUMENTS", open: CommandTransport.init(_:_:)),
        ]
    }
}

/// `stream://`: `-netdev stream` of QEMU, passt, another `stream://` of ours.
///
///     stream:///tmp/socket[listen]        a path
///     stream://host:5000                  TCP; stream://:5000[listen], stream://[::1]:5000
///     framing=2 | framing=4               vde_plug's or QEMU's (4)
///     vnet                                super-frames stay whole, if the other side says so too
///     mode=0600                           permissions of a path that is listened on
enum StreamTransport {
    static let options = ["listen", "framing", "vnet", "mode", "reconnect"]

    static func open(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: options)
        guard !url.address.isEmpty else {
            throw TransportError(.usage, "\(url): a path, or a host and a port, is missing")
        }
        let framing = try framing(url, default: .long)
        let offersHeaders = url.has("vnet")
        let make: (consuming OwnedDescriptor) -> Endpoint = { descriptor in
            .stream(StreamEndpoint(descriptor, framing: framing, offersHeaders: offersHeaders))
        }
        guard url.has("listen") else { return try StreamClient(url, context, make: make) }
        if let (host, port) = url.hostAndPort {
            do {
                let address = try SocketAddress(host: host, port: port, isStream: true, isPassive: true)
                let listener = try UnixSocket.makeInternet(for: address, isStream: true)
                try UnixSocket.bind(listener, to: address)
                return try SocketListener(listener, path: nil, name: "\(url)", module: "stream", context, make: make)
            } catch let error as TransportError {
                throw error
            } catch {
                throw TransportError(.failed, "\(url): \(error)")
            }
        }
        let path = try SocketPath(url.address, url)
        let listener = try path.makeSocket(.stream, url)
        return try SocketListener(listener, path: path, name: "\(url)", module: "stream", context, make: make)
    }

    static func framing(_ url: NetworkURL, default fallback: StreamFraming) throws(TransportError) -> StreamFraming {
        guard let text = url.value("framing") else { return fallback }
        guard let number = Int(text), let framing = StreamFraming(rawValue: number) else {
            throw TransportError(.usage, "\(url): framing=\(text): lengths have 2 bytes (vde_plug) or 4 (QEMU)")
        }
        return framing
    }
}

extension NetworkURL {
    /// The address as a host and a port: `host:port`, `[address]:port`, `:port`. Nil for a path.
    var hostAndPort: (host: String, port: String)? {
        guard !address.contains("/"), let colon = address.lastIndex(of: ":") else { return nil }
        let port = String(address[address.index(after: colon)...])
        var host = address[..<colon]
        guard !port.isEmpty else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port)
    }

    /// The permission bits in the option `mode`.
    func mode() throws(TransportError) -> UInt32? {
        guard let text = value("mode") else { return nil }
        guard let bits = UInt32(text, radix: 8), bits <= 0o777 else {
            throw TransportError(.usage, "\(self): mode=\(text): permission bits are octal digits, 0 to 777")
        }
        return bits
    }
}

/// A stream that this side connects.
final class StreamClient: SingleEndpoint {
    /// How long the opening waits for a connection when the program has nothing else to do yet; after that, and at once while it
    /// runs, the attempt goes on beside everything else.
    private static let patienceMilliseconds: Int32 = 300
    private static let limitMilliseconds: UInt64 = 10_000

    /// A connection that is being made.
    private final class Attempt {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    private var token: ControlLoop.Token?
    private var timer: ControlLoop.Token?
    private let make: (consuming OwnedDescriptor) -> Endpoint
    private var isPending = true
    override var isConnecting: Bool { isPending }

    init(
        _ url: NetworkURL,
        _ context: TransportContext,
        make: @escaping (consuming OwnedDescriptor) -> Endpoint
    ) throws {
        self.make = make
        super.init("\(url)", context)
        if let (host, port) = url.hostAndPort {
            do {
                let address = try SocketAddress(host: url.numericHost(host), port: port, isStream: true)
                let socket = try UnixSocket.makeInternet(for: address, isStream: true)
                UnixSocket.noticeDeadPeer(socket)
                var isConnected = try UnixSocket.connect(socket, to: address)
                if !isConnected {
                    let patience = context.mayWait ? Self.patienceMilliseconds : 0
                    isConnected = try Readiness.wait(socket, for: 4, milliseconds: patience)
                }
                if isConnected { try plug(socket) } else { try wait(Attempt(socket)) }
            } catch let error as SocketAddress.ResolveError {
                throw TransportError(.unreachable, "\(url): \(error)")
            } catch let error as Errno {
                throw TransportError(.unreachable, "\(url): \(error)")
            }
        } else {
            try plug(SocketPath(url.address, url).connection(.stream, url))
        }
    }

    /// Throws when the connection has failed, or its end finds no place.
    private func plug(_ socket: consuming OwnedDescriptor) throws {
        let number = socket.rawValue
        let result = InternetSocket.connectionResult(number)
        guard result == 0 else { throw TransportError(.unreachable, "\(name): \(Errno(rawValue: -result))") }
        try plug(make(socket), identifier: number, module: "stream", ending: "\(name): the other end is gone")
        isPending = false
    }

    private func wait(_ attempt: Attempt) throws(Errno) {
        token = try context.loop.watch(attempt.descriptor.rawValue, .writable) { [weak self] _ in self?.decide(attempt)
        }
        timer = context.loop.after(milliseconds: Self.limitMilliseconds) { [weak self] in
            self?.stopWaiting()
            self?.end("\(self?.name ?? ""): no answer")
        }
    }

    private func decide(_ attempt: Attempt) {
        stopWaiting()
        do {
            try plug(try attempt.descriptor.duplicate())
            context.onLinkChange(true, name)
        } catch {
            end((error as? TransportError)?.description ?? "\(name): \(error)")
        }
    }

    private func stopWaiting() {
        if let token { context.loop.cancel(token) }
        if let timer { context.loop.cancel(timer) }
        (token, timer) = (nil, nil)
    }

    override func close() {
        stopWaiting()
        super.close()
    }
}

/// `-`: this program's standard input and output, as `vde_plug` speaks on them.
final class StandardStreamsTransport: SingleEndpoint {
    private var reader: ChildProgram?

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        super.init("standard input", context)
        var reader: ChildProgram?
        let pair = try Self.duplicates(&reader)
        self.reader = reader
        let input = pair.first
        let output = pair.second
        let number = input.rawValue
        try plug(
            .stream(StreamEndpoint(input, output: output, framing: .short)),
            identifier: number,
            module: "stream",
            ending: "the end of standard input"
        )
    }

    /// Duplicates of both streams. What cannot be waited for, a file or /dev/null, is read by a program that can.
    private static func duplicates(_ reader: inout ChildProgram?) throws(TransportError) -> DescriptorPair {
        do throws(Errno) {
            let output = try OwnedDescriptor.duplicate(of: 1)
            if try FileStatus(descriptor: 0).isPollable {
                return DescriptorPair(first: try OwnedDescriptor.duplicate(of: 0), second: output)
            }
            let pipe = try OwnedDescriptor.pipe()
            reader = try ChildProgram(["cat"], input: 0, output: pipe.second.rawValue)
            return DescriptorPair(first: pipe.first, second: output)
        } catch {
            throw TransportError(.failed, "standard input and output carry frames: \(error)")
        }
    }
}

/// `cmd://PROGRAM`: a program that carries frames on its standard streams, as `vde_plug` does. Started here and ended with
/// the transport.
final class CommandTransport: SingleEndpoint {
    private var child: ChildProgram?
    private var token: ControlLoop.Token?

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        super.init("\(url)", context)
        guard context.mayRunPrograms else {
            throw TransportError(.usage, "\(url): no programs are run here")
        }
        guard let words = CommandWords.split(url.address), !words.isEmpty else {
            throw TransportError(.usage, "\(url): a program is missing, or a quote is not closed")
        }
        let pair = try Self.pair(words[0])
        let ours = pair.first
        let theirs = pair.second
        let child = try Self.start(words, theirs)
        self.child = child
        let number = ours.rawValue
        token = try context.loop.watch(child.rawDescriptor) { [weak self] _ in self?.childEnded() }
        onClose = { [weak self] in self?.endChild() }
        do {
            try plug(
                .stream(StreamEndpoint(ours, framing: .short)),
                identifier: number,
                module: "cmd",
                ending: "\(words[0]): has closed its streams"
            )
        } catch {
            endChild()
            throw error
        }
    }

    private static func pair(_ name: String) throws(TransportError) -> DescriptorPair {
        do throws(Errno) {
            let pair = try UnixSocket.pair(.stream)
            // A program may expect that reading and writing wait.
            try pair.second.setBlocking()
            return pair
        } catch {
            throw TransportError(.failed, "\(name): \(error)")
        }
    }

    private static func start(
        _ words: [String],
        _ streams: borrowing OwnedDescriptor
    ) throws(TransportError) -> ChildProgram {
        do throws(Errno) {
            return try ChildProgram(words, input: streams.rawValue, output: streams.rawValue)
        } catch {
            let isMissing = error == .noEntry || error == .accessDenied
            throw TransportError(isMissing ? .usage : .failed, "\(words[0]): \(error)")
        }
    }

    private func childEnded() {
        guard let status = child?.poll() else { return }
        end("\(name): the program has ended, status \(status.shellStatus)")
    }

    private func endChild() {
        if let token { context.loop.cancel(token) }
        token = nil
        child = nil
    }
}
