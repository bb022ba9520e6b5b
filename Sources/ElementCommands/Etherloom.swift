// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import LinuxSystem

/// The command line of `etherloom`, and of the older programs whose names it answers to.
public struct Etherloom: ParsableCommand {
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "etherloom",
            abstract: "Virtual Ethernet for guests, processes and hosts, without root.",
            discussion: LabProgram.help,
            version: "etherloom \(Version.current)",
            subcommands: [
                SwitchCommand.self, GatewayCommand.self, RunCommand.self, PlugCommand.self, WireCommand.self,
                CaptureCommand.self, FilterCommand.self, DelegateCommand.self,
                TermCommand.self, TunnelCommand.self, KeyCommand.self, FabricCommand.self,
                RootsCommand.self, KeeperCommand.self,
            ]
        )
    }

    public init() {}

    /// Runs the program as called and returns its exit status.
    ///
    /// - Parameter arguments: the program's name first, as in `CommandLine.arguments`.
    public static func run(_ arguments: [String]) -> Int32 {
        StandardStreams.ensureOpen()
        var name = arguments.first?.split(separator: "/").last.map(String.init) ?? "etherloom"
        // A login shell is called with a "-" before its name, login(1).
        if name.hasPrefix("-") { name.removeFirst() }
        if let program = CompatibleProgram(rawValue: name) {
            return program.run(Array(arguments.dropFirst()))
        }
        do {
            var words = Array(arguments.dropFirst())
            if let words = LabProgram.words(words) { try LabProgram.run(words) }
            if words.first == "run" { words = ["run"] + RunArguments.fold(Array(words.dropFirst())) }
            var command = try parseAsRoot(words)
            try command.run()
            return ExitStatus.success
        } catch let failure as Failure {
            Report.error(failure.message)
            return failure.status
        } catch let ended as CommandEnded {
            return ended.status.shellStatus
        } catch let failure as ExitCodeOnly {
            return failure.status
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            if exitCode(for: error).isSuccess {
                print(fullMessage(for: error))
                return ExitStatus.success
            }
            Report.error(usageMessage(for: error, verb: arguments.dropFirst().first))
            return ExitStatus.usage
        }
    }

    /// What is wrong with the command line, in one line, and where help is.
    private static func usageMessage(for error: any Error, verb: String?) -> String {
        let text = message(for: error).split(separator: "\n").map { $0.drop(while: { $0 == " " }) }
        let isKnown = configuration.subcommands.contains { $0.configuration.commandName == verb }
        let command = isKnown ? "etherloom \(verb ?? "")" : "etherloom"
        return "\(text.joined(separator: ", ")); see: \(command) --help"
    }
}

/// The version of this package.
public enum Version {
    public static var current: String { "0.1.0" }
}
