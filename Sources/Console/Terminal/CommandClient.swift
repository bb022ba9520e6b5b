// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// `unixcmd` and `vdecmd`: a command from a shell, its data on standard output, its code as exit status.
public enum CommandClient {
    /// Runs the commands one after the other. The status is the errno of the first that failed, 255 when there is no console
    /// or it does not answer.
    public static func run(_ options: TerminalOptions) -> Int32 {
        var options = options
        options.endsWithCode = true
        return TerminalClient.run(options)
    }

    /// Runs one command as the machine in a file says.
    public static func run(_ options: TerminalOptions, machine text: String, command: [String], isTraced: Bool) -> Int32
    {
        let streams = TerminalStreams()
        do {
            let machine = try CommandMachine(text)
            var peer = Peer(connection: try TerminalConnection(options), streams: streams, isTraced: isTraced)
            return machine.run(command: command, &peer)
        } catch let error as TerminalConnection.Failure {
            streams.writeError("\(options.program): \(error.message)\n")
        } catch {
            streams.writeError("\(options.program): \(error)\n")
        }
        return 255
    }

    private final class Peer: CommandMachine.Peer {
        let connection: TerminalConnection
        let streams: TerminalStreams
        let isTraced: Bool
        var received: ArraySlice<UInt8> = []

        init(connection: consuming TerminalConnection, streams: TerminalStreams, isTraced: Bool) {
            self.connection = connection
            self.streams = streams
            self.isTraced = isTraced
        }

        func receive(milliseconds: Int) -> UInt8? {
            if received.isEmpty {
                let ready = try? connection.wait(input: nil, milliseconds: Int32(clamping: milliseconds))
                guard ready?.console == true, let bytes = connection.receive() else { return nil }
                received = bytes[...]
            }
            return received.popFirst()
        }

        func send(_ bytes: [UInt8]) -> Bool { connection.send(bytes, milliseconds: 10_000) }
        func write(_ bytes: [UInt8]) { _ = streams.write(bytes) }
        func trace(_ text: String) { if isTraced { streams.writeError(text) } }
    }
}
