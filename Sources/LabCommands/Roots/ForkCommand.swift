// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Glibc
import Guests
import LabFile
import LinuxSystem
import Model

/// `etherloom fork`: a second lab from one that runs.
struct ForkCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "fork",
            abstract: "Start a second lab from a running one, with all that its guests have changed.",
            discussion: """
                The new directory has the lab file as save writes it, the guests' changes, and links to master, kernel and \
                templates. Ports of the host that the first lab forwards are left out.
                """
        )
    }

    @Argument(help: "The new lab's name.") var name: String
    @Argument(help: "Its directory, which must not be there yet.") var directory: String
    @OptionGroup var lab: LabOptions

    /// What the new lab has of its own; all else it shares by links.
    private static let own = ["host", "mount", "run", "snapshots", "lab.yaml"]

    mutating func run() throws {
        if let objection = LabName.objection(to: name) {
            throw Failure("\"\(name)\": \(objection)", status: ExitStatus.usage)
        }
        let client = try ControlClient.make()
        let old = try lab.name()
        guard old != name else {
            throw Failure("a lab \"\(old)\" runs already; give another name", status: ExitStatus.usage)
        }
        let answer = try client.request("GET", ["labs", old])
        guard let from = answer["directory"]?.text,
            let text = try client.request("GET", ["labs", old, "file"])["file"]?.text
        else { throw Failure("the daemon gave no file") }
        let file = try Self.file(text, name, from: from)
        if let other = (try client.request("GET", ["labs"]).list ?? []).first(where: { $0["name"]?.text == name }) {
            throw Failure(
                "a lab \"\(name)\" runs already, from \(other["directory"]?.text ?? "?"); give another name",
                status: ExitStatus.usage
            )
        }
        let target = try makeDirectory()
        let body: [JSON.Member] = [
            .init("directory", .string(target)), .init("file", .string(file)),
            .init("file-name", .string("\(directory)/lab.yaml")), .init("lab-name", .string(name)),
        ]
        let snapshot = "fork-\(name)"
        var isUp = false
        do {
            _ = try client.request("POST", ["labs", old, "snapshots", snapshot])
            try fill(target, from, file)
            let disks = ForkedDisks(client: client, lab: old, from: from, target: target)
            try move(snapshot, disks)
            // Nobody runs before all have what the first lab's guests had.
            _ = try client.request("POST", ["labs"], body: .object(body + [.init("guests", .array([]))]))
            isUp = true
            _ = try client.request("POST", ["labs", name, "snapshots", snapshot, "restore"])
        } catch {
            // Nothing of it stays.
            if isUp { _ = try? client.request("DELETE", ["labs", name]) }
            _ = try? client.request("DELETE", ["labs", old, "snapshots", snapshot])
            _ = try? RootWorker(.own).run(["remove", target, "\(from)/snapshots/\(snapshot)"])
            throw error
        }
        _ = try client.request("POST", ["labs"], body: .object(body))
    }

    /// Makes the new lab's directory: its path as commands called there know it.
    private func makeDirectory() throws -> String {
        let path = try absolute()
        do throws(Errno) {
            try FileSystem.makeDirectory(path, mode: 0o755)
            return try FileSystem.canonicalPath(path)
        } catch {
            let hint = error == .exists ? "; the new lab's directory must not be there yet" : ""
            throw Failure(
                "\(directory): \(error)\(hint)",
                status: error == .exists ? ExitStatus.usage : ExitStatus.failure
            )
        }
    }

    /// Fills it: links, and the file.
    private func fill(_ target: String, _ from: String, _ file: String) throws {
        do throws(Errno) {
            for entry in try FileSystem.names(in: from) where !Self.own.contains(entry) {
                // The new lab may be below the first one.
                if target == "\(from)/\(entry)" || target.hasPrefix("\(from)/\(entry)/") { continue }
                try FileSystem.makeLink("\(target)/\(entry)", to: "\(from)/\(entry)")
            }
            try FileSystem.makeDirectory(target + "/snapshots", mode: 0o700)
            let output = try OwnedDescriptor.open(target + "/lab.yaml", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            try output.writeAll(file.utf8)
        } catch {
            throw Failure("\(directory): \(error)")
        }
    }

    /// The snapshot becomes the new lab's, by its name, by which disks know their part of it.
    private func move(_ snapshot: String, _ disks: ForkedDisks) throws {
        let saved = "\(disks.from)/snapshots/\(snapshot)"
        let own = "\(disks.target)/snapshots/\(snapshot)"
        let machines = try disks.machines(in: saved)
        do throws(Errno) {
            guard machines.isEmpty else { throw Errno(rawValue: EXDEV) }
            try FileSystem.rename(saved, to: own)
        } catch {
            guard error == Errno(rawValue: EXDEV) else { throw Failure("\(directory): \(error)") }
            // Another file system, or one that the disks of the first lab have to forget.
            try RootWorker(.own).run(["copy", saved, own])
            for machine in machines { try disks.copy(machine) }
            _ = try disks.client.request("DELETE", ["labs", disks.lab, "snapshots", snapshot])
        }
    }

    /// The lab's file with another name, and without the ports of the host that only one lab can have.
    private static func file(_ text: String, _ name: String, from: String) throws -> String {
        do throws(LabFileError) {
            var lab = try LabFile(text, labName: name).lab
            lab.name = name
            // What is not below the first lab's directory is elsewhere as seen from the new one.
            func settled(_ path: String) -> String {
                path.hasPrefix("/") || !path.split(separator: "/").contains("..") ? path : "\(from)/\(path)"
            }
            for index in lab.guests.indices {
                lab.guests[index].master = settled(lab.guests[index].master)
                lab.guests[index].overlays = lab.guests[index].overlays.map(settled)
                lab.guests[index].kernel = lab.guests[index].kernel.map(settled)
                lab.guests[index].initialRAMDisk = lab.guests[index].initialRAMDisk.map(settled)
                lab.guests[index].image = lab.guests[index].image.map(settled)
            }
            for index in lab.tunnels.indices { lab.tunnels[index].key = lab.tunnels[index].key.map(settled) }
            for index in lab.gateways.indices { lab.gateways[index].forwards = [] }
            return LabWriter.text(lab)
        } catch {
            throw Failure(error.description)
        }
    }

    private func absolute() throws -> String {
        guard !directory.hasPrefix("/") else { return directory }
        guard let current = CurrentProcess.workingDirectory else { throw Failure("the current directory is gone") }
        return "\(current)/\(directory)"
    }
}
