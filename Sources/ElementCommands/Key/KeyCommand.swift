// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem
import Runtime
import TunnelCrypto

/// `etherloom key`: the keys of tunnels.
struct KeyCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "key",
            abstract: "Make a tunnel's private key, or show the public one.",
            discussion: """
                Makes FILE with a new private key, readable by its owner only, unless it exists, and prints the public key, \
                which is what the other side of a tunnel is told. With "-", reads a private key from standard input and \
                prints its public key.
                """
        )
    }

    @Argument(help: "The file of the private key, or \"-\".")
    var file: String?
    @Flag(name: .customLong("show"), help: "Only show: a missing file is an error.")
    var onlyShow = false

    mutating func run() throws {
        guard let file else {
            throw Failure(
                "key: which file? give the private key's path; see: etherloom key --help",
                status: ExitStatus.usage
            )
        }
        if file == "-" {
            let text = (try? FileSystem.standardInput(limit: 256)) ?? []
            guard let key = TunnelKey(text: String(decoding: text, as: UTF8.self)) else {
                throw Failure("standard input: not a private key: wants 44 characters of base64")
            }
            print(key.publicText)
            return
        }
        do {
            print(try TunnelKeyFile.load(file).publicText)
        } catch  where error.isMissing && !onlyShow {
            do {
                print(try TunnelKeyFile.make(file).publicText)
            } catch {
                throw Failure(error.description)
            }
        } catch {
            throw Failure(error.description)
        }
    }
}
