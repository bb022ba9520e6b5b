// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The agent's program, and what is put into a guest beside it.
public enum AgentProgram {
    public static let name = "etherloom-agent"

    /// Where it may be: named by `ETHERLOOM_AGENT`, beside this program, as in a build, or where `make install` puts it.
    ///
    /// - Parameter machine: the name of a processor that is not this host's, of which the name ends with a dash and that.
    public static func places(machine: String? = nil) -> [String] {
        let suffix = machine.map { "-\($0)" } ?? ""
        let name = name + suffix
        if let named = CurrentProcess.environment("ETHERLOOM_AGENT"), !named.isEmpty { return [named + suffix] }
        guard let directory = CurrentProcess.programDirectory else { return [] }
        let parent = directory.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        return ["\(directory)/\(name)", "\(parent)/lib/etherloom/\(name)"]
    }

    /// Throws when this installation has none.
    public static func path(machine: String? = nil) throws(GuestError) -> String {
        let places = places(machine: machine)
        guard let path = places.first(where: { (try? FileStatus(path: $0))?.isRegularFile == true }) else {
            throw GuestError(
                "\(name)\(machine.map { "-\($0)" } ?? ""), which runs in virtual machines, is missing; it belongs to "
                    + places.joined(separator: " or ")
                    + (machine.map { "; make it there: CC=\($0)-linux-gnu-gcc Scripts/agent FILE" } ?? ""),
                status: 4
            )
        }
        return path
    }

    /// An initial RAM disk that begins with the agent.
    ///
    /// - Parameters:
    ///   - plan: words of Documentation/Agent.md, "How it gets there".
    ///   - modules: paths of kernel modules, in the order in which they are to be loaded.
    ///   - machine: the guest's processor, where it is not this host's.
    public static func initialRAMDisk(
        plan: [String],
        modules: [String],
        machine: String? = nil
    ) throws(GuestError) -> InitialRAMDisk {
        var disk = InitialRAMDisk()
        disk.addFile("/init", mode: 0o755, contents: try contents(try path(machine: machine)))
        do throws(Errno) {
            disk.addFile("/etherloom/plan", contents: try WordMessage(plan).encoded())
        } catch {
            throw GuestError("the guest's plan has a NUL byte or is longer than 128 KiB", status: 2)
        }
        for (index, path) in modules.enumerated() {
            let file = path.split(separator: "/").last ?? ""
            let number = String(1000 + index).dropFirst()
            disk.addFile("/etherloom/modules/\(number)-\(file)", contents: try contents(path))
        }
        return disk
    }

    private static func contents(_ path: String) throws(GuestError) -> [UInt8] {
        do {
            return try FileSystem.contents(path, limit: 64 << 20)
        } catch {
            throw GuestError("\(path): \(error)")
        }
    }
}
