// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Guests
import LinuxSystem
import Model

/// Which lab a verb is about: the one of the current directory, of another, or one by name.
struct LabOptions: ParsableArguments {
    @Option(name: .customLong("lab"), help: ArgumentHelp("A running lab by its name.", valueName: "name"))
    var lab: String?
    @Option(
        name: [.customShort("C"), .customLong("directory")],
        help: ArgumentHelp("The lab of this directory.", valueName: "directory")
    )
    var directory: String?

    /// The lab's directory: the nearest one upwards that has a lab.yaml.
    func findDirectory() throws -> String {
        let start = directory ?? "."
        guard let path = try? FileSystem.canonicalPath(start) else {
            throw Failure("\(start): no such directory", status: ExitStatus.usage)
        }
        var parts = path.split(separator: "/")
        while true {
            let candidate = "/" + parts.joined(separator: "/")
            if (try? FileStatus(path: candidate + "/lab.yaml")) != nil { return candidate }
            // A lab that came from standard input has no file.
            if Self.running(candidate) != nil { return candidate }
            guard !parts.isEmpty else { break }
            parts.removeLast()
        }
        throw Failure(
            "no lab.yaml in \(path) or above; go to a lab's directory, or name it: -C DIRECTORY, --lab NAME",
            status: ExitStatus.usage
        )
    }

    /// Where the lab's sockets are.
    func runtimeDirectory() throws -> String {
        if let lab { return LabPlaces.runtimeDirectory(lab: lab) }
        let directory = try findDirectory()
        guard let files = Self.running(directory) else {
            throw Failure("the lab of \(directory) does not run; start it with: etherloom up")
        }
        return files.directory
    }

    /// The running lab of a directory, as its keeper has written it down.
    static func running(_ directory: String) -> RuntimeFiles? {
        let user = LabPlaces.userDirectory
        for name in (try? FileSystem.names(in: user)) ?? [] {
            let files = RuntimeFiles(directory: "\(user)/\(name)")
            if files.owner()?.directory == directory { return files }
        }
        return nil
    }

    /// The running lab's name.
    func name() throws -> String {
        if let lab { return lab }
        let runtime = try runtimeDirectory()
        guard let owner = RuntimeFiles(directory: runtime).owner() else {
            throw Failure("no lab runs at \(runtime); start it with: etherloom up")
        }
        return owner.name
    }

    /// The lab's keeper, for what needs no daemon.
    func keeper() throws -> KeeperClient { try KeeperClient(runtimeDirectory: try runtimeDirectory()) }
}

extension ControlClient {
    /// The user's daemon; started when there is none.
    static func make() throws -> ControlClient {
        guard let program = try? FileSystem.canonicalPath("/proc/self/exe") else {
            throw Failure("/proc is not mounted", status: ExitStatus.unsupported)
        }
        return ControlClient(program: program)
    }
}

/// The form of an answer.
struct FormatOption: ParsableArguments {
    @Option(name: .customLong("format"), help: ArgumentHelp("How to answer: text or json.", valueName: "text|json"))
    var format: ReportFormat = .text

    /// Prints a table, or the JSON it was made from.
    func print(_ json: JSON, _ text: () -> String) throws {
        switch format {
        case .json: try Output.write(json.description + "\n")
        case .text: try Output.write(text())
        }
    }
}

/// Columns for people, as wide as their longest cell.
enum TextTable {
    static func text(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
