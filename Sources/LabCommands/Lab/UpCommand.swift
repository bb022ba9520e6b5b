// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom up`: a lab from its file, or the running one made to what the file says now.
struct UpCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "up",
            abstract: "Bring a lab up, or make a running one what its file says now.",
            discussion: """
                Reads lab.yaml of the lab's directory, starts what is missing, changes what differs, and disturbs nothing else. \
                Ends when all guests are ready. etherloom-lab.yaml(5) describes the file.
                """
        )
    }

    @Argument(help: "Guests to start; all without any.")
    var guests: [String] = []
    @OptionGroup var lab: LabOptions
    @Option(name: [.short, .customLong("file")], help: "The lab file, - for standard input; lab.yaml without it.")
    var file: String?
    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Only say what would be done.")
    var isDryRun = false
    @Flag(name: .customLong("no-wait"), help: "End when all has begun.")
    var endsEarly = false
    @Option(name: .customLong("timeout"), help: "Wait so many seconds for guests to be ready; 300 without it.")
    var timeout: Double = 300
    @Option(name: .customLong("down-for"), help: "Milliseconds without carrier for interfaces that move.")
    var downFor: Int?
    @OptionGroup var format: FormatOption
    @Flag(name: [.short, .customLong("quiet")], help: "Do not say what was done.")
    var quiet = false

    mutating func run() throws {
        guard timeout >= 0, timeout < 1e8 else {
            throw Failure("--timeout \(timeout): seconds are wanted", status: ExitStatus.usage)
        }
        if let downFor, !(0..<1 << 40).contains(downFor) {
            throw Failure("--down-for \(downFor): milliseconds are wanted", status: ExitStatus.usage)
        }
        let (source, directory) = try self.source()
        var body: [JSON.Member] = [
            .init("directory", .string(directory)), .init("file", .string(source.text)),
            .init("file-name", .string(source.name)), .init("lab-name", .string(Self.labName(directory))),
            .init("environment", .object(Self.environment(of: source.text))),
        ]
        if !guests.isEmpty { body.append(.init("guests", .texts(guests))) }
        if let downFor { body.append(.init("down-for", .integer(downFor))) }
        let answer = try ControlClient.make().request(
            "POST",
            ["labs"],
            query: [
                ("dry-run", isDryRun ? "1" : nil), ("wait", endsEarly ? "0" : nil),
                ("timeout", String(UInt64(timeout * 1000))),
            ],
            body: .object(body),
            interruption: "interrupted; the lab goes on coming up: etherloom up waits for it, etherloom down ends it"
        )
        let changes = answer["changes"]?.texts ?? []
        switch format.format {
        case .json: try Output.write(answer.description + "\n")
        case .text where quiet: break
        case .text:
            let text = changes.map { $0 + "\n" }.joined()
            if isDryRun {
                try Output.write(changes.isEmpty ? "nothing to do\n" : text)
            } else {
                StandardStreams.writeError(changes.isEmpty ? "" : text)
            }
        }
    }

    private func source() throws -> (source: LabSource, directory: String) {
        if let file, file != "-" {
            let source = try LabSource(file)
            if lab.directory != nil { return (source, try canonical(lab.directory ?? ".")) }
            // The directory in which it is named, also when what is there is a link to elsewhere.
            return (source, try canonical(PathParts(file).directory))
        }
        if file == "-" { return (try LabSource("-"), try canonical(lab.directory ?? ".")) }
        let directory = try lab.findDirectory()
        return (try LabSource(directory + "/lab.yaml"), directory)
    }

    private func canonical(_ path: String) throws -> String {
        do throws(Errno) {
            return try FileSystem.canonicalPath(path)
        } catch {
            throw Failure("\(path): \(error)", status: ExitStatus.usage)
        }
    }

    private static func labName(_ directory: String) -> String {
        guard let last = directory.split(separator: "/").last.map(String.init), LabName.objection(to: last) == nil
        else {
            return "lab"
        }
        return last
    }

    /// Values of the variables that the file names: the daemon has an environment of its own, which is nobody's business.
    private static func environment(of text: String) -> [JSON.Member] {
        var members: [JSON.Member] = []
        var rest = Substring(text)
        while let start = rest.firstRange(of: "${") {
            rest = rest[start.upperBound...]
            let name = String(rest.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
            if !name.isEmpty, !members.contains(where: { $0.key == name }),
                let value = CurrentProcess.environment(name)
            {
                members.append(.init(name, .string(value)))
            }
        }
        return members
    }
}
