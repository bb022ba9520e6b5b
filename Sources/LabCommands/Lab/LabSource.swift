// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import LinuxSystem
import Model

/// A lab file as somebody named it.
struct LabSource {
    /// What messages call it.
    let name: String
    let text: String
    private let labName: String

    /// Largest lab file.
    static var limit: Int { 4 << 20 }

    /// Reads the file; `-` is standard input.
    init(_ path: String) throws {
        let isInput = path == "-"
        name = isInput ? "standard input" : path
        let bytes: [UInt8]
        do throws(Errno) {
            let file = try isInput ? OwnedDescriptor.duplicate(of: 0) : OwnedDescriptor.open(path, flags: 0)
            bytes = try Self.readAll(file)
        } catch {
            throw Failure("\(name): \(error); name a lab file, or go to its directory", status: ExitStatus.usage)
        }
        guard bytes.count <= Self.limit else {
            throw Failure("\(name): larger than \(Self.limit) bytes; no lab file is", status: ExitStatus.usage)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure("\(name): the file is no UTF-8 text", status: ExitStatus.usage)
        }
        self.text = text
        labName = Self.labName(path: path)
    }

    /// As much as no lab file has, at most.
    private static func readAll(_ file: borrowing OwnedDescriptor) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let part = try file.read(atMost: 65_536)
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    func read() throws(LabFileError) -> LabFile {
        try LabFile(text, name: name, labName: labName, environment: CurrentProcess.environment(_:))
    }

    /// A lab without a name is called as its directory.
    private static func labName(path: String) -> String {
        let directory = path.hasPrefix("/") ? path : "\(CurrentProcess.workingDirectory ?? "")/\(path)"
        let parts = directory.split(separator: "/").dropLast().filter { $0 != "." }
        guard let last = parts.last.map(String.init), LabName.objection(to: last) == nil else { return "lab" }
        return last
    }
}
