// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

@Suite("Requests for a place at a switch", .mayRun(seconds: 60))
struct RequestServerTests {
    /// The address of a socket file, as a request carries it.
    private func address(_ path: String) throws -> [UInt8] {
        let bytes = try #require(UnixSocketAddress(path: path)).bytes
        return bytes + [UInt8](repeating: 0, count: UnixSocketAddress.byteCount - bytes.count)
    }

    /// Whether the switch closes the connection after a request that names this file.
    private func isRefused(_ path: String, _ live: LiveSwitch) throws -> Bool {
        let control = try RawVDEClient.connectControl(live.directory)
        try UnixSocket.send(RawVDEClient.request(ownAddress: address(path)), to: control)
        return try RawVDEClient.readAll(control.rawValue, 110) == nil
    }

    @Test("a request that names a file of somebody's is refused, and the file stays")
    func foreignFiles() throws {
        let folder = try TemporaryDirectory()
        try withSwitch { live in
            // Named as the leftover of a client would be, in the switch's own directory.
            let file = live.directory + "/.00042-00000"
            let link = live.directory + "/.00043-00000"
            try "precious".write(toFile: file, atomically: false, encoding: .utf8)
            let socket = try UnixSocket.make(.datagram)
            try UnixSocket.bind(socket, to: try #require(UnixSocketAddress(path: folder.path + "/socket")))
            #expect(symlink(folder.path + "/socket", link) == 0)
            for path in [file, link, live.directory, folder.path + "/none"] {
                #expect(try isRefused(path, live), "\(path)")
            }
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
            #expect(try FileStatus(path: link, followLinks: false).mode & 0o170000 == 0o120000)
            #expect(live.portNumbers.isEmpty)
            #expect(live.log.count { $0.contains("refused a client") } == 4)
            // No data socket was left behind either.
            #expect(try FileSystem.names(in: live.directory).allSatisfy { !SwitchDirectory.isDataSocketName($0) })
            try FileSystem.remove(file)
            try FileSystem.remove(link)
            withExtendedLifetime(socket) {}
        }
    }

    @Test("a server that goes takes those who have not asked yet with it")
    func released() throws {
        let folder = try TemporaryDirectory()
        let loop = try ControlLoop()
        let dataPlane = try DataPlane(configuration: EngineConfiguration(portCount: 5, isHub: false))
        defer { dataPlane.stop() }
        let options = SwitchOptions(directory: folder.path + "/switch")
        let element = try Switch(options: options, loop: loop, dataPlane: dataPlane)
        let directory = try SwitchDirectory.open(options)
        var server: VDEServer? = try VDEServer(element, directory: directory)
        let silent = try RawVDEClient.connectControl(options.directory)
        loop.after(milliseconds: 50) { loop.stop() }
        try loop.run()
        withExtendedLifetime(server) {}
        #expect(try Poll.isReadable(silent.rawValue, deadline: 0) == false)
        server = nil
        #expect(try RawVDEClient.readAll(silent.rawValue, 1) == nil)
        directory.remove()
    }
}
