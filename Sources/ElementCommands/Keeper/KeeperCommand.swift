// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Guests
import LinuxSystem

/// `etherloom keeper`: the parent of a lab's guests. Started by the daemon; see etherloom-keeper(1).
struct KeeperCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "keeper",
            abstract: "The parent of a lab's fabric and guests.",
            discussion: "Started for each lab by the daemon. See etherloom-keeper(1).",
            shouldDisplay: false
        )
    }

    @Option(name: .customLong("lab"), help: "The lab's name.")
    var lab: String
    @Option(name: .customLong("directory"), help: "The lab's directory.")
    var directory: String
    @Option(name: .customLong("runtime"), help: "Where its sockets are.")
    var runtime: String?
    @Option(
        name: .customLong("ready-fd"),
        help: "A descriptor on which \"ready\" is written, or \"error STATUS\" and why not."
    )
    var readyDescriptor: Int32?

    mutating func run() throws {
        let ready = readyDescriptor.map { OwnedDescriptor(adopting: $0) }
        do {
            let setup = KeeperSetup(lab: lab, directory: directory, runtime: runtime)
            try KeeperProcess.run(setup) {
                switch ready {
                case .some(let ready): _ = try? ready.write(Array("ready\n".utf8))
                case .none: break
                }
            }
        } catch let error as GuestError {
            switch ready {
            case .some(let ready): _ = try? ready.write(Array("error \(error.status) \(error.message)\n".utf8))
            case .none: break
            }
            throw Failure(error.message, status: error.status)
        }
    }
}
