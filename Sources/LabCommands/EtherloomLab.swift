// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import LinuxSystem

/// The command line of `etherloom-lab`: the verbs that need libraries. Users say `etherloom VERB`, which runs this program, so
/// its help and messages speak of `etherloom`.
public struct EtherloomLab: ParsableCommand {
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "etherloom",
            abstract: "The verbs of etherloom that need more than the small program has.",
            subcommands: [ValidateCommand.self, WebCommand.self, MasterCommand.self]
        )
    }

    public init() {}

    /// Runs the program as called and returns its exit status.
    ///
    /// - Parameter arguments: the program's name first, as in `CommandLine.arguments`.
    public static func run(_ arguments: [String]) -> Int32 {
        StandardStreams.ensureOpen()
        do {
            var command = try parseAsRoot(Array(arguments.dropFirst()))
            try command.run()
            return ExitStatus.success
        } catch let failure as Failure {
            StandardStreams.writeError("etherloom: \(failure.message)\n")
            return failure.status
        } catch let code as ExitCode {
            // What there was to say has been said.
            return code.rawValue
        } catch {
            if exitCode(for: error).isSuccess {
                StandardStreams.writeOutput(fullMessage(for: error) + "\n")
                return ExitStatus.success
            }
            let text = message(for: error).split(separator: "\n").map { $0.drop(while: { $0 == " " }) }
            let verb = configuration.subcommands.compactMap { $0.configuration.commandName }
                .first { $0 == arguments.dropFirst().first }
            let command = (["etherloom"] + (verb.map { [$0] } ?? [])).joined(separator: " ")
            StandardStreams.writeError("etherloom: \(text.joined(separator: ", ")); see: \(command) --help\n")
            return ExitStatus.usage
        }
    }
}
