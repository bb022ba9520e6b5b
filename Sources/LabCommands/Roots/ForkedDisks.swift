// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ControlClient
import Guests
import LinuxSystem
import Model

/// Disks of a lab's virtual machines, for its fork: files with a snapshot inside, copied while their machine stands still.
struct ForkedDisks {
    let client: ControlClient
    /// The first lab's name and directory, and the new one's.
    let lab: String
    let from: String
    let target: String

    /// Guests of which a snapshot says that their disks have a part of it.
    func machines(in snapshot: String) throws -> [String] {
        do throws(Errno) {
            return try FileSystem.names(in: snapshot).filter { $0.hasPrefix("disk-") }.map { String($0.dropFirst(5)) }
        } catch {
            throw Failure("\(snapshot): \(error)")
        }
    }

    func copy(_ guest: String) throws {
        let report = try client.request("GET", ["labs", lab, "guests", guest])
        let isRunning = report["state"]?.text == "running"
        // A monitor answers when the machine stands still and its disk is written.
        if isRunning { try tell(guest, "stop") }
        defer { if isRunning { try? tell(guest, "cont") } }
        do throws(Errno) {
            do throws(Errno) {
                try FileSystem.makeDirectory("\(target)/host", mode: 0o700)
            } catch .exists {}
        } catch {
            throw Failure("\(target)/host: \(error)")
        }
        try RootWorker(.own).run(["copy", "\(from)/host/\(guest)", "\(target)/host/\(guest)"])
    }

    private func tell(_ guest: String, _ line: String) throws {
        _ = try client.request(
            "POST",
            ["labs", lab, "guests", guest, "requests", "monitor"],
            body: .object([.init("words", .texts([line]))])
        )
    }
}
