// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Guests
import LinuxSystem

/// The command line of `etherloom-lab`: the verbs that need libraries. Users say `etherloom VERB`, which runs this program, so
/// its help and messages speak of `etherloom`.
public struct EtherloomLab: ParsableCommand {
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "etherloom",
            abstract: "The verbs of etherloom that need more than the small program has.",
            version: "etherloom 0.1.0",
            subcommands: [
                UpCommand.self, DownCommand.self, PsCommand.self, InspectCommand.self, ValidateCommand.self,
                GuestVerb.self, SegmentCommand.self, LinkCommand.self, InterfaceCommand.self, NetworkCommand.self,
                ExecCommand.self, ShellCommand.self, CopyCommand.self, ConsoleCommand.self, LogsCommand.self,
                ForwardCommand.self, PolicyCommand.self, OverlayCommand.self, TemplateCommand.self,
                SnapshotCommand.self, ForkCommand.self, SaveCommand.self, GraphCommand.self, EventsCommand.self,
                DoctorCommand.self, LabCaptureCommand.self, DaemonCommand.self, MasterCommand.self, PromptCommand.self,
                WebCommand.self,
            ]
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
        } catch let failure as GuestError {
            StandardStreams.writeError(failure.message.split(separator: "\n").map { "etherloom: \($0)\n" }.joined())
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
