// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

/// Where a capture is written to: a file, a ring of files, standard output, a socket.
final class CaptureOutput {
    /// Files of at most so many bytes, of which the latest are kept.
    struct Ring: Equatable {
        var byteCount: Int
        var fileCount: Int

        /// `10Mx5`.
        init(_ text: String) throws {
            let parts = text.split(separator: "x")
            guard parts.count == 2, let size = ByteSize.parse(parts[0]), let count = Int(parts[1]), size >= 4096,
                (1...100_000).contains(count)
            else {
                throw Failure(
                    "--ring \(text): wants SIZExFILES, for example 10Mx5, of at least 4K each",
                    status: ExitStatus.usage
                )
            }
            (byteCount, fileCount) = (size, count)
        }
    }

    private var descriptor: OwnedDescriptor
    private let path: String
    private let ring: Ring?
    private var written = 0
    private var number = 1
    /// Waits for its reader: a pipe or a socket.
    private let isStream: Bool

    /// `FILE`, `-`, `unix:PATH` or `tcp:HOST:PORT`.
    init(_ target: String, ring: Ring?) throws {
        self.ring = ring
        path = target
        do {
            descriptor = try Self.open(target, ring)
            isStream = try !FileStatus(descriptor).isRegularFile
        } catch let error as Errno {
            throw Failure("\(target): cannot write there: \(error)")
        }
        if ring != nil, isStream || target == "-" {
            throw Failure("--ring: wants a file behind -w", status: ExitStatus.usage)
        }
    }

    private static func open(_ target: String, _ ring: Ring?) throws -> OwnedDescriptor {
        if target == "-" {
            guard isatty(1) == 0 else {
                throw Failure(
                    "a capture is nothing for a terminal: give -w FILE, or pipe it: etherloom capture … | tcpdump -r -",
                    status: ExitStatus.usage
                )
            }
            return try OwnedDescriptor.duplicate(of: 1)
        }
        if target.hasPrefix("unix:") {
            guard let address = UnixSocketAddress(path: String(target.dropFirst(5))) else { throw Errno.nameTooLong }
            return try UnixSocket.connection(.stream, to: address)
        }
        if target.hasPrefix("tcp:") { return try connect(String(target.dropFirst(4))) }
        return try openFile(name(target, ring, 1))
    }

    private static func openFile(_ path: String) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    }

    private static func connect(_ text: String) throws -> OwnedDescriptor {
        guard let colon = text.lastIndex(of: ":") else {
            throw Failure("tcp:\(text): wants HOST:PORT", status: ExitStatus.usage)
        }
        let host = String(text[..<colon].drop { $0 == "[" }.reversed().drop { $0 == "]" }.reversed())
        do {
            let address = try SocketAddress(host: host, port: String(text[text.index(after: colon)...]), isStream: true)
            let socket = try UnixSocket.makeInternet(for: address, isStream: true)
            if try !UnixSocket.connect(socket, to: address) {
                guard try Readiness.wait(socket, for: 4, milliseconds: 10_000) else { throw Errno.timedOut }
                let result = InternetSocket.connectionResult(socket.rawValue)
                if result < 0 { throw Errno(rawValue: -result) }
            }
            return socket
        } catch {
            throw Failure("tcp:\(text): \(error)")
        }
    }

    /// The name of a file of the ring: `lab.pcapng`, the third one: `lab-00003.pcapng`.
    private static func name(_ path: String, _ ring: Ring?, _ number: Int) -> String {
        guard ring != nil else { return path }
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        guard let dot = path[slash...].lastIndex(of: "."), dot > slash else { return "\(path)-\(padded)" }
        return "\(path[..<dot])-\(padded)\(path[dot...])"
    }

    /// The present file is full: the next one is begun. False when there is nothing to rotate.
    func rotate() throws -> Bool {
        guard let ring, written >= ring.byteCount else { return false }
        number += 1
        written = 0
        let name = Self.name(path, ring, number)
        do throws(Errno) {
            descriptor = try Self.openFile(name)
        } catch {
            throw Failure("\(name): cannot write there: \(error)")
        }
        if number > ring.fileCount { try? FileSystem.remove(Self.name(path, ring, number - ring.fileCount)) }
        return true
    }

    /// Writes as much as is taken now; what is not is returned. Nil: the reader is gone.
    func write(_ bytes: ArraySlice<UInt8>) throws -> ArraySlice<UInt8>? {
        var rest = bytes
        do throws(Errno) {
            while !rest.isEmpty {
                // What is ready takes this much of a pipe at once, whether or not it would wait for more.
                if isStream, try !Readiness.wait(descriptor, for: 4, milliseconds: 0) { return rest }
                let count = try descriptor.write(isStream ? rest.prefix(4096) : rest)
                written += count
                rest = rest.dropFirst(count)
            }
        } catch .wouldBlock {
            return rest
        } catch .brokenPipe, .connectionReset {
            return nil
        } catch {
            throw Failure("\(path): cannot write: \(error)")
        }
        return rest
    }

    /// Waits until the reader takes more, or so long.
    func waitUntilTaken(milliseconds: Int32) { _ = try? Readiness.wait(descriptor, for: 4, milliseconds: milliseconds) }

    /// To be waited for while something is unwritten.
    var streamDescriptor: Int32? { isStream ? descriptor.rawValue : nil }
}

/// Sizes as users write them: digits and perhaps K, M or G.
enum ByteSize {
    static func parse(_ text: Substring) -> Int? {
        var text = text
        var shift = 0
        switch text.last {
        case "K", "k": shift = 10
        case "M", "m": shift = 20
        case "G", "g": shift = 30
        default: break
        }
        if shift > 0 { text.removeLast() }
        guard let number = Int(text), number >= 0, number <= Int.max >> shift else { return nil }
        return number << shift
    }
}
